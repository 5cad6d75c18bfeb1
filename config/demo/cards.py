"""Dana's Digital Cards: five products, two hundred made-up keys each."""

import secrets

from config.demo.tables import Good, Section
from config.ground.ids import ALPHABET

SECTIONS = (
    Section(
        ("Top-ups", "充值"),
        (
            Good("Phone top-up ¥50", "话费充值 50 元", 4980, "card-phone"),
            Good("Phone top-up ¥100", "话费充值 100 元", 9950, "card-phone"),
        ),
    ),
    Section(
        ("Subscriptions", "会员"),
        (
            Good("Music, one month", "音乐会员月卡", 1500, "card-music"),
            Good("Cloud storage, one year", "云存储年卡", 9900, "card-cloud"),
            Good("Game credits, 600", "游戏点券 600", 6000, "card-key"),
        ),
    ),
)
KEYS_EACH = 200


def keys(label: str) -> list[bytes]:
    """Fresh keys that look like keys: `MUSI-7Q2K-…`."""
    prefix = "".join(letter for letter in label.upper() if letter.isascii() and letter.isalpha())[:4]
    return [f"{prefix}-{_block()}-{_block()}-{_block()}".encode() for _ in range(KEYS_EACH)]


def _block() -> str:
    return "".join(secrets.choice(ALPHABET) for _ in range(4)).upper()
