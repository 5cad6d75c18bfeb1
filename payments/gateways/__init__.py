"""The ways to pay: one visible table from channel to gateway, and the address each gateway calls back.

Services, callbacks and reconciliation start here. An entry reads its keys at its first call, so importing this
module needs none; a new key folder is noticed without a restart.
"""

from payments.gateways import accounts
from payments.gateways.alipay import Alipay
from payments.gateways.base import Channel, Gateway
from payments.gateways.cash import Cash
from payments.gateways.wechat import Wechat

GATEWAYS: dict[Channel, Gateway] = {
    "WECHAT": Wechat(accounts.wechat),
    "ALIPAY": Alipay(accounts.alipay),
    "CASH": Cash(),
}


def resting() -> list[Channel]:
    """The channels that failed too often just now, as far as this process has seen."""
    return [channel for channel, gateway in GATEWAYS.items() if not gateway.is_available]


def notify_url(channel: Channel) -> str:
    """Where this channel's gateway reports to us, such as `https://shop.example/callbacks/wechat`."""
    return f"{accounts.notify_base()}/callbacks/{channel.lower()}"
