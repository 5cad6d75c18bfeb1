"""WeChat Pay API v3: codes to scan, phones' browsers, mini-programs; query, close, refund, bill, notifications.

GATEWAYS hands it to the payment services. wechat_client.py speaks; here stands what a notification must prove before
it is believed: its headers, a key in force, its age, its kind, our merchant, an amount. Source: WeChat Pay API v3.
"""

import secrets
import time
from collections.abc import Callable, Mapping
from datetime import date, timedelta, timezone
from typing import Any, Final, TypeVar
from urllib.parse import quote

from wechatpayv3 import WeChatPayType

from payments.gateways import bills
from payments.gateways import wechat_answers as answers
from payments.gateways.accounts import WechatAccount
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
from payments.gateways.wechat_client import Client

TIMEOUTS: Final = (2.0, 5.0)  # seconds to connect, to answer
FRESH_SECONDS: Final = 300  # older or further ahead is a replay
BEIJING: Final = timezone(timedelta(hours=8))
HEADERS: Final = ("signature", "timestamp", "nonce", "serial", "signature-type")
UNREADABLE: Final = (KeyError, ValueError, TypeError, AttributeError)
KINDS: Final[dict[Form, WeChatPayType]] = {
    "native": WeChatPayType.NATIVE,
    "h5": WeChatPayType.H5,
    "jsapi": WeChatPayType.JSAPI,
}
Answer = TypeVar("Answer")


