"""The port between our payments and any gateway: what may be asked, what may be answered, what may go wrong.

The payment services, the callback views and the reconciliation call it; wechat.py, alipay.py and cash.py fill it.
Every amount is a whole number of minor units (fen), every moment an aware datetime in UTC. No method touches the
database, so none may be called inside a transaction: each may take up to 7 seconds (2 to connect, 5 to answer).
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import date, datetime
from typing import Any, Literal, NamedTuple, Protocol

Channel = Literal["WECHAT", "ALIPAY", "CASH"]
Form = Literal["native", "h5", "jsapi", "page", "wap", "qr", "door"]
TradeState = Literal["NOTPAY", "PROCESSING", "SUCCESS", "CLOSED", "REFUNDED", "ABSENT"]
RefundState = Literal["PROCESSING", "SUCCESS", "ABNORMAL", "CLOSED", "ABSENT"]
CloseAnswer = Literal["CLOSED", "PAID", "ABSENT"]
ForgedReason = Literal["headers", "serial", "stale", "signature", "shape", "kind", "merchant", "amount"]
Raw = Mapping[str, Any]


class GatewayError(Exception):
    """Whatever a gateway call may raise."""


class Definitive(GatewayError):
    """The gateway understood and said no: `code` is its own word (ORDERPAID, ACQ.TRADE_HAS_SUCCESS …).

    WeChat's error bodies reach us unverified, so treat them as a hint: never drop money because of one.
    """

    def __init__(self, code: str, message: str) -> None:
        super().__init__(f"{code}: {message}")
        self.code = code
        self.message = message


class Unknown(GatewayError):
    """Nobody knows whether it happened: timeout, 5xx, broken signature. Same number again, then query."""

    def __init__(self, message: str) -> None:
        super().__init__(message)
        self.message = message


class Resting(Unknown):
    """The channel failed too often just now; nothing was sent. Offer the other channel, come back later."""


class Misconfigured(GatewayError):
    """Our own fault: keys missing, a form the channel does not have, a host that is not the gateway's."""

    def __init__(self, message: str) -> None:
        super().__init__(message)
        self.message = message


class Forged(Exception):
    """A notification that must not be believed. `reason` is stable (counted, stored); `detail` is for people."""

    def __init__(self, reason: ForgedReason, detail: str = "") -> None:
        super().__init__(f"{reason}: {detail}" if detail else reason)
        self.reason = reason
        self.detail = detail


@dataclass(frozen=True, slots=True, kw_only=True)
class Create:
    """Ask for one payment. `out_trade_no` is ours: 6 to 32 of [0-9A-Za-z_-], never used for another amount."""

    out_trade_no: str
    amount_minor: int
    currency: str = "CNY"
    subject: str
    expires_at: datetime  # the gateway's deadline, earlier than our own
    notify_url: str  # without a query string: the gateways refuse or drop it
    return_url: str = ""
    form: Form
    client_ip: str = ""
    payer: str = ""  # jsapi: the buyer's openid in our mini-program


@dataclass(frozen=True, slots=True)
class Created:
    """Where the buyer goes: a code to show as a QR picture, an address to open, or a number for `invocation`.

    None of them for cash.
    """

    code_url: str | None = None
    redirect_url: str | None = None
    prepay_id: str | None = None
    raw: Raw = field(default_factory=dict)


@dataclass(frozen=True, slots=True, kw_only=True)
class Seen:
    """What the gateway says of one payment. SUCCESS and REFUNDED carry number, amount and moment; ABSENT nothing.

    `amount_minor` is the order's total, not what the payer paid after the gateway's own coupons.
    """

    out_trade_no: str
    state: TradeState
    gateway_txn_no: str = ""
    amount_minor: int | None = None
    currency: str = "CNY"
    paid_at: datetime | None = None
    merchant_account: str
    raw: Raw = field(default_factory=dict)


