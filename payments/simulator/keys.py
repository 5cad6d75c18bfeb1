"""Keys and names of both gateways and of the demo merchant: made once, kept in the state folder, handed to the shop.

__main__.py calls `load` at start, the oracle rotates. Layout: see the package's docstring.
"""

import itertools
import json
import secrets
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import rsa
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.serialization import (
    Encoding,
    NoEncryption,
    PrivateFormat,
    PublicFormat,
    load_pem_private_key,
)
from cryptography.x509.oid import NameOID


class NotOurs(Exception):
    """The gateway folder holds a merchant that this simulator did not make."""


@dataclass(frozen=True, slots=True)
class Names:
    """What the demo merchant is called at WeChat Pay (first five) and at Alipay."""

    mchid: str
    appid: str
    merchant_serial_no: str
    apiv3_key: str
    public_key_id: str  # the first one; WechatPlatform knows which are valid now
    app_id: str
    seller_id: str


class WechatPlatform:
    """WeChat Pay's signing keys by their ids, oldest first. While it changes them, all that are left are valid."""

    def __init__(self, folder: Path, first_id: str) -> None:
        self._folder, self._list = folder, folder / "wechat_platform.json"
        if not self._list.exists():
            _write(self._list, json.dumps({first_id: "wechat_platform_private.pem"}, indent=2).encode())
        self._files: dict[str, str] = json.loads(self._list.read_text())
        self.valid = {key_id: _private(folder / file) for key_id, file in self._files.items()}
        self._turns = itertools.count()

    @property
    def newest_id(self) -> str:
        """The key that a merchant should use from now on."""
        return next(reversed(self.valid))

    def any_id(self) -> str:
        """Name the valid keys in turn: which one signs a notification, a merchant cannot choose."""
        return list(self.valid)[next(self._turns) % len(self.valid)]

    def rotate(self) -> None:
        """Add a key."""
        key_id = _public_key_id()
        file = f"{key_id}.pem"
        self.valid[key_id] = _private(self._folder / file)
        self._remember({**self._files, key_id: file})

    def retire(self) -> None:
        """Keep the newest key only."""
        newest = self.newest_id
        self.valid = {newest: self.valid[newest]}
        self._remember({newest: self._files[newest]})

    def _remember(self, files: dict[str, str]) -> None:
        self._files = files
        _write(self._list, json.dumps(files, indent=2).encode())


@dataclass(frozen=True, slots=True)
class Keys:
    """Everything both sides know. Private halves of the merchant only to write them down for the shop."""

    names: Names
    wechat_platform: WechatPlatform
    wechat_merchant: rsa.RSAPrivateKey
    alipay_platform: rsa.RSAPrivateKey
    alipay_merchant: rsa.RSAPrivateKey
    certificate: x509.Certificate

    def file_of(self, key_id: str) -> str:
        """Name the shop's file of a public key of WeChat Pay."""
        newest = self.wechat_platform.newest_id
        return "wechat_platform_public.pem" if key_id == newest else f"wechat_platform_public_{key_id[-8:]}.pem"

    def merchant(self, notify_base: str) -> dict[str, object]:
        """Describe the merchant for the shop's merchant.json."""
        return {
            "made_by": "simulator",
            "notify_base": notify_base,
            "wechat": {
                "mchid": self.names.mchid,
                "appid": self.names.appid,
                "merchant_serial_no": self.names.merchant_serial_no,
                "apiv3_key": self.names.apiv3_key,
                "public_key_id": self.wechat_platform.newest_id,
                "public_keys": {key_id: self.file_of(key_id) for key_id in self.wechat_platform.valid},
            },
            "alipay": {"app_id": self.names.app_id, "seller_id": self.names.seller_id},
        }


