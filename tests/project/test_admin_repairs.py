"""Support's repairs: each is one service, wants a sentence, acts on what was on the screen, and is kept."""

from datetime import timedelta
from types import SimpleNamespace

import pytest
from django.db import IntegrityError, transaction
from django.urls import reverse
from django_otp.oath import totp
from django_otp.plugins.otp_totp.models import TOTPDevice

from config.ground import clock
from notifications.models import Event
from orders import services
from orders.actors import as_merchant
from orders.models import Order, StaffAction
from orders.roles import SUPPORT
from payments import settle
from payments.models import Attempt, InboxEntry, Refund
from tracking import services as tracking
from tracking.models import Delivery, Rider

pytestmark = pytest.mark.django_db
WHY = "The customer called: the rider stands at the wrong gate"


def press(client, order, does, **fields):
    """Press one button with what the page of this order carries."""
    form = {"version": order.version, "reason": WHY, "cause": "CUSTOMER"} | fields
    return client.post(reverse("admin:orders_order_repair", args=[order.public_id, does]), form)


def paid_online(order: Order, state: str = "SUCCESS") -> Attempt:
    """An attempt at WeChat, as its gateway would have made it; the money is recorded, not applied."""
    now = clock.now()
    money = {"gateway_txn_no": f"42{order.pk}", "paid_minor": order.total_minor, "paid_currency": "CNY", "paid_at": now}
    return Attempt.objects.create(
        order=order,
        seq=1,
        channel="WECHAT",
        merchant_account="1900000001",
        out_trade_no=f"{order.public_id[4:]}-1",
        form="native",
        amount_minor=order.total_minor,
        state=state,
        gateway_expires_at=now + timedelta(minutes=10),
        recorded_at=now,
        **(money if state == "SUCCESS" else {}),
    )


@pytest.fixture
def carried(make_order, cast) -> SimpleNamespace:
    """An order that ravi has claimed."""
    order = make_order("READY")
    rider = Rider.objects.create(user=cast.ravi, is_on_duty=True)
    tracking.claim(order.public_id, rider=rider)
    return SimpleNamespace(order=Order.objects.get(pk=order.pk), rider=rider)


@pytest.mark.parametrize(
    ("start", "does", "fields", "status", "event"),
    [
        ("PENDING", "confirm", {"minutes": "20"}, "CONFIRMED", "order.confirmed"),
        ("CONFIRMED", "start", {}, "PREPARING", "order.preparing"),
        ("PREPARING", "ready", {}, "READY", "order.ready"),
        ("ON_DELIVERY", "delivered", {}, "COMPLETED", "order.completed"),
        ("PREPARING", "cancel", {"words": "The kitchen flooded"}, "CANCELLED", "order.cancelled"),
        ("ON_DELIVERY", "cancel", {"words": "The bag was lost"}, "CANCELLED", "order.cancelled"),
        ("CONFIRMED", "note", {}, "CONFIRMED", "staff.noted"),
    ],
)
def test_does_what_the_service_does_and_keeps_who_and_why(desk, cast, make_order, start, does, fields, status, event):
    """One press: the service's own event with support as its actor, and a row with name, role, reason and versions."""
    order = make_order("CONFIRMED") if start == "PENDING" else make_order(start)
    if start == "PENDING":
        order = make_order("PENDING", paid=False)
        order = services.mark_paid(order.public_id, amount_minor=order.total_minor, channel="WECHAT")
    answer = press(desk.sam, order, does, **fields)
    assert answer.status_code == 302, answer.text[:2000]
    fresh = Order.objects.get(pk=order.pk)
    assert fresh.status == status
    told = Event.objects.get(stream=order.stream, version=order.version + 1)
    assert (told.type, told.actor, told.account) == (event, "staff", cast.sam.public_id)
    kept = StaffAction.objects.get(order=order)
    assert (kept.user, kept.role, kept.does, kept.reason) == (cast.sam, SUPPORT, does, WHY)
    assert (kept.seen_version, kept.version, kept.outcome) == (order.version, fresh.version, "DONE")
    assert WHY not in str(told.data) + str(told.only)


