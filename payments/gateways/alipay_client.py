"""One signed exchange with Alipay's gateway.do; alipay.py is the only caller.

Sends common parameters in the address and the content in the body, as Alipay's own libraries do, and returns the
content of the answer only after its signature held. Source: Alipay Open Platform, request and signing rules.
"""

import json
from collections.abc import Callable, Mapping
from datetime import datetime, timedelta, timezone
from typing import Any, Final
from urllib.parse import urlencode

import httpx

from payments.gateways import alipay_signing as signing
from payments.gateways.accounts import AlipayAccount
from payments.gateways.base import Definitive, Misconfigured, Unknown
from payments.gateways.breaker import Breaker

BEIJING: Final = timezone(timedelta(hours=8))
OURS: Final = frozenset(
    {"isv.invalid-signature", "isv.invalid-app-id", "isv.missing-signature", "isv.invalid-timestamp"}
)
TRANSIENT: Final = frozenset({"ACQ.SYSTEM_ERROR", "aop.ACQ.SYSTEM_ERROR", "SYSTEM_ERROR"})


class Client:
    """Signs, sends, verifies. Raises Definitive with the sub_code, Unknown, Misconfigured."""

    def __init__(self, account: Callable[[], AlipayAccount], timeouts: tuple[float, float], breaker: Breaker) -> None:
        self._account = account
        self._breaker = breaker
        limits = httpx.Timeout(timeouts[1], connect=timeouts[0])
        self._http = httpx.Client(timeout=limits, trust_env=False)  # no proxy out of the environment

    def address(self, method: str, content: Mapping[str, Any], **params: str) -> str:
        """Sign an address for the buyer's browser; nothing is sent."""
        return f"{self._account().gateway_url}?{urlencode(self._signed(method, content, params))}"

    def call(self, method: str, content: Mapping[str, Any], **params: str) -> dict[str, Any]:
        """Ask and return the verified content of the answer."""
        signed = self._signed(method, content, params)
        body = {"biz_content": signed.pop("biz_content")}
        with self._breaker:
            text = self._send(lambda: self._http.post(self._account().gateway_url, params=signed, data=body)).decode()
            answer = self._opened(text, method.replace(".", "_") + "_response")
            code, sub_code = str(answer.get("code", "")), str(answer.get("sub_code", ""))
            words = f"{answer.get('msg', '')} {answer.get('sub_msg', '')}".strip()
            if code == "20000" or sub_code in TRANSIENT:
                message = f"Alipay is not available: {sub_code or code} {words}"
                raise Unknown(message)
        if code == "10000":
            return answer
        if sub_code in OURS:
            message = f"Alipay does not accept our signature: {sub_code} {words}"
            raise Misconfigured(message)
        raise Definitive(sub_code or code, words)

    def download(self, url: str) -> bytes:
        """Fetch a file that a verified answer pointed to."""
        with self._breaker:
            return self._send(lambda: self._http.get(url))

    def _send(self, ask: Callable[[], httpx.Response]) -> bytes:
        try:
            response = ask()
        except httpx.HTTPError as error:
            message = f"Alipay did not answer: {type(error).__name__}"
            raise Unknown(message) from error
        if response.status_code != 200:
            message = f"Alipay answered {response.status_code}"
            raise Unknown(message)
        return response.content

    def _opened(self, text: str, node: str) -> dict[str, Any]:
        """Verify the answer; an error about our own signature comes unsigned."""
        try:
            document = json.loads(text)
            told = document.get(node) or document["error_response"]
            signed = signing.signed_text(text, node) if node in document else ""
            answer = dict(told)
        except (ValueError, KeyError, TypeError, AttributeError) as error:
            raise Unknown("Alipay's answer cannot be read") from error
        if signing.is_genuine(signed.encode(), str(document.get("sign", "")), self._account().public_key):
            return answer
        if answer.get("sub_code") in OURS:
            return answer
        raise Unknown("Alipay's answer has a broken signature")

    def _signed(self, method: str, content: Mapping[str, Any], params: Mapping[str, str]) -> dict[str, str]:
        """Complete and sign the parameters; an empty one would break the signature, so none is sent."""
        full = {key: value for key, value in content.items() if value}
        ask = {
            "app_id": self._account().app_id,
            "method": method,
            "format": "JSON",
            "charset": "utf-8",
            "sign_type": "RSA2",
            "timestamp": f"{datetime.now(tz=BEIJING):%Y-%m-%d %H:%M:%S}",
            "version": "1.0",
            **{key: value for key, value in params.items() if value},
            "biz_content": json.dumps(full, ensure_ascii=False, separators=(",", ":")),
        }
        message = signing.canonical(ask, leave_out=frozenset({"sign"}))
        return {**ask, "sign": signing.sign(message, self._account().private_key)}
