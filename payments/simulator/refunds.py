"""Money given back: asked for by the merchant, made by a person at the gateway's console, or ended by one.

wechat.py, alipay.py and oracle.py call it; the faults of refunds strike here.
"""

from typing import Final

from payments.simulator import crypto
from payments.simulator.book import End, GatewayName, Refund, Refused, Trade
from payments.simulator.postman import Postman
from payments.simulator.world import World

SECONDS: Final[dict[GatewayName, float]] = {"WECHAT": 60.0, "ALIPAY": 0.0}  # it takes, divided by the time scale
YEAR_SECONDS: Final = 365 * 86400  # after which nothing is given back any more


def ask(
    world: World, postman: Postman, trade: Trade, no: str, amount: int, reason: str = "", notify_url: str = ""
) -> tuple[Refund, bool]:
    """Refund for the merchant, once per number; the refund and whether it is new. Raises Refused."""
    known = world.book.known_refund(trade, no, amount)
    if known is not None:
        return known, False
    if trade.paid_at + YEAR_SECONDS < world.clock.now():
        raise Refused("finished")
    if world.faults.strikes("not_enough", "refund"):
        raise Refused("not_enough")
    now = world.clock.now()
    refund = Refund(no, _number(trade, now), amount, reason, notify_url, at=now, done_at=now)
    refund.done_at += SECONDS[trade.gateway] / world.time_scale
    if world.faults.strikes("refund_stuck", "refund"):
        refund.done_at = now + world.scaled("refund_stuck")
    if trade.gateway == "WECHAT" and world.faults.strikes("refund_abnormal", "refund"):
        refund.ends = "ABNORMAL"
    elif world.faults.strikes("refund_failed", "refund"):
        refund.ends = "CLOSED"
    world.book.refund(trade, refund)
    _tell(postman, world, trade, refund)
    return refund, True


def at_the_console(world: World, postman: Postman, trade: Trade, amount: int, *, is_told: bool) -> Refund:
    """Refund as a person at the gateway's own pages does: under a number that the merchant never gave."""
    now = world.clock.now()
    no = f"{int(now)}{crypto.digits(18)}"
    world.book.known_refund(trade, no, amount)
    refund = Refund(no, _number(trade, now), amount, "", "", at=now, done_at=now, by="console")
    refund.done_at += SECONDS[trade.gateway] / world.time_scale
    world.book.refund(trade, refund)
    if is_told:
        _tell(postman, world, trade, refund)
    world.note("console refund", trade.no, refund=no, amount=amount)
    return refund


def finish(world: World, postman: Postman, trade: Trade, refund: Refund, end: End) -> None:
    """End a refund now, as a person at the gateway does with one that is stuck or ABNORMAL."""
    if refund.state(world.clock.now()) in {"SUCCESS", "CLOSED"}:
        raise Refused("finished")
    refund.ends, refund.done_at = end, world.clock.now()
    world.book.save(trade)
    _tell(postman, world, trade, refund)


def _tell(postman: Postman, world: World, trade: Trade, refund: Refund) -> None:
    """Send a notification when it is done. Alipay has none for a refund that failed."""
    if trade.gateway == "WECHAT" or refund.ends == "SUCCESS":
        postman.send(trade, world.book.post(trade, refund.no))


def _number(trade: Trade, now: float) -> str:
    return f"50{int(now):011d}{crypto.digits(15)}" if trade.gateway == "WECHAT" else crypto.digits(28)
