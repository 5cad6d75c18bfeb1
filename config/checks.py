"""What production must not start with; config/apps.py asks when the apps are loaded, whoever starts them."""

import json
from pathlib import Path

from django.conf import settings
from django.core.exceptions import ImproperlyConfigured

from payments.gateways import accounts
from payments.gateways.base import Misconfigured


def refuse_pretended_gateways() -> None:
    """Raise ImproperlyConfigured when a gateway that we would ask in production is not the real one.

    The simulator's keys, a host that is not the gateway's own, keys that cannot be read. No key folder is no fault:
    a shop may take cash only, and each gateway says so itself when somebody wants to pay by it.
    """
    described = Path(settings.GATEWAY_DIR) / "merchant.json"
    if not settings.PRODUCTION or not described.exists():
        return
    try:
        sections = set(json.loads(described.read_text()))
        for channel, read in (("wechat", accounts.wechat), ("alipay", accounts.alipay)):
            if channel in sections:
                read()
    except (Misconfigured, ValueError, TypeError) as error:
        message = f"Production does not start: {error} ({described.parent})"
        raise ImproperlyConfigured(message) from error