def test_tells_the_customer_what_support_wrote_for_them_only(desk, make_order):
    """The words of a cancellation and the reason of the record are two things."""
    order = make_order("PREPARING")
    press(desk.sam, order, "cancel", words="The kitchen flooded")
    fresh = Order.objects.get(pk=order.pk)
    assert (fresh.cancel_reason, fresh.cancel_words) == ("STAFF", "The kitchen flooded")


@pytest.mark.parametrize("reason", ["", "too short", "          short  "])
def test_wants_a_sentence(desk, make_order, reason):
    """Fewer than ten letters: nothing happens, the page says so beside the field and keeps what was typed."""
    order = make_order("PREPARING")
    answer = press(desk.sam, order, "ready", reason=reason)
    assert answer.status_code == 422
    assert "One sentence is needed, 10 characters or more." in answer.text
    assert Order.objects.get(pk=order.pk).version == order.version
    assert not StaffAction.objects.exists()


def test_refuses_what_was_not_on_the_screen(desk, cast, make_order):
    """The order moved while support was typing: both states are named, nothing is done."""
    order = make_order("PREPARING")
    services.mark_ready(order.public_id, actor=as_merchant(cast.bruno))
    answer = press(desk.sam, order, "cancel", words="Too late")
    assert answer.status_code == 409
    assert "Not done: the order moved on." in answer.text
    assert f"You saw v{order.version} (PREPARING); it is now v{order.version + 1} (READY)" in answer.text
    assert Order.objects.get(pk=order.pk).status == "READY"
    assert not StaffAction.objects.exists()


@pytest.mark.parametrize("version", ["", "x", "-1", "9" * 40])
def test_refuses_a_form_without_its_version(desk, make_order, version):
    """A hand-made form never acts on whatever there is."""
    order = make_order("PREPARING")
    assert press(desk.sam, order, "ready", version=version).status_code in {409, 422}
    assert Order.objects.get(pk=order.pk).version == order.version


def test_leaves_nothing_behind_when_the_service_refuses(desk, make_order):
    """A wrong moment is a refusal on the page, and no record of a deed that was none."""
    order = make_order("PENDING")
    assert press(desk.sam, order, "ready").status_code == 409
    assert not StaffAction.objects.exists()


def test_finds_another_rider(desk, carried):
    """The claim ends, the job is open again, the rider is paid the way."""
    assert press(desk.sam, carried.order, "another-rider").status_code == 302
    fresh = Order.objects.get(pk=carried.order.pk)
    assert fresh.carrier is None
    delivery = Delivery.objects.get(order=fresh)
    assert (delivery.state, delivery.pay_minor > 0) == ("RELEASED", True)


def test_ends_the_delivery_with_the_order(desk, carried):
    """Support vouches for the hand-over: order and delivery end together."""
    tracking.pick_up(carried.order.public_id, rider=carried.rider)
    order = Order.objects.get(pk=carried.order.pk)
    assert press(desk.sam, order, "delivered").status_code == 302
    assert Delivery.objects.get(order=order).state == "DELIVERED"


def test_applies_money_that_was_left_lying(desk, make_order):
    """Recorded and not applied: one press gives it to the order."""
    order = make_order("PENDING", paid=False)
    paid_online(order)
    assert press(desk.sam, order, "apply-money").status_code == 302
    assert Order.objects.get(pk=order.pk).payment_status == "PAID"


def test_returns_part_of_the_money(desk, make_order):
    """A lead returns an amount by hand: a refund of reason MANUAL with the words for the customer; twice is once."""
    order = make_order("PENDING", paid=False)
    settle.apply(paid_online(order).public_id)
    order = Order.objects.get(pk=order.pk)
    assert press(desk.lena, order, "refund", amount="12.50", words="For the cold soup").status_code == 302
    assert press(desk.lena, order, "refund", amount="12.50", words="For the cold soup").status_code == 409
    refund = Refund.objects.get(attempt__order=order)
    assert (refund.amount_minor, refund.reason, refund.words) == (1250, "MANUAL", "For the cold soup")


