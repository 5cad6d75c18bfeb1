"""Who may do what at the desk: two groups and their permissions. Written by `manage.py staff_roles`."""

from collections.abc import Iterable

from django.apps import apps
from django.contrib.auth.management import create_permissions
from django.contrib.auth.models import Group, Permission

from orders.roles import LEAD, SUPPORT

READS = (
    "orders.order", "orders.orderline", "orders.staffaction", "orders.user", "orders.shopstaff", "orders.keypool",
    "orders.keyimport", "payments.attempt", "payments.inboxentry", "payments.refund", "payments.refundproposal",
    "payments.ledgeraccount", "payments.ledgerentry", "payments.handin",
    "payments.run", "payments.difference", "payments.bill", "tracking.rider",
    "tracking.delivery", "notifications.event", "notifications.parkedevent", "notifications.readercursor",
    "notifications.endpoint", "notifications.message", "notifications.attempt", "notifications.circuit",
    "notifications.registeredhost", "notifications.analyticsfile", "notifications.letter",
    "notifications.letterattempt", "orders.keyvoiding",
)  # fmt: skip
WRITES = (
    "orders.shop", "orders.openinghours", "orders.category", "orders.product", "orders.optiongroup", "orders.option",
)  # fmt: skip
LEAD_READS = ("orders.key", "orders.keyreveal", "orders.idempotencykey")
LEAD_WRITES = ("orders.user", "orders.shopstaff", "orders.apikey", "tracking.rider", "otp_totp.totpdevice")


def ensure() -> None:
    """Make both groups and give each exactly its permissions; safe to repeat after every migration."""
    for config in apps.get_app_configs():
        create_permissions(config, verbosity=0)
    support = [*_verbs(READS, "view"), *_verbs(WRITES, "view", "add", "change", "delete")]
    support += ["orders.repair_order", "payments.decide_difference", "payments.receive_cash"]
    lead = [*support, *_verbs(LEAD_READS, "view"), *_verbs(LEAD_WRITES, "view", "add", "change", "delete")]
    lead += ["orders.return_money", "orders.reveal_key", "notifications.change_parkedevent"]
    for name, wanted in ((SUPPORT, support), (LEAD, lead)):
        Group.objects.get_or_create(name=name)[0].permissions.set(_permissions(wanted))


def _verbs(models: Iterable[str], *verbs: str) -> list[str]:
    return [f"{app}.{verb}_{model}" for app, _, model in (name.partition(".") for name in models) for verb in verbs]


def _permissions(names: Iterable[str]) -> list[Permission]:
    wanted = set(names)
    known = Permission.objects.select_related("content_type")
    return [one for one in known if f"{one.content_type.app_label}.{one.codename}" in wanted]