@dataclass(frozen=True, slots=True, kw_only=True)
class RefundAsk:
    """Give back `amount_minor` of a payment of `total_minor`. The same `out_refund_no` never refunds twice."""

    out_trade_no: str
    out_refund_no: str
    amount_minor: int
    total_minor: int
    currency: str = "CNY"
    reason: str = ""
    notify_url: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class RefundSeen:
    """What the gateway says of one refund. `amount_minor` is None where it only states a running total."""

    out_trade_no: str
    out_refund_no: str
    state: RefundState
    gateway_refund_no: str = ""
    amount_minor: int | None = None
    currency: str = "CNY"
    refunded_at: datetime | None = None
    merchant_account: str
    raw: Raw = field(default_factory=dict)


@dataclass(frozen=True, slots=True, kw_only=True)
class Notification:
    """A verified notification: `payment` for kind "payment", `refund` for kind "refund".

    `dedupe_key` is the gateway's own id of it, equal in every retry. Seen before never means done.
    """

    kind: Literal["payment", "refund"]
    dedupe_key: str
    payment: Seen | None = None
    refund: RefundSeen | None = None
    raw: Raw = field(default_factory=dict)


@dataclass(frozen=True, slots=True, kw_only=True)
class BillLine:
    """One line of a daily bill; `fee_minor` is what the gateway kept, `out_refund_no` is "" for payments.

    `state` of a refund may be PROCESSING: it was when the bill was made.
    """

    kind: Literal["payment", "refund"]
    out_trade_no: str
    gateway_txn_no: str
    out_refund_no: str = ""
    gateway_refund_no: str = ""
    state: str = "SUCCESS"
    amount_minor: int
    fee_minor: int
    at: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class Bill:
    """The gateway's account of one day (Asia/Shanghai); amounts as its own summary states them.

    `lines` are read from a file, each time anew; at their end they raise Unknown when they disagree with the summary.
    """

    day: date
    lines: Iterable[BillLine]
    paid_minor: int
    refunded_minor: int
    sha256: str = ""  # of the unpacked file


class Reply(NamedTuple):
    """What to answer to a notification."""

    status: int
    content_type: str
    body: bytes


class Gateway(Protocol):
    """One way to pay. Every method that asks the gateway raises Definitive, Unknown or Misconfigured."""

    @property
    def channel(self) -> Channel:
        """The name stored with every attempt."""

    @property
    def merchant_account(self) -> str:
        """Our account at this gateway; part of the identity of an `out_trade_no`."""

    @property
    def forms(self) -> tuple[Form, ...]:
        """How a buyer may pay, the usual one first."""

    @property
    def is_available(self) -> bool:
        """False while the channel rests after failures in a row: offer another one."""

    def create(self, ask: Create) -> Created:
        """Open a payment. The same ask again gives the same payment."""

    def invocation(self, prepay_id: str) -> dict[str, str]:
        """Sign what a mini-program needs to open the wallet for a payment; asks nobody. Misconfigured: none has it."""

    def query(self, out_trade_no: str) -> Seen:
        """Ask what happened to this payment: the proof. ABSENT when the gateway never heard of it."""

    def close(self, out_trade_no: str) -> CloseAnswer:
        """Let nobody pay this any more. PAID when money was faster: query and apply it."""

    def refund(self, ask: RefundAsk) -> RefundSeen:
        """Give money back; after Unknown ask again with the same number."""

    def query_refund(self, out_trade_no: str, out_refund_no: str) -> RefundSeen:
        """Ask what happened to this refund. ABSENT when the gateway never heard of it."""

    def fetch_bill(self, day: date) -> Bill:
        """Get the gateway's account of a day. Definitive when there is none (yet)."""

    def parse_notification(self, headers: Mapping[str, str], body: bytes) -> Notification:
        """Verify and read what arrived at our callback; `headers` by their HTTP names in any case. Raises Forged."""

    def acknowledge(self, *, ok: bool) -> Reply:
        """Give the answer that ends the gateway's retries, or the 401 that a forged one gets."""