def load(state: Path) -> Keys:
    """Read the keys of a state folder, making them at the first start."""
    folder = state / "keys"
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    names = Names(**_names(folder / "names.json"))
    platform = _private(folder / "wechat_platform_private.pem")
    return Keys(
        names=names,
        wechat_platform=WechatPlatform(folder, names.public_key_id),
        wechat_merchant=_private(folder / "wechat_merchant_private.pem"),
        alipay_platform=_private(folder / "alipay_platform_private.pem"),
        alipay_merchant=_private(folder / "alipay_merchant_private.pem"),
        certificate=_certificate(folder / "wechat_platform_cert.pem", platform),
    )


def hand_over(keys: Keys, folder: Path, notify_base: str) -> None:
    """Write the shop's half into its gateway folder. Raises NotOurs rather than replace a real merchant."""
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    target = folder / "merchant.json"
    if target.exists() and json.loads(target.read_text()).get("made_by") != "simulator":
        message = f"{target} describes a real merchant; give another --gateway-dir"
        raise NotOurs(message)
    _write(folder / "wechat_merchant_private.pem", _pem(keys.wechat_merchant))
    _write(folder / "alipay_merchant_private.pem", _pem(keys.alipay_merchant))
    _write(folder / "alipay_platform_public.pem", _public_pem(keys.alipay_platform))
    handed = {keys.file_of(key_id): key for key_id, key in keys.wechat_platform.valid.items()}
    for file, key in handed.items():
        _write(folder / file, _public_pem(key))
    for stale in set(folder.glob("wechat_platform_public_*.pem")) - {folder / file for file in handed}:
        stale.unlink()
    _write(target, json.dumps(keys.merchant(notify_base), indent=2).encode())


def _names(file: Path) -> dict[str, str]:
    if not file.exists():
        names = {
            "mchid": f"19{secrets.randbelow(10**8):08d}",
            "appid": f"wx{secrets.token_hex(8)}",
            "merchant_serial_no": secrets.token_hex(20).upper(),
            "apiv3_key": secrets.token_hex(16),  # 32 characters, used as the 256-bit key itself
            "public_key_id": _public_key_id(),
            "app_id": f"2021{secrets.randbelow(10**12):012d}",
            "seller_id": f"2088{secrets.randbelow(10**12):012d}",
        }
        _write(file, json.dumps(names, indent=2).encode())
    read: dict[str, str] = json.loads(file.read_text())
    return read


def _private(file: Path) -> rsa.RSAPrivateKey:
    if not file.exists():
        _write(file, _pem(rsa.generate_private_key(public_exponent=65537, key_size=2048)))
    key = load_pem_private_key(file.read_bytes(), password=None)
    assert isinstance(key, rsa.RSAPrivateKey)
    return key


def _certificate(file: Path, key: rsa.RSAPrivateKey) -> x509.Certificate:
    """Read or make the platform certificate that merchants without public-key mode download."""
    if not file.exists():
        name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "Simulated WeChat Pay platform")])
        now = datetime.now(tz=UTC)
        made = (
            x509.CertificateBuilder()
            .subject_name(name)
            .issuer_name(name)
            .public_key(key.public_key())
            .serial_number(x509.random_serial_number())
            .not_valid_before(now - timedelta(days=1))
            .not_valid_after(now + timedelta(days=1825))
            .sign(key, SHA256())
        )
        _write(file, made.public_bytes(Encoding.PEM))
    return x509.load_pem_x509_certificate(file.read_bytes())


def _public_key_id() -> str:
    return f"PUB_KEY_ID_{secrets.token_hex(16).upper()}"


def _public_pem(key: rsa.RSAPrivateKey) -> bytes:
    return key.public_key().public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo)


def _pem(key: rsa.RSAPrivateKey) -> bytes:
    return key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())


def _write(file: Path, content: bytes) -> None:
    """Write atomically and readable by the owner only; an equal file is left alone."""
    if file.exists() and file.read_bytes() == content:
        return
    draft = file.with_suffix(f".{secrets.token_hex(4)}")
    draft.touch(mode=0o600)
    draft.write_bytes(content)
    draft.replace(file)