class Wechat:
    """The gateway WECHAT."""

    channel: Channel = "WECHAT"
    forms: tuple[Form, ...] = ("native", "h5", "jsapi")

    def __init__(self, account: Callable[[], WechatAccount], timeouts: tuple[float, float] = TIMEOUTS) -> None:
        self._account = account
        self._breaker = Breaker(self.channel)
        self._client = Client(account, timeouts, self._breaker)

    @property
    def merchant_account(self) -> str:
        """Our merchant number (mchid)."""
        return self._account().mchid

    @property
    def is_available(self) -> bool:
        """False while the channel rests."""
        return self._breaker.is_closed

    def create(self, ask: Create) -> Created:
        """Open a payment: a code to scan (native), an address for a phone's browser (h5), a number (jsapi)."""
        if ask.form not in KINDS:
            message = f"WeChat Pay has no form {ask.form!r} here"
            raise Misconfigured(message)
        answer = self._client.call(
            lambda client: client.pay(
                description=ask.subject[:127],
                out_trade_no=ask.out_trade_no,
                amount={"total": ask.amount_minor, "currency": ask.currency},
                time_expire=ask.expires_at.astimezone(BEIJING).isoformat(timespec="seconds"),
                notify_url=ask.notify_url,
                scene_info=_scene(ask),
                payer={"openid": ask.payer} if ask.form == "jsapi" else None,
                pay_type=KINDS[ask.form],
            )
        )
        address = _with_way_back(answer.get("h5_url"), ask.return_url)
        ways = Created(answer.get("code_url"), address, answer.get("prepay_id"), raw=answer)
        if not (ways.code_url or ways.redirect_url or ways.prepay_id):
            raise Unknown("WeChat Pay opened a payment and named no way to pay it")
        return ways

    def invocation(self, prepay_id: str) -> dict[str, str]:
        """Sign the package that a mini-program hands to wx.requestPayment; fresh each time."""
        app, stamp, nonce = self._account().appid, str(int(time.time())), secrets.token_hex(16)
        package = f"prepay_id={prepay_id}"
        signature = self._client.sign(app, stamp, nonce, package)
        names = ("appId", "timeStamp", "nonceStr", "package", "signType", "paySign")
        return dict(zip(names, (app, stamp, nonce, package, "RSA", signature), strict=True))

    def query(self, out_trade_no: str) -> Seen:
        """Ask for one payment by our number."""
        try:
            answer = self._client.call(lambda client: client.query(out_trade_no=out_trade_no))
        except Definitive as no:
            if no.code not in answers.ABSENT:
                raise
            raw = {"code": no.code, "message": no.message}
            return Seen(out_trade_no=out_trade_no, state="ABSENT", merchant_account=self.merchant_account, raw=raw)
        if answer.get("out_trade_no") != out_trade_no or answer.get("mchid") != self.merchant_account:
            raise Unknown("WeChat Pay answered for another payment")
        return self._read_answer(answers.payment, answer)

    def close(self, out_trade_no: str) -> CloseAnswer:
        """Close a payment; closing twice is no error."""
        try:
            self._client.call(lambda client: client.close(out_trade_no=out_trade_no))
        except Definitive as no:
            if no.code == "ORDERPAID":
                return "PAID"
            if no.code in answers.ABSENT:
                return "ABSENT"
            if no.code not in {"ORDER_CLOSED", "ORDERCLOSED"}:
                raise
        return "CLOSED"

    def refund(self, ask: RefundAsk) -> RefundSeen:
        """Ask for a refund; the answer is usually PROCESSING, the notification or the query tells the end."""
        answer = self._client.call(
            lambda client: client.refund(
                out_refund_no=ask.out_refund_no,
                out_trade_no=ask.out_trade_no,
                amount={"refund": ask.amount_minor, "total": ask.total_minor, "currency": ask.currency},
                reason=ask.reason[:80] or None,
                notify_url=ask.notify_url or None,
            )
        )
        return self._read_answer(self._refund, answer)

    def query_refund(self, out_trade_no: str, out_refund_no: str) -> RefundSeen:
        """Ask for one refund by our number."""
        try:
            answer = self._client.call(lambda client: client.query_refund(out_refund_no))
        except Definitive as no:
            if no.code not in answers.ABSENT:
                raise
            return RefundSeen(
                out_trade_no=out_trade_no,
                out_refund_no=out_refund_no,
                state="ABSENT",
                merchant_account=self.merchant_account,
            )
        return self._read_answer(self._refund, answer)

    def fetch_bill(self, day: date) -> Bill:
        """Download the trade bill of a day and check its SHA-1. Definitive NO_STATEMENT_EXIST when there is none."""
        told = self._client.call(lambda client: client.trade_bill(day.isoformat()))
        packed = self._client.fetch(lambda client: client.download_bill(told["download_url"]))
        return bills.read_wechat(day, packed, str(told["hash_value"]))

    def parse_notification(self, headers: Mapping[str, str], body: bytes) -> Notification:
        """Check headers, serial and age before the library opens it; then kind, merchant and amount. Raises Forged."""
        sent = {name.lower(): value for name, value in headers.items()}
        self._guard(sent)
        try:
            notice = self._client.opened(sent, body)
        except Misconfigured:
            raise
        except Exception as error:  # the library raises whatever its parser met
            raise Forged("shape", type(error).__name__) from error
        if not notice:
            raise Forged("signature")
        try:
            return self._read(str(notice["id"]), notice["event_type"], notice["resource"])
        except UNREADABLE as error:
            raise Forged("shape", str(error)) from error

    def acknowledge(self, *, ok: bool) -> Reply:
        """204 without a body ends the retries."""
        if ok:
            return Reply(204, "application/json", b"")
        return Reply(401, "application/json", b'{"code":"FAIL","message":"refused"}')

    def _guard(self, sent: Mapping[str, str]) -> None:
        missing = [name for name in HEADERS if not sent.get(f"wechatpay-{name}")]
        if missing:
            raise Forged("headers", ", ".join(missing))
        if sent["wechatpay-serial"] not in self._account().public_keys:
            raise Forged("serial", sent["wechatpay-serial"][:64])
        stamp = sent["wechatpay-timestamp"]
        if not (stamp.isascii() and stamp.isdigit()) or abs(time.time() - int(stamp)) > FRESH_SECONDS:
            raise Forged("stale", stamp[:20])

    def _read(self, key: str, event: str, resource: Mapping[str, Any]) -> Notification:
        account = self._account()
        if resource["mchid"] != account.mchid or resource.get("appid", account.appid) != account.appid:
            raise Forged("merchant", str(resource["mchid"])[:32])
        if event == "TRANSACTION.SUCCESS" and resource["trade_state"] == "SUCCESS":
            seen = answers.payment(resource)
            return Notification(kind="payment", dedupe_key=key, payment=seen, raw=resource)
        if event.startswith("REFUND."):
            refund = answers.refund(resource, "refund_status", account.mchid)
            return Notification(kind="refund", dedupe_key=key, refund=refund, raw=resource)
        raise Forged("kind", event[:40])

    def _refund(self, answer: Mapping[str, Any]) -> RefundSeen:
        return answers.refund(answer, "status", self.merchant_account)

    def _read_answer(self, read: Callable[[Mapping[str, Any]], Answer], answer: Mapping[str, Any]) -> Answer:
        try:
            return read(answer)
        except UNREADABLE as error:
            message = f"WeChat Pay's answer cannot be read: {error!r}"
            raise Unknown(message) from error


def _with_way_back(h5_url: str | None, return_url: str) -> str | None:
    """Hang on where WeChat brings the buyer back to, whatever became of the payment."""
    return f"{h5_url}&redirect_url={quote(return_url, safe='')}" if h5_url and return_url else h5_url


def _scene(ask: Create) -> dict[str, Any] | None:
    return {"payer_client_ip": ask.client_ip, "h5_info": {"type": "Wap"}} if ask.form == "h5" else None
