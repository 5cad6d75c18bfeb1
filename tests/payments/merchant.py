"""The demo merchant by hand: signs whatever a test wants to send to the simulator, sense or nonsense."""

import json
import time
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any
from urllib.parse import urlencode

import httpx
from wechatpayv3.utils import build_authorization, load_private_key

from payments.gateways import alipay_signing


class Merchant:
    """Reads the folder that the simulator wrote; `http` leads to the simulator."""

    def __init__(self, folder: Path, http: httpx.Client) -> None:
        self.told = json.loads((folder / "merchant.json").read_text())
        self.wechat, self.alipay = self.told["wechat"], self.told["alipay"]
        self._wechat_key = load_private_key((folder / "wechat_merchant_private.pem").read_text())
        self._alipay_key = (folder / "alipay_merchant_private.pem").read_text()
        self._http = http

    def ask_wechat(self, method: str, path: str, body: Any = None, serial: str = "") -> httpx.Response:
        """Send a signed request; `body` is JSON to be, or bytes as they are."""
        content = body if isinstance(body, bytes) else b"" if body is None else json.dumps(body).encode()
        signed = content.decode("utf-8", "surrogateescape")
        headers = {
            "authorization": build_authorization(
                path, method, self.wechat["mchid"], self.wechat["merchant_serial_no"], self._wechat_key, signed
            ),
            "content-type": "application/json",
            "wechatpay-serial": serial or self.wechat["public_key_id"],
        }
        return self._http.request(method, path, content=content, headers=headers)

    def order(self, no: str, **changes: Any) -> dict[str, Any]:
        """Write a WeChat Pay create request that is in order, but for the changes."""
        usual = {
            "mchid": self.wechat["mchid"],
            "appid": self.wechat["appid"],
            "description": "noodles",
            "out_trade_no": no,
            "notify_url": "http://127.0.0.1:9/callbacks",
            "amount": {"total": 1234, "currency": "CNY"},
        }
        return {**usual, **changes}

    def ask_alipay(self, method: str, content: Any, **params: str) -> dict[str, Any]:
        """Send a signed call and return the inner object of the answer."""
        answer = self._http.post("/gateway.do", data=self.signed(method, content, **params)).json()
        told: dict[str, Any] = answer[f"{method.replace('.', '_')}_response"]
        return told

    def alipay_address(self, method: str, content: Any, **params: str) -> str:
        """Sign an address for the buyer's browser."""
        return f"/gateway.do?{urlencode(self.signed(method, content, **params))}"

    def signed(self, method: str, content: Any, **params: str) -> dict[str, str]:
        """Write and sign all parameters of a call."""
        now = datetime.now(tz=UTC) + timedelta(hours=8)
        told = {
            "app_id": self.alipay["app_id"],
            "method": method,
            "charset": "utf-8",
            "sign_type": "RSA2",
            "timestamp": f"{now:%Y-%m-%d %H:%M:%S}",
            "version": "1.0",
            "biz_content": content if isinstance(content, str) else json.dumps(content),
            **params,
        }
        signed = alipay_signing.canonical(told, leave_out=frozenset({"sign"}))
        return {**told, "sign": alipay_signing.sign(signed, self._alipay_key)}

    @staticmethod
    def number() -> str:
        """Make an out_trade_no that nobody used."""
        return f"m{time.time_ns()}"
