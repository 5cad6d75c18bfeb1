"""One signed exchange with WeChat Pay through wechatpayv3, with what that leaves out; wechat.py is the only caller.

What it would let through, and what stands here against it: a request without a timeout or through a proxy variable;
one platform key only, and a call to the gateway for every unknown one; a broken signature on a 2xx, which means that
the payment may well exist (Unknown, never "failed"). Source: WeChat Pay API v3, public-key mode.
"""

import json
from collections.abc import Callable, Mapping
from functools import lru_cache
from typing import Any, Final

import requests
from wechatpayv3 import WeChatPay, WeChatPayType, core, utils

from payments.gateways import wechat_answers as answers
from payments.gateways.accounts import WechatAccount
from payments.gateways.base import Misconfigured, Unknown
from payments.gateways.breaker import Breaker

ALGORITHM: Final = "WECHATPAY2-SHA256-RSA2048"
Ask = Callable[[WeChatPay], tuple[int, str | bytes]]


class Client:
    """Signs, sends, verifies. Raises Definitive with WeChat's code, Unknown, Misconfigured."""

    def __init__(self, account: Callable[[], WechatAccount], timeouts: tuple[float, float], breaker: Breaker) -> None:
        self._account = account
        self._timeouts = timeouts
        self._breaker = breaker

    def call(self, ask: Ask) -> dict[str, Any]:
        """Ask and return the document that was answered, {} for an empty one."""
        body = self.fetch(ask)
        if not body:
            return {}
        try:
            answer = json.loads(body)
        except ValueError as error:
            raise Unknown("WeChat Pay's answer is no JSON") from error
        if not isinstance(answer, dict):
            raise Unknown("WeChat Pay's answer is no object")
        return answer

    def fetch(self, ask: Ask) -> bytes:
        """Ask and return what was answered as it came."""
        library = self._library()
        with self._breaker:
            try:
                status, text = ask(library)
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

    def opened(self, headers: Mapping[str, str], body: bytes) -> dict[str, Any] | None:
        """Verify and decrypt a notification; None when its signature is broken. Raises whatever its parser meets."""
        told: dict[str, Any] | None = self._library().callback(headers, body)
        return told or None

    def sign(self, *lines: str) -> str:
        """Sign lines with our key, as a mini-program hands them to WeChat."""
        return str(self._library().sign(list(lines)))

    def _library(self) -> WeChatPay:
        account = self._account()
        try:
            return _library(account, self._timeouts)
        except Exception as error:  # whatever the library's parsers of keys meet
            message = f"WeChat Pay's or our own keys cannot be read: {type(error).__name__}"
            raise Misconfigured(message) from error


@lru_cache(maxsize=4)
def _library(account: WechatAccount, timeouts: tuple[float, float]) -> WeChatPay:
    """One library client per account, with the settings that it does not take in its constructor."""
    made = WeChatPay(
        wechatpay_type=WeChatPayType.NATIVE,
        mchid=account.mchid,
        appid=account.appid,
        private_key=account.private_key,
        cert_serial_no=account.merchant_serial_no,
        apiv3_key=account.apiv3_key,
        public_key=account.public_keys[account.public_key_id],
        public_key_id=account.public_key_id,
        proxy={"http": "", "https": ""},  # an empty address wins over HTTP_PROXY and its family
        timeout=timeouts,
    )
    made._core._gate_way = account.gateway_url  # noqa: SLF001 - the library has no other door for the host
    made._core._verify_signature = _verifier(account)  # noqa: SLF001 - its own knows one key, and asks for certificates
    return made


def _verifier(account: WechatAccount) -> Callable[[Mapping[str, str], str], bool]:
    """Check answers and notifications by the key that they name, among those in force side by side."""
    keys = {serial: utils.load_public_key(pem) for serial, pem in account.public_keys.items()}

    def is_genuine(headers: Mapping[str, str], body: str) -> bool:
        sent = {name.lower(): value for name, value in headers.items()}
        key = keys.get(sent.get("wechatpay-serial", ""))
        if key is None or sent.get("wechatpay-signature-type") != ALGORITHM:
            return False
        stamp, nonce = sent.get("wechatpay-timestamp", ""), sent.get("wechatpay-nonce", "")
        return bool(core.rsa_verify(stamp, nonce, body, sent.get("wechatpay-signature", ""), key))

    return is_genuine
