"""WeChat Pay API v3 over wechatpayv3, behind the checks that the library leaves to its callers.

GATEWAYS hands it to the payment services. What the library would let through, and what stands here against it:
a request without a timeout or through a proxy variable; a day-old notification; a call to the gateway for each
notification with an unknown serial; another merchant's notification; a broken signature on a 2xx, which means
that the payment may well exist (Unknown, never "failed"). Source: WeChat Pay API v3, public-key mode.
"""

import gzip
import hashlib
import json
import time
from collections.abc import Callable, Mapping
from datetime import date, timedelta, timezone
from functools import lru_cache
from typing import Any, Final, TypeVar

import requests
from wechatpayv3 import WeChatPay, WeChatPayType

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

TIMEOUTS: Final = (2.0, 5.0)  # seconds to connect, to answer
FRESH_SECONDS: Final = 300  # older or further ahead is a replay
BEIJING: Final = timezone(timedelta(hours=8))
HEADERS: Final = ("signature", "timestamp", "nonce", "serial", "signature-type")
UNREADABLE: Final = (KeyError, ValueError, TypeError)

Ask = Callable[[WeChatPay], tuple[int, str | bytes]]
Answer = TypeVar("Answer")


@lru_cache(maxsize=4)
def _client(account: WechatAccount, timeouts: tuple[float, float]) -> WeChatPay:
    """One library client per account, with the three settings it does not take in its constructor's defaults."""
    client = WeChatPay(
        wechatpay_type=WeChatPayType.NATIVE,
        mchid=account.mchid,
        appid=account.appid,
        private_key=account.private_key,
        cert_serial_no=account.merchant_serial_no,
        apiv3_key=account.apiv3_key,
        public_key=account.public_key,
        public_key_id=account.public_key_id,
        proxy={"http": "", "https": ""},  # an empty address wins over HTTP_PROXY and its family
        timeout=timeouts,
    )
    client._core._gate_way = account.gateway_url  # noqa: SLF001 - the library has no other door for the host
    client._core._update_certificates = lambda: None  # noqa: SLF001 - needs none in this mode
    return client


class Wechat:
    """The gateway WECHAT."""

    channel: Channel = "WECHAT"
    forms: tuple[Form, ...] = ("native", "h5")

    def __init__(self, account: Callable[[], WechatAccount], timeouts: tuple[float, float] = TIMEOUTS) -> None:
        self._account = account
        self._timeouts = timeouts
        self._breaker = Breaker(self.channel)

    @property
    def merchant_account(self) -> str:
        """Our merchant number (mchid)."""
        return self._account().mchid

    @property
    def is_available(self) -> bool:
        """False while the channel rests."""
        return self._breaker.is_closed

    def create(self, ask: Create) -> Created:
        """Open a payment: a code to scan (native) or an address for a phone's browser (h5)."""
        if ask.form not in self.forms:
            message = f"WeChat Pay has no form {ask.form!r} here"
            raise Misconfigured(message)
        scene = {"payer_client_ip": ask.client_ip, "h5_info": {"type": "Wap"}} if ask.form == "h5" else None
        answer = self._call(
            lambda client: client.pay(
                description=ask.subject[:127],
                out_trade_no=ask.out_trade_no,
                amount={"total": ask.amount_minor, "currency": ask.currency},
                time_expire=ask.expires_at.astimezone(BEIJING).isoformat(timespec="seconds"),
                notify_url=ask.notify_url,
                scene_info=scene,
                pay_type=WeChatPayType.H5 if scene else WeChatPayType.NATIVE,
            )
        )
        return Created(code_url=answer.get("code_url"), redirect_url=answer.get("h5_url"), raw=answer)

    def query(self, out_trade_no: str) -> Seen:
        """Ask for one payment by our number."""
        try:
            answer = self._call(lambda client: client.query(out_trade_no=out_trade_no))
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
            self._call(lambda client: client.close(out_trade_no=out_trade_no))
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
        answer = self._call(
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
            answer = self._call(lambda client: client.query_refund(out_refund_no))
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
        told = self._call(lambda client: client.trade_bill(day.isoformat()))
        packed = self._call_raw(lambda client: client.download_bill(told["download_url"]))
        try:
            text = gzip.decompress(packed)
        except (OSError, EOFError) as error:
            raise Unknown("the WeChat Pay bill arrived damaged") from error
        if hashlib.sha1(text, usedforsecurity=False).hexdigest() != told["hash_value"].lower():
            raise Unknown("the WeChat Pay bill does not match its hash")
        return bills.read_wechat(day, text.decode("utf-8-sig"))

    def parse_notification(self, headers: Mapping[str, str], body: bytes) -> Notification:
        """Check headers, serial and age before the library opens it; then kind, merchant and amount. Raises Forged."""
        sent = {name.lower(): value for name, value in headers.items()}
        self._guard(sent)
        account = self._account()
        try:
            notice = _client(account, self._timeouts).callback(sent, body)
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
        if sent["wechatpay-serial"] != self._account().public_key_id:
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

    def _call(self, ask: Ask) -> dict[str, Any]:
        body = self._call_raw(ask)
        if not body:
            return {}
        try:
            answer = json.loads(body)
        except ValueError as error:
            raise Unknown("WeChat Pay's answer is no JSON") from error
        if not isinstance(answer, dict):
            raise Unknown("WeChat Pay's answer is no object")
        return answer

    def _call_raw(self, ask: Ask) -> bytes:
        client = _client(self._account(), self._timeouts)
        with self._breaker:
            try:
                status, text = ask(client)
            except requests.RequestException as error:
                message = f"WeChat Pay did not answer: {type(error).__name__}"
                raise Unknown(message) from error
            except Exception as error:  # a bare Exception is how the library reports a broken signature
                message = f"WeChat Pay's answer cannot be trusted: {error}"
                raise Unknown(message) from error
            if status >= 500 or status == 429:
                message = f"WeChat Pay answered {status}"
                raise Unknown(message)
        body = text.encode() if isinstance(text, str) else text
        if status >= 300:
            raise answers.refusal(status, body)
        return body
