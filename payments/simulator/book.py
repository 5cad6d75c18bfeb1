"""The gateways' books: trades, refunds and what may happen to them. In memory, written through to SQLite.

The protocol modules, the cashier and the oracle call it. Amounts in fen, moments in seconds since 1970.
"""

import sqlite3
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal

import orjson

from payments.simulator.crypto import digits, token

GatewayName = Literal["WECHAT", "ALIPAY"]
Why = Literal["absent", "paid", "closed", "expired", "used", "unpaid", "too_much", "changed", "not_enough", "finished"]
End = Literal["SUCCESS", "ABNORMAL", "CLOSED"]


class Refused(Exception):
    """The books say no; each protocol has its own word for `why`."""

    def __init__(self, why: Why) -> None:
        super().__init__(why)
        self.why = why


@dataclass(slots=True)
class Refund:
    """Money given back under the merchant's number `no`: PROCESSING until `done_at`, then what `ends` says."""

    no: str
    refund_no: str
    amount: int
    reason: str
    notify_url: str
    at: float
    done_at: float
    ends: End = "SUCCESS"
    by: Literal["merchant", "console"] = "merchant"  # "console": a person at the gateway's own pages

    def state(self, now: float) -> Literal["PROCESSING", "SUCCESS", "ABNORMAL", "CLOSED"]:
        """What has become of it."""
        return self.ends if now >= self.done_at else "PROCESSING"


@dataclass(slots=True)
class Letter:
    """A notification to deliver: its id stays the same in every retry."""

    id: str
    refund: str = ""  # the merchant's refund number, "" for the payment
    done: bool = False
    tries: int = 0


@dataclass(slots=True)
class Trade:
    """One payment as the gateway knows it."""

    gateway: GatewayName
    no: str
    merchant: str
    app: str
    amount: int
    currency: str
    subject: str
    form: str
    notify_url: str
    return_url: str
    created_at: float
    expires_at: float
    token: str = field(default_factory=token)
    state: Literal["NOTPAY", "SUCCESS", "CLOSED"] = "NOTPAY"
    is_expired: bool = False
    was_opened: bool = True  # Alipay does not know a QR payment before its code was scanned
    txn_no: str = ""
    paid_at: float = 0.0
    captured: int = 0
    late_at: float = 0.0  # when the money of a closed trade is captured all the same
    coupon: int = 0  # the part of it that the gateway itself paid for the buyer
    openid: str = ""
    refunds: list[Refund] = field(default_factory=list)
    letters: list[Letter] = field(default_factory=list)

    @property
    def payer(self) -> str:
        """Who pays, as WeChat Pay calls the buyer to this merchant."""
        return self.openid or f"o{self.token[:27]}"

    @property
    def refunded(self) -> int:
        """The sum given back or on its way to the buyer."""
        return sum(refund.amount for refund in self.refunds if refund.ends == "SUCCESS")

    @property
    def reserved(self) -> int:
        """The sum that no other refund may take."""
        return sum(refund.amount for refund in self.refunds if refund.ends != "CLOSED")

    def find_refund(self, no: str) -> Refund | None:
        """Look up the refund with the merchant's number `no`."""
        return next((refund for refund in self.refunds if refund.no == no), None)


