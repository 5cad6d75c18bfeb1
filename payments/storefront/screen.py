"""Which moment of paying is it? Works out what the pay page shows; views.py asks, the templates draw."""

from dataclasses import dataclass, replace
from datetime import timedelta
from typing import Final

import segno
from django.conf import settings
from django.utils.http import urlencode
from django.utils.safestring import SafeString, mark_safe

from config.ground import clock
from config.ground.figures import money
from config.ground.word import Word
from orders.models import Order
from orders.order.states import SETTLED, PaymentStatus, Status
from orders.words import CHANNEL, PAYMENT, STATUS, status_word
from payments.gateways import GATEWAYS
from payments.matching import ALREADY_PAID
from payments.models import Attempt, Disposition

ONLINE: Final = ("WECHAT", "ALIPAY")
PHONE_FORMS: Final = {"WECHAT": "h5", "ALIPAY": "wap"}


@dataclass(frozen=True)
class Screen:
    """`moment` names the card.

    waiting (a way is open), app (one is open inside WeChat), slow, choose, arrived (told, not yet applied), closing,
    paid, expired, late, cancelled or elsewhere (nothing to pay here).
    """

    order: Order
    attempt: Attempt | None
    moment: str

    @property
    def tag(self) -> str:
        """Equal as long as nothing on the card would change."""
        attempt = self.attempt
        if attempt is None:
            return self.moment
        kept = Attempt.objects.filter(order=self.order, applied_at__isnull=False).count()
        facts = (self.order.payment_status, attempt.seq, attempt.state, attempt.has_a_way, kept)
        return "-".join(map(str, (self.moment, *facts)))

    @property
    def word(self) -> Word:
        """The order's state; once it is paid, how much."""
        if self.moment == "arrived":
            return STATUS["PENDING.PROCESSING"]["customer"]
        if self.moment == "paid":
            paid, amount = PAYMENT["PAID"]["customer"], money(self.order.paid_minor)
            return replace(paid, en=paid.en.format(amount=amount), zh=paid.zh.format(amount=amount))
        return status_word(self.order, "customer")

    @property
    def channel(self) -> str:
        """The channel that this page is about."""
        if self.attempt is not None:
            return self.attempt.channel
        return self.order.method if self.order.method in ONLINE else ONLINE[0]

    @property
    def channel_word(self) -> Word:
        """Its name."""
        return CHANNEL[self.channel]

    @property
    def other(self) -> str:
        """The channel to change to."""
        return next(name for name in ONLINE if name != self.channel)

    @property
    def other_word(self) -> Word:
        """Its name."""
        return CHANNEL[self.other]

    @property
    def is_resting(self) -> bool:
        """Whether the channel has failed too often just now."""
        return not GATEWAYS[self.channel].is_available  # type: ignore[index]

    @property
    def qr(self) -> SafeString:
        """The code to scan as an inline picture, dark on white in both themes."""
        code = segno.make(self.attempt.code_url if self.attempt else "", error="m", micro=False)
        drawn = code.svg_inline(border=2, svgclass="qr", lineclass=None, omitsize=True, dark="#13201D", light="#fff")
        return mark_safe(drawn.replace("<svg ", '<svg role="img" aria-label="QR" ', 1))  # noqa: S308 - drawn by segno from a QR matrix

    @property
    def cashier_url(self) -> str:
        """Sandbox: where a person can pay what a phone would scan."""
        if not (settings.SANDBOX and self.attempt and self.attempt.code_url):
            return ""
        return f"{settings.SIMULATOR_URL}/scan?{urlencode({'code_url': self.attempt.code_url})}"

    @property
    def late_minor(self) -> int:
        """Money that came after the end."""
        late = Attempt.objects.filter(order=self.order, disposition=Disposition.LATE)
        return sum(attempt.paid_minor or 0 for attempt in late)

    @property
    def seconds_to_pay(self) -> int:
        """How long the whole time to pay is, for the voice that counts down."""
        span = (self.order.expires_at or self.order.placed_at) - self.order.placed_at
        return max(1, int(span / timedelta(seconds=1)))


def screen_of(order: Order) -> Screen:
    """Read the order's newest attempt and say which moment it is."""
    attempts = Attempt.objects.filter(order=order).exclude(channel="CASH")
    attempt = attempts.open().first() or attempts.order_by("-seq").first()
    return Screen(order, attempt, _moment(order, attempt))


def _moment(order: Order, attempt: Attempt | None) -> str:
    if order.status == Status.CANCELLED:
        return _how_it_ended(order)
    if order.payment_status in ALREADY_PAID:
        return "paid"
    if order.payment_status in SETTLED or order.payment_status == PaymentStatus.DUE_ON_DELIVERY:
        return "elsewhere"
    return _while_unpaid(order, attempt)


def _while_unpaid(order: Order, attempt: Attempt | None) -> str:
    if Attempt.objects.unapplied().filter(order=order).exists():
        return "arrived"
    if order.expires_at is not None and order.expires_at <= clock.now():
        return "closing"
    if attempt is None or not attempt.is_open:
        return "choose"
    if attempt.form == "jsapi":
        return "app"
    return "waiting" if attempt.has_a_way else "slow"


def _how_it_ended(order: Order) -> str:
    if Attempt.objects.filter(order=order, disposition=Disposition.LATE).exists():
        return "late"
    return "expired" if order.cancel_reason == "PAYMENT_TIMEOUT" else "cancelled"


def form_for(channel: str, user_agent: str) -> str:
    """Phones open the wallet itself; everything else shows a code (WeChat) or goes to the gateway's page (Alipay)."""
    if channel not in ONLINE:
        return ""
    return PHONE_FORMS[channel] if "Mobile" in user_agent else GATEWAYS[channel].forms[0]  # type: ignore[index]
