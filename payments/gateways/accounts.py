"""Who are we at each gateway? Reads the key folder (settings.GATEWAY_DIR) for the adapters.

Layout: `merchant.json` plus four PEM files beside it, all 0600:

    wechat_merchant_private.pem   ours, signs requests to WeChat Pay
    wechat_platform_public.pem    WeChat Pay's public key (public-key mode), id in merchant.json
    alipay_merchant_private.pem   ours, signs requests to Alipay
    alipay_platform_public.pem    Alipay's public key

    {"made_by": "simulator",      present only in demo folders: refused when the sandbox is off
     "notify_base": "",           address the gateways call back, "" for settings.PUBLIC_URL
     "wechat": {"mchid", "appid", "merchant_serial_no", "apiv3_key", "public_key_id", "gateway_url"?},
     "alipay": {"app_id", "seller_id", "gateway_url"?}}
"""

import json
from dataclasses import dataclass, field
from functools import lru_cache
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from django.conf import settings

from payments.gateways.base import Misconfigured

WECHAT_URL = "https://api.mch.weixin.qq.com"
ALIPAY_URL = "https://openapi.alipay.com/gateway.do"
OFFICIAL_HOSTS = frozenset({"api.mch.weixin.qq.com", "api2.mch.weixin.qq.com", "openapi.alipay.com"})


@dataclass(frozen=True, slots=True)
class WechatAccount:
    """Our side and theirs at WeChat Pay, API v3, public-key mode."""

    mchid: str
    appid: str
    merchant_serial_no: str
    public_key_id: str
    gateway_url: str
    apiv3_key: str = field(repr=False)
    private_key: str = field(repr=False)  # PEM
    public_key: str = field(repr=False)  # PEM


@dataclass(frozen=True, slots=True)
class AlipayAccount:
    """Our side and theirs at Alipay, RSA2."""

    app_id: str
    seller_id: str
    gateway_url: str
    private_key: str = field(repr=False)  # PEM
    public_key: str = field(repr=False)  # PEM


def wechat() -> WechatAccount:
    """Read the WeChat Pay account in use now. Raises Misconfigured."""
    folder = Path(settings.GATEWAY_DIR)
    return _wechat(folder, _age(folder), sandbox=settings.SANDBOX, simulator=settings.SIMULATOR_URL)


def alipay() -> AlipayAccount:
    """Read the Alipay account in use now. Raises Misconfigured."""
    folder = Path(settings.GATEWAY_DIR)
    return _alipay(folder, _age(folder), sandbox=settings.SANDBOX, simulator=settings.SIMULATOR_URL)


def notify_base() -> str:
    """Say under which address the gateways reach us, without a slash at its end."""
    folder = Path(settings.GATEWAY_DIR)
    base = _merchant(folder, _age(folder), sandbox=settings.SANDBOX).get("notify_base") or settings.PUBLIC_URL
    return str(base).rstrip("/")


def _age(folder: Path) -> int:
    """When the folder's description was last written: a new one is read without a restart."""
    try:
        return (folder / "merchant.json").stat().st_mtime_ns
    except OSError as error:
        message = f"no gateway keys: {folder / 'merchant.json'} is missing (the simulator writes a demo one)"
        raise Misconfigured(message) from error


@lru_cache(maxsize=4)
def _merchant(folder: Path, age: int, *, sandbox: bool) -> dict[str, Any]:
    del age  # part of the cache's key only
    merchant: dict[str, Any] = json.loads((folder / "merchant.json").read_text())
    if merchant.get("made_by") == "simulator" and not sandbox:
        raise Misconfigured("the gateway keys are the simulator's, and the sandbox is off")
    return merchant


@lru_cache(maxsize=4)
def _wechat(folder: Path, age: int, *, sandbox: bool, simulator: str) -> WechatAccount:
    own = _section(_merchant(folder, age, sandbox=sandbox), "wechat")
    try:
        return WechatAccount(
            mchid=own["mchid"],
            appid=own["appid"],
            merchant_serial_no=own["merchant_serial_no"],
            public_key_id=own["public_key_id"],
            gateway_url=_address(own, simulator if sandbox else WECHAT_URL, sandbox=sandbox),
            apiv3_key=own["apiv3_key"],
            private_key=(folder / "wechat_merchant_private.pem").read_text(),
            public_key=(folder / "wechat_platform_public.pem").read_text(),
        )
    except (KeyError, OSError) as error:
        message = f"the WeChat Pay account is incomplete: {error}"
        raise Misconfigured(message) from error


@lru_cache(maxsize=4)
def _alipay(folder: Path, age: int, *, sandbox: bool, simulator: str) -> AlipayAccount:
    own = _section(_merchant(folder, age, sandbox=sandbox), "alipay")
    try:
        return AlipayAccount(
            app_id=own["app_id"],
            seller_id=own["seller_id"],
            gateway_url=_address(own, f"{simulator}/gateway.do" if sandbox else ALIPAY_URL, sandbox=sandbox),
            private_key=(folder / "alipay_merchant_private.pem").read_text(),
            public_key=(folder / "alipay_platform_public.pem").read_text(),
        )
    except (KeyError, OSError) as error:
        message = f"the Alipay account is incomplete: {error}"
        raise Misconfigured(message) from error


def _section(merchant: dict[str, Any], channel: str) -> dict[str, str]:
    if channel not in merchant:
        message = f"merchant.json has no section {channel!r}"
        raise Misconfigured(message)
    section: dict[str, str] = merchant[channel]
    return section


def _address(own: dict[str, str], usual: str, *, sandbox: bool) -> str:
    """Choose the gateway's address; anything but the gateway's own host over TLS needs the sandbox."""
    url = own.get("gateway_url") or usual
    parts = urlsplit(url)
    if not sandbox and (parts.scheme != "https" or parts.netloc not in OFFICIAL_HOSTS):
        message = f"{parts.netloc} is not a gateway's own host, and the sandbox is off"
        raise Misconfigured(message)
    return url.rstrip("/")