@pytest.mark.parametrize("amount", ["", "0", "-5", "1.005", "NaN", "1e999999", "x"])
def test_returns_no_amount_that_is_none(desk, make_order, amount):
    """Garbage in the amount is a refusal, never an error."""
    order = make_order("PENDING", paid=False)
    settle.apply(paid_online(order).public_id)
    order = Order.objects.get(pk=order.pk)
    assert press(desk.lena, order, "refund", amount=amount, words="For the soup").status_code == 422
    assert not Refund.objects.exists()


def test_lets_only_a_lead_return_money(desk, make_order):
    """Support reads that its role cannot; the try stands beside the order."""
    order = make_order("PENDING", paid=False)
    settle.apply(paid_online(order).public_id)
    order = Order.objects.get(pk=order.pk)
    answer = press(desk.sam, order, "refund", amount="1", words="For the soup")
    assert answer.status_code == 403
    assert "Your role cannot return money by hand" in answer.text
    assert StaffAction.objects.get(order=order).outcome == "DENIED"
    assert not Refund.objects.exists()


def test_asks_for_the_second_factor_before_money_moves(desk, cast, make_order, settings):
    """Where it is needed, cancelling wants a fresh code besides the session's."""
    settings.ADMIN_NEEDS_TOTP = True
    device = TOTPDevice.objects.create(user=cast.sam, name="authenticator")
    order = make_order("PREPARING")
    desk.sam.post(reverse("admin:login"), {"code": f"{totp(device.bin_key):06d}", "next": "/admin/"})
    refused = press(desk.sam, order, "cancel", words="The kitchen flooded", code="12")
    assert refused.status_code == 403
    assert "That code does not fit" in refused.text
    assert Order.objects.get(pk=order.pk).status == "PREPARING"
    TOTPDevice.objects.update(throttling_failure_count=0, throttling_failure_timestamp=None, last_t=-1)
    done = press(desk.sam, order, "cancel", words="The kitchen flooded", code=f"{totp(device.bin_key):06d}")
    assert done.status_code == 302
    assert Order.objects.get(pk=order.pk).status == "CANCELLED"


def test_keeps_hands_for_ever(desk, make_order):
    """The database refuses to change or forget what support did."""
    order = make_order("PREPARING")
    press(desk.sam, order, "ready")
    for change in (lambda rows: rows.update(reason="Something else entirely"), lambda rows: rows.delete()):
        with pytest.raises(Exception, match="Cannot update or delete"), transaction.atomic():
            change(StaffAction.objects.all())
    with pytest.raises(IntegrityError), transaction.atomic():
        StaffAction.objects.create(user=order.customer, does="cancel", reason="")


def test_has_no_button_that_the_table_does_not_name(desk, make_order):
    """An unknown verb is not found; asking with GET changes nothing and opens the page."""
    order = make_order("PREPARING")
    assert press(desk.sam, order, "complete-everything").status_code == 404
    asked = desk.sam.get(reverse("admin:orders_order_repair", args=[order.public_id, "cancel"]), follow=True)
    assert asked.status_code == 200
    assert Order.objects.get(pk=order.pk).version == order.version


def test_shows_what_a_gateway_sent_beside_its_order_only(desk, make_order):
    """The raw message opens from its order, and from no other."""
    order, other = make_order("PENDING", paid=False), make_order("PENDING", paid=False)
    attempt = paid_online(order)
    said = InboxEntry.objects.create(
        channel="WECHAT", source="NOTIFY", out_trade_no=attempt.out_trade_no, verified=True, body=b'{"state":"<b>"}'
    )
    shown = desk.sam.get(reverse("admin:orders_order_raw", args=[order.public_id, said.pk]))
    assert "&lt;b&gt;" in shown.text
    assert desk.sam.get(reverse("admin:orders_order_raw", args=[other.public_id, said.pk])).status_code == 404
