"""Alipay (gateway.do, RSA2) by our own small adapter: page and wap redirect, QR code, query, close, refund, bill.

GATEWAYS hands it to the payment services. A page payment makes no call: it signs an address for the buyer's browser,
so the trade is ABSENT at Alipay until the buyer opens it. Source: Alipay Open Platform, alipay.trade.*, version 1.0.
"""

from collections.abc import Callable, Mapping
from datetime import date
from typing import Final, TypeVar
from urllib.parse import parse_qsl

from payments.gateways import alipay_answers as answers
from payments.gateways import alipay_signing as signing
from payments.gateways import bills
from payments.gateways.accounts import AlipayAccount
from payments.gateways.alipay_client import Client
from payments.gateways.base import (
    Bill,
    Channel,
    CloseAnswer,
    Create,
    Created,
    Definitive,
    Forged,
    Form,
    Misconfigured,
    Notification,
    RefundAsk,
    RefundSeen,
    Reply,
    Seen,
    Unknown,
)
from payments.gateways.breaker import Breaker

TIMEOUTS: Final = (2.0, 5.0)  # seconds to connect, to answer
UNREADABLE: Final = (KeyError, ValueError, TypeError, AttributeError)
Answer = TypeVar("Answer")
NOT_IN_SUBJECT: Final = str.maketrans("/=&", "   ")  # Alipay refuses these characters
METHODS: Final[dict[Form, tuple[str, str]]] = {  # form → method, product code
    "page": ("alipay.trade.page.pay", "FAST_INSTANT_TRADE_PAY"),
    "wap": ("alipay.trade.wap.pay", "QUICK_WAP_WAY"),
    "qr": ("alipay.trade.precreate", "FACE_TO_FACE_PAYMENT"),
}


