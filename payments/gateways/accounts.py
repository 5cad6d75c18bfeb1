"""Who are we at each gateway? Reads the key folder (settings.GATEWAY_DIR) for the adapters.

Whatever changes in it is in force at the next call: no restart. Layout: `merchant.json` plus PEM files beside it, 0600:

    wechat_merchant_private.pem   ours, signs requests to WeChat Pay
    wechat_platform_public.pem    WeChat Pay's public key (public-key mode), id in merchant.json
    alipay_merchant_private.pem   ours, signs requests to Alipay
    alipay_platform_public.pem    Alipay's public key

    {"made_by": "simulator",      present only in demo folders: refused when the sandbox is off
     "notify_base": "",           address the gateways call back, "" for settings.PUBLIC_URL
     "wechat": {"mchid", "appid", "merchant_serial_no", "apiv3_key", "public_key_id", "public_keys"?, "gateway_url"?},
     "alipay": {"app_id", "seller_id", "gateway_url"?}}

While WeChat Pay changes its key, both are valid: `public_keys` names the other ones, {"PUB_KEY_ID_…": "file.pem"}.
"""

import json
import os
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
    public_key_id: str  # the key that we ask WeChat Pay to answer with
    gateway_url: str
    apiv3_key: str = field(repr=False)
    private_key: str = field(repr=False)  # PEM
    platform_keys: tuple[tuple[str, str], ...] = field(repr=False)  # id and PEM of every key in force

    @property
    def public_keys(self) -> dict[str, str]:
        """Every platform key that may sign an answer or a notification now, by its id."""
        return dict(self.platform_keys)


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


Age = tuple[tuple[str, int, int], ...]


def _age(folder: Path) -> Age:
    """What tells one state of the folder from another: each description and key with its moment and size."""
    try:
        with os.scandir(folder) as files:
            seen = [(file.name, file.stat()) for file in files if file.name.endswith((".json", ".pem"))]
    except OSError:
        seen = []
    if not any(name == "merchant.json" for name, _ in seen):
        message = f"no gateway keys: {folder / 'merchant.json'} is missing (the simulator writes a demo one)"
        raise Misconfigured(message)
    return tuple(sorted((name, stat.st_mtime_ns, stat.st_size) for name, stat in seen))


@lru_cache(maxsize=4)
def _merchant(folder: Path, age: Age, *, sandbox: bool) -> dict[str, Any]:
    del age  # part of the cache's key only
    try:
        merchant: dict[str, Any] = dict(json.loads((folder / "merchant.json").read_text()))
    except (OSError, ValueError, TypeError) as error:
        raise Misconfigured("merchant.json cannot be read") from error
    if merchant.get("made_by") == "simulator" and not sandbox:
        raise Misconfigured("the gateway keys are the simulator's, and the sandbox is off")
    return merchant


@lru_cache(maxsize=4)
def _wechat(folder: Path, age: Age, *, sandbox: bool, simulator: str) -> WechatAccount:
    own = _section(_merchant(folder, age, sandbox=sandbox), "wechat")
    others: dict[str, str] = own.get("public_keys") or {}
    try:
        return WechatAccount(
            mchid=own["mchid"],
            appid=own["appid"],
            merchant_serial_no=own["merchant_serial_no"],
            public_key_id=own["public_key_id"],
            gateway_url=_address(own, simulator if sandbox else WECHAT_URL, sandbox=sandbox),
            apiv3_key=own["apiv3_key"],
            private_key=(folder / "wechat_merchant_private.pem").read_text(),
            platform_keys=tuple(
                (serial, (folder / Path(name).name).read_text())
                for serial, name in {own["public_key_id"]: "wechat_platform_public.pem", **others}.items()
            ),
        )
    except (KeyError, OSError) as error:
        message = f"the WeChat Pay account is incomplete: {error}"
        raise Misconfigured(message) from error


@lru_cache(maxsize=4)
def _alipay(folder: Path, age: Age, *, sandbox: bool, simulator: str) -> AlipayAccount:
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


def _section(merchant: dict[str, Any], channel: str) -> dict[str, Any]:
    if channel not in merchant:
        message = f"merchant.json has no section {channel!r}"
        raise Misconfigured(message)
    section: dict[str, Any] = merchant[channel]
    return section


def _address(own: dict[str, Any], usual: str, *, sandbox: bool) -> str:
    """Choose the gateway's address; anything but the gateway's own host over TLS needs the sandbox."""
    url = own.get("gateway_url") or usual
    parts = urlsplit(url)
    if not sandbox and (parts.scheme != "https" or parts.netloc not in OFFICIAL_HOSTS):
        message = f"{parts.netloc} is not a gateway's own host, and the sandbox is off"
        raise Misconfigured(message)
    return url.rstrip("/")
