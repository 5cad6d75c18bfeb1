"""Support and card keys: a look with reason, second factor and record; another key for a bad one; masked words."""

import pytest
from django.urls import reverse
from django_otp.oath import totp
from django_otp.plugins.otp_totp.models import TOTPDevice

from notifications.models import Event
from orders import services
from orders.models import Key, KeyIssue, KeyReveal, KeyVoiding, Order, StaffAction, User
from orders.roles import LEAD
from orders.services import Item, Placement

pytestmark = pytest.mark.django_db
WHY = "The customer says the site refuses it"


@pytest.fixture
def order(cast, keyshop):
    """Two keys of ana's, paid."""
    placement = Placement(keyshop.shop.public_id, [Item(keyshop.card.public_id, 2)], "WECHAT")
    order = services.place_order(placement, customer=cast.ana)
    return services.mark_paid(order.public_id, amount_minor=order.total_minor, channel="WECHAT")


def press(client, order, does, **fields):
    """Press one button with what the page of this order carries."""
    version = Order.objects.values_list("version", flat=True).get(pk=order.pk)
    form = {"version": version, "reason": WHY, "cause": "CUSTOMER", "unit": "1.2"} | fields
    return client.post(reverse("admin:orders_order_repair", args=[order.public_id, does]), form)


def xray(client, order):
    return client.get(reverse("admin:orders_order_change", args=[order.public_id])).text


def text_of(order, unit=2):
    return KeyIssue.objects.get(order=order, unit_no=unit, replaced_at=None).key.text()


def test_a_lead_looks_at_a_key_and_everybody_can_read_that(desk, order, client, cast):
    """Shown once on a page that nobody keeps; recorded with name, role, reason and address; the customer is told."""
    answer = press(desk.lena, order, "show-key")
    assert answer.status_code == 200
    assert text_of(order) in answer.text
    assert text_of(order, 1) not in answer.text
    assert "no-store" in answer["Cache-Control"]
    look = KeyReveal.objects.get()
    assert (look.is_support, look.issue.unit_no, look.address) == (True, 2, "127.0.0.1")
    kept = StaffAction.objects.get()
    assert (kept.does, kept.role, kept.reason) == ("show-key", LEAD, WHY)
    told = Event.objects.filter(stream=order.stream).order_by("version").last()
    assert (told.type, told.data["unit"]) == ("key.inspected", 2)
    client.force_login(cast.ana)
    page = client.get(reverse("storefront:order", args=[order.public_id])).text
    assert "Key 2 · our support" in page
    assert "Our support looked at a key" in page
    for html in (xray(desk.sam, order), xray(desk.lena, order), page):
        assert text_of(order) not in html
    assert "Lena" in xray(desk.sam, order)


def test_support_that_does_not_lead_may_not_look(desk, order):
    answer = press(desk.sam, order, "show-key")
    assert answer.status_code == 403
    assert text_of(order) not in answer.text
    assert StaffAction.objects.get().outcome == "DENIED"
    assert not KeyReveal.objects.exists()


@pytest.mark.parametrize(
    "fields", [{"reason": "short"}, {"unit": ""}, {"unit": "9.9"}, {"unit": "x"}, {"version": "1"}]
)
def test_nothing_is_shown_when_anything_is_missing(desk, order, fields):
    answer = press(desk.lena, order, "show-key", **fields)
    assert answer.status_code in {404, 409, 422}
    assert text_of(order) not in answer.text
    assert not KeyReveal.objects.exists()
    assert not StaffAction.objects.exists()


def test_a_look_wants_the_second_factor(desk, order, settings, cast):
    """A session is not enough: each look and each replacement wants a fresh code."""
    settings.ADMIN_NEEDS_TOTP = True
    lena = User.objects.get(username="lena")
    device = TOTPDevice.objects.create(user=lena, name="authenticator")
    desk.lena.post(reverse("admin:login"), {"code": f"{totp(device.bin_key):06d}", "next": "/admin/"})
    for does in ("show-key", "replace-key"):
        refused = press(desk.lena, order, does, code="12")
        assert refused.status_code == 403
        assert "That code does not fit" in refused.text
        TOTPDevice.objects.update(throttling_failure_count=0, throttling_failure_timestamp=None)
    assert not KeyReveal.objects.exists()
    assert not KeyVoiding.objects.exists()
    TOTPDevice.objects.update(last_t=-1)
    shown = press(desk.lena, order, "show-key", code=f"{totp(device.bin_key):06d}")
    assert text_of(order) in shown.text


def test_support_replaces_a_bad_key(desk, order, cast):
    """Another key for the same unit, the old one void with who did it; no key in any answer."""
    old = text_of(order)
    answer = press(desk.sam, order, "replace-key")
    assert answer.status_code == 302
    assert text_of(order) != old
    assert Key.objects.get(fingerprint=order.shop.pools.get().mark(old)).state == "VOID"
    assert KeyVoiding.objects.get().by == cast.sam.public_id
    html = xray(desk.sam, order)
    assert "replaced" in html
    assert StaffAction.objects.get().reason == WHY
    for text in (old, text_of(order)):
        assert text not in html


def test_a_key_pasted_into_a_reason_is_not_kept(desk, order):
    """People paste what the customer sent; the record names its end only. Unsold keys too, Chinese around it or not."""
    sent = text_of(order)
    press(desk.sam, order, "note", reason=f"She wrote: {sent}, does not work")
    press(desk.sam, order, "note", reason=f"卡密“{sent}”无效，请核对一下再说")
    press(desk.sam, order, "replace-key", reason=f"{sent} is refused by the site")
    reasons = list(StaffAction.objects.order_by("id").values_list("reason", flat=True))
    tail = f"····{sent[-4:]}"
    assert reasons == [
        f"She wrote: {tail}, does not work", f"卡密“{tail}”无效，请核对一下再说", f"{tail} is refused by the site",
    ]  # fmt: skip


def test_an_order_without_keys_has_no_such_buttons(desk, make_order):
    noodles = make_order("CONFIRMED")
    html = xray(desk.lena, noodles)
    assert 'id="ask-show-key"' not in html
    assert press(desk.lena, noodles, "show-key").status_code == 404