class Alipay:
    """The gateway ALIPAY."""

    channel: Channel = "ALIPAY"
    forms: tuple[Form, ...] = ("page", "wap", "qr")

    def __init__(self, account: Callable[[], AlipayAccount], timeouts: tuple[float, float] = TIMEOUTS) -> None:
        self._account = account
        self._breaker = Breaker(self.channel)
        self._client = Client(account, timeouts, self._breaker)

    @property
    def merchant_account(self) -> str:
        """Our application at Alipay (app_id)."""
        return self._account().app_id

    @property
    def is_available(self) -> bool:
        """False while the channel rests."""
        return self._breaker.is_closed

    def create(self, ask: Create) -> Created:
        """Sign the address of Alipay's cashier (page, wap) or ask for a code to scan (qr)."""
        if ask.form not in METHODS or ask.currency != "CNY":
            message = f"Alipay has no form {ask.form!r} in {ask.currency} here"
            raise Misconfigured(message)
        method, product = METHODS[ask.form]
        content = {
            "out_trade_no": ask.out_trade_no,
            "total_amount": answers.yuan(ask.amount_minor),
            "subject": ask.subject.translate(NOT_IN_SUBJECT)[:256],
            "product_code": product,
            "time_expire": f"{ask.expires_at.astimezone(answers.BEIJING):%Y-%m-%d %H:%M:%S}",
        }
        if ask.form == "qr":
            told = self._client.call(method, content, notify_url=ask.notify_url)
            return Created(code_url=str(told["qr_code"]), raw=told)
        url = self._client.address(method, content, notify_url=ask.notify_url, return_url=ask.return_url)
        return Created(redirect_url=url, raw=content)

    def invocation(self, prepay_id: str) -> dict[str, str]:
        """Refuse: Alipay's own mini-programs are no way to pay here."""
        message = f"Alipay has no mini-program here to pay {prepay_id} in"
        raise Misconfigured(message)

    def query(self, out_trade_no: str) -> Seen:
        """Ask for one payment by our number; ABSENT also when the buyer never opened the cashier."""
        account = self.merchant_account
        try:
            told = self._client.call("alipay.trade.query", {"out_trade_no": out_trade_no})
        except Definitive as no:
            if no.code != "ACQ.TRADE_NOT_EXIST":
                raise
            raw = {"sub_code": no.code}
            return Seen(out_trade_no=out_trade_no, state="ABSENT", merchant_account=account, raw=raw)
        if told.get("out_trade_no") != out_trade_no:
            raise Unknown("Alipay answered for another payment")
        return _understood(lambda: answers.payment(told, account, paid="send_pay_date"))

    def close(self, out_trade_no: str) -> CloseAnswer:
        """Close a payment. ABSENT leaves a signed address usable until its deadline: keep asking until then."""
        try:
            self._client.call("alipay.trade.close", {"out_trade_no": out_trade_no})
        except Definitive as no:
            if no.code == "ACQ.TRADE_NOT_EXIST":
                return "ABSENT"
            if no.code not in {"ACQ.TRADE_STATUS_ERROR", "ACQ.REASON_TRADE_STATUS_INVALID"}:
                raise
            return "CLOSED" if self.query(out_trade_no).state == "CLOSED" else "PAID"
        return "CLOSED"

    def refund(self, ask: RefundAsk) -> RefundSeen:
        """Give money back. fund_change other than Y means "done before" or "not yet": the query tells which."""
        content = {
            "out_trade_no": ask.out_trade_no,
            "refund_amount": answers.yuan(ask.amount_minor),
            "out_request_no": ask.out_refund_no,
            "refund_reason": ask.reason[:256],
        }
        told = self._client.call("alipay.trade.refund", content)
        if told.get("fund_change") != "Y":
            return self.query_refund(ask.out_trade_no, ask.out_refund_no)
        amount = content["refund_amount"]  # the answer states only the sum of all refunds
        return _understood(lambda: answers.refund(told, ask.out_refund_no, self.merchant_account, amount=amount))

    def query_refund(self, out_trade_no: str, out_refund_no: str) -> RefundSeen:
        """Ask for one refund; an answer without REFUND_SUCCESS means that it did not happen (yet)."""
        content = {
            "out_trade_no": out_trade_no,
            "out_request_no": out_refund_no,
            "query_options": ["gmt_refund_pay"],
        }
        account = self.merchant_account
        try:
            told = self._client.call("alipay.trade.fastpay.refund.query", content)
        except Definitive as no:
            if no.code not in {"ACQ.TRADE_NOT_EXIST", "TRADE_NOT_EXIST"}:
                raise
            told = {}
        if told.get("refund_status") != "REFUND_SUCCESS":
            return RefundSeen(
                out_trade_no=out_trade_no,
                out_refund_no=out_refund_no,
                state="ABSENT",
                merchant_account=account,
                raw=told,
            )
        return _understood(lambda: answers.refund(told, out_refund_no, account, amount=told["refund_amount"]))

    def fetch_bill(self, day: date) -> Bill:
        """Download the trade bill of a day: a link valid for 30 seconds to a zip of GBK files."""
        content = {"bill_type": "trade", "bill_date": day.isoformat()}
        told = self._client.call("alipay.data.dataservice.bill.downloadurl.query", content)
        return bills.read_alipay(day, self._client.download(told["bill_download_url"]))

    def parse_notification(self, headers: Mapping[str, str], body: bytes) -> Notification:
        """Verify a form-encoded notification, then whose it is and what it says. Raises Forged."""
        del headers  # everything that counts is in the signed body
        try:
            pairs = parse_qsl(body.decode(), keep_blank_values=True, strict_parsing=True, max_num_fields=100)
        except ValueError as error:
            raise Forged("shape", "no form") from error
        told = dict(pairs)
        if len(told) != len(pairs):  # which of them was signed, nobody can say
            raise Forged("shape", "a field twice")
        account = self._account()
        signed = signing.canonical(told, leave_out=frozenset({"sign", "sign_type"}))
        if told.get("sign_type") != "RSA2" or not signing.is_genuine(signed, told.get("sign", ""), account.public_key):
            raise Forged("signature")
        if told.get("app_id") != account.app_id or told.get("seller_id") != account.seller_id:
            raise Forged("merchant", told.get("app_id", "")[:32])
        if told.get("notify_type") != "trade_status_sync":
            raise Forged("kind", told.get("notify_type", "")[:40])
        if not answers.YUAN.fullmatch(told.get("total_amount", "")):
            raise Forged("amount", told.get("total_amount", "")[:20])
        try:
            return self._read(told)
        except UNREADABLE as error:
            raise Forged("shape", str(error)) from error

    def acknowledge(self, *, ok: bool) -> Reply:
        """Exactly `success` ends the retries."""
        return Reply(200, "text/plain", b"success") if ok else Reply(401, "text/plain", b"failure")

    def _read(self, told: Mapping[str, str]) -> Notification:
        key, account = told["notify_id"], self.merchant_account
        if told.get("out_biz_no") and told.get("refund_fee"):  # refund_fee is the sum of all refunds so far
            refund = answers.refund(told, told["out_biz_no"], account, amount=None)
            return Notification(kind="refund", dedupe_key=key, refund=refund, raw=told)
        payment = answers.payment(told, account, paid="gmt_payment")
        return Notification(kind="payment", dedupe_key=key, payment=payment, raw=told)


def _understood(read: Callable[[], Answer]) -> Answer:
    try:
        return read()
    except UNREADABLE as error:
        message = f"Alipay's answer cannot be read: {error!r}"
        raise Unknown(message) from error