class Book:
    """All trades. Everything runs in one thread, so each method is atomic."""

    def __init__(self, file: Path | None, now: Callable[[], float]) -> None:
        self._now = now
        if file is not None:
            file.touch(mode=0o600)
            file.chmod(0o600)  # SQLite gives the files beside it the same mode
        self._db = sqlite3.connect(file or ":memory:", isolation_level=None)
        self._db.execute("PRAGMA journal_mode=WAL")
        self._db.execute("PRAGMA synchronous=OFF")  # a demo's books may lose a power cut, not a restart
        self._db.execute("CREATE TABLE IF NOT EXISTS trade (gateway, no, body, PRIMARY KEY (gateway, no))")
        self._trades: dict[tuple[GatewayName, str], Trade] = {}
        self._tokens: dict[str, Trade] = {}
        self._refunds: dict[tuple[GatewayName, str], Trade] = {}
        self._numbers: dict[tuple[GatewayName, str], Trade] = {}  # the gateway's own
        for (body,) in self._db.execute("SELECT body FROM trade ORDER BY rowid"):
            self._keep(_revived(orjson.loads(body)))

    def __iter__(self) -> Iterator[Trade]:
        yield from self._trades.values()

    def find(self, gateway: GatewayName, no: str) -> Trade:
        """Look a trade up by the merchant's number; an overdue one closes now. Raises Refused("absent")."""
        trade = self._trades.get((gateway, no))
        if trade is None:
            raise Refused("absent")
        return self._aged(trade)

    def by_number(self, gateway: GatewayName, txn_no: str) -> Trade:
        """Look a trade up by the gateway's own number. Raises Refused("absent")."""
        trade = self._numbers.get((gateway, txn_no))
        if trade is None:
            raise Refused("absent")
        return self._aged(trade)

    def by_token(self, token: str) -> Trade:
        """Look a trade up by the token of its cashier page. Raises Refused("absent")."""
        if token not in self._tokens:
            raise Refused("absent")
        return self._aged(self._tokens[token])

    def find_refund(self, gateway: GatewayName, no: str) -> tuple[Trade, Refund]:
        """Look a refund up by the merchant's number for it. Raises Refused("absent")."""
        trade = self._refunds.get((gateway, no))
        refund = trade.find_refund(no) if trade else None
        if trade is None or refund is None:
            raise Refused("absent")
        return trade, refund

    def open(self, trade: Trade) -> Trade:
        """Open a trade; the same number with the same amount is the same trade."""
        known = self._trades.get((trade.gateway, trade.no))
        if known is None:
            if trade.was_opened:
                self._number(trade)
            self.save(trade)
            self._keep(trade)
            return trade
        self._must_be_open(self._aged(known))
        if known.amount != trade.amount:
            raise Refused("used")
        return known

    def open_up(self, trade: Trade) -> None:
        """Let the buyer look at it: from then on Alipay knows the trade and has a number for it."""
        if not trade.was_opened:
            trade.was_opened = True
            self._number(trade)
            self.save(trade)

    def pay(self, trade: Trade, amount: int | None = None, coupon: int = 0, *, late: bool = False) -> Letter:
        """Take the customer's money, `late` also when the trade is closed; returns the notification now due."""
        if trade.state == "SUCCESS" or not late:
            self._must_be_open(self._aged(trade))
        trade.was_opened = True
        trade.captured = trade.amount if amount is None else amount
        trade.coupon = coupon
        trade.paid_at = self._now()
        self._number(trade)
        trade.state = "SUCCESS"
        return self.post(trade)

    def close(self, trade: Trade) -> None:
        """Close an open trade. Raises Refused("paid") or Refused("closed")."""
        self._must_be_open(self._aged(trade))
        trade.state = "CLOSED"
        self.save(trade)

    def known_refund(self, trade: Trade, no: str, amount: int) -> Refund | None:
        """Look up the refund of a number, None when it may be tried: it is new, or it failed. Raises Refused."""
        if trade.state != "SUCCESS":
            raise Refused("unpaid")
        known = trade.find_refund(no)
        if known is not None and known.amount != amount:
            raise Refused("changed")
        if known is None and trade.gateway == "WECHAT" and (trade.gateway, no) in self._refunds:
            raise Refused("changed")
        if known is not None and known.state(self._now()) != "CLOSED":
            return known
        if amount <= 0 or trade.reserved + amount > trade.captured:
            raise Refused("too_much")
        return None

    def refund(self, trade: Trade, refund: Refund) -> None:
        """Give money back; one that failed is tried again under its number. Ask `known_refund` first."""
        trade.refunds = [*(old for old in trade.refunds if old.no != refund.no), refund]
        self._refunds[trade.gateway, refund.no] = trade
        self.save(trade)

    def post(self, trade: Trade, refund: str = "") -> Letter:
        """Note that a notification is due."""
        letter = Letter(id=f"EV-{token(24)}", refund=refund)
        trade.letters.append(letter)
        self.save(trade)
        return letter

    def save(self, trade: Trade) -> None:
        """Write a changed trade down."""
        row = (trade.gateway, trade.no, orjson.dumps(trade))
        self._db.execute("INSERT INTO trade VALUES (?, ?, ?) ON CONFLICT DO UPDATE SET body = excluded.body", row)

    def clear(self) -> None:
        """Forget everything."""
        self._db.execute("DELETE FROM trade")
        self._trades.clear()
        self._tokens.clear()
        self._refunds.clear()
        self._numbers.clear()

    def _keep(self, trade: Trade) -> None:
        self._trades[trade.gateway, trade.no] = trade
        self._tokens[trade.token] = trade
        if trade.txn_no:
            self._numbers[trade.gateway, trade.txn_no] = trade
        self._refunds.update({(trade.gateway, refund.no): trade for refund in trade.refunds})

    def _number(self, trade: Trade) -> None:
        """Give a trade the gateway's own number: Alipay when it is opened, WeChat Pay when it is paid."""
        if not trade.txn_no and (trade.gateway == "ALIPAY" or trade.paid_at):
            prefix = "42" if trade.gateway == "WECHAT" else "20"
            trade.txn_no = f"{prefix}{int(self._now()):011d}{digits(15)}"
            self._numbers[trade.gateway, trade.txn_no] = trade

    def _aged(self, trade: Trade) -> Trade:
        if trade.state == "NOTPAY" and self._now() >= trade.expires_at:
            trade.state, trade.is_expired = "CLOSED", True
            self.save(trade)
        return trade

    def _must_be_open(self, trade: Trade) -> None:
        if trade.state == "SUCCESS":
            raise Refused("paid")
        if trade.state == "CLOSED":
            raise Refused("expired" if trade.is_expired else "closed")


def _revived(body: dict[str, object]) -> Trade:
    refunds, letters = body.pop("refunds"), body.pop("letters")
    assert isinstance(refunds, list)
    assert isinstance(letters, list)
    return Trade(
        **body,  # type: ignore[arg-type]
        refunds=[Refund(**refund) for refund in refunds],
        letters=[Letter(**letter) for letter in letters],
    )
