"""Who may enter support's desk, and that nothing there writes an order but a service."""

import re
from types import SimpleNamespace

import pytest
from django.apps import apps
from django.contrib import admin
from django.urls import reverse
from django_otp.oath import totp
from django_otp.plugins.otp_totp.models import TOTPDevice

from orders.models import ApiKey, Key, Order, Shop, StaffAction, User
from orders.people import hash_key
from orders.roles import SUPPORT
from orders.services import Item

pytestmark = pytest.mark.django_db

NO_DOOR = (
    "orders.Order",
    "orders.Key",
    "orders.KeyReveal",
    "orders.StaffAction",
    "payments.Attempt",
    "payments.InboxEntry",
    "payments.Refund",
    "payments.RefundProposal",
    "payments.LedgerAccount",
    "payments.LedgerEntry",
    "payments.HandIn",
    "payments.Run",
    "payments.Difference",
    "tracking.Delivery",
    "notifications.Event",
)


def every_list() -> list[str]:
    names = [f"admin:{model._meta.app_label}_{model._meta.model_name}_changelist" for model in admin.site._registry]
    return ["admin:index", *names]


@pytest.mark.parametrize("who", ["mallory", "ana", "bruno", "ravi"])
def test_is_not_there_for_customers_shops_and_riders(cast, browser, make_order, who):
    """Whoever is not of support finds nothing: 404 on every list and on an order, whatever they are elsewhere."""
    client = browser(getattr(cast, who))
    order = make_order("PREPARING")
    for name in every_list():
        assert client.get(reverse(name)).status_code == 404, name
    assert client.get(reverse("admin:orders_order_change", args=[order.public_id])).status_code == 404
    assert client.post(reverse("admin:orders_order_repair", args=[order.public_id, "cancel"])).status_code == 404


def test_leads_strangers_to_the_one_door(client):
    """Nobody types a password in admin: the sign-in page of the house is the only one."""
    answer = client.get(reverse("admin:index"), follow=True)
    assert answer.redirect_chain[-1][0].startswith(reverse("account:signin"))


def test_opens_every_list_for_a_lead(desk, make_order):
    """No list breaks, with rows in it."""
    make_order("COMPLETED")
    for name in every_list():
        assert desk.lena.get(reverse(name)).status_code in {200, 403}, name
    assert desk.lena.get(reverse("admin:orders_key_changelist")).status_code == 200


@pytest.mark.parametrize("label", NO_DOOR)
def test_has_no_form_for_facts(desk, rf, label):
    """Orders, keys, money and events can be read; nothing is added, changed or deleted by anybody's hand."""
    del desk
    request = rf.get("/")
    request.user = User(is_staff=True, is_superuser=True, is_active=True)
    model_admin = admin.site.get_model_admin(apps.get_model(label))
    assert not model_admin.has_add_permission(request)
    assert not model_admin.has_change_permission(request)
    assert not model_admin.has_delete_permission(request)
    assert "delete_selected" not in model_admin.get_actions(request)


def test_refuses_an_order_that_is_posted(desk, make_order):
    """A POST to the order's page changes nothing, answers 403 and is kept."""
    order = make_order("CONFIRMED")
    page = reverse("admin:orders_order_change", args=[order.public_id])
    answer = desk.lena.post(page, {"status": "COMPLETED", "payment_status": "REFUNDED", "paid_minor": 1})
    assert answer.status_code == 403
    fresh = Order.objects.get(pk=order.pk)
    assert (fresh.status, fresh.version, fresh.paid_minor) == ("CONFIRMED", order.version, order.paid_minor)
    assert StaffAction.objects.get().outcome == "DENIED"


def test_names_the_role_that_may_not(desk, cast):
    """A wrong role reads which role it has and that the try was recorded, and finds the way back."""
    answer = desk.sam.get(reverse("admin:orders_key_changelist"))
    assert answer.status_code == 403
    assert "Your role cannot" in answer.text
    assert "You are Sam, Support." in answer.text
    kept = StaffAction.objects.get()
    assert (kept.user, kept.role, kept.outcome) == (cast.sam, SUPPORT, "DENIED")


def test_lets_no_staff_without_a_role_see_an_order(cast, browser, make_order):
    """Being staff is not enough."""
    order = make_order("CONFIRMED")
    answer = browser(cast.sam).get(reverse("admin:orders_order_change", args=[order.public_id]))
    assert answer.status_code == 403
    assert order.public_id in StaffAction.objects.get().order.public_id


def test_hands_out_rights_to_superusers_only(desk, cast):
    """A lead mends names, and makes nobody staff, not even by hand-made fields."""
    page = reverse("admin:orders_user_change", args=[cast.mallory.pk])
    desk.lena.post(
        page, {"username": "mallory", "first_name": "M", "language": "en", "is_staff": "on", "is_active": "on"}
    )
    mallory = User.objects.get(pk=cast.mallory.pk)
    assert not mallory.is_staff
    assert not mallory.is_superuser


def test_shows_no_card_key(desk, keyshop, make_order):
    """Neither the text of a key nor its sealed bytes are in any page that shows keys, pools or their order."""
    order = make_order("COMPLETED", shop_id=keyshop.shop.public_id, items=[item_of(keyshop)], address=None)
    key = Key.objects.filter(issues__order=order).get()
    pages = [reverse("admin:orders_order_change", args=[order.public_id])]
    pages += [reverse("admin:orders_key_change", args=[key.pk]), reverse("admin:orders_key_changelist")]
    pages += [reverse("admin:orders_keypool_changelist"), reverse("admin:orders_keypool_change", args=[key.pool.pk])]
    for page in pages:
        answer = desk.lena.get(page)
        assert answer.status_code == 200, page
        assert not re.search(r"MUSIC-\d{4}-SECRET", answer.text), page
        assert bytes(key.sealed).hex() not in answer.text
    assert key.public_id in desk.lena.get(pages[0]).text


def item_of(keyshop: SimpleNamespace) -> Item:
    return Item(keyshop.card.public_id, 1)


def test_tells_screens_when_support_changes_a_price(desk, noodles):
    """Saving a product goes through the shop's services: the new price is an event."""
    page = reverse("admin:orders_product_change", args=[noodles.dumplings.pk])
    form = desk.sam.get(page).context["adminform"].form
    data = {name: value for name, value in form.initial.items() if value is not None and value is not False}
    data |= {"price_minor": 2500, "groups-TOTAL_FORMS": 0, "groups-INITIAL_FORMS": 0}
    before = Shop.objects.get(pk=noodles.shop.pk).version
    assert desk.sam.post(page, data).status_code == 302
    noodles.dumplings.refresh_from_db()
    assert noodles.dumplings.price_minor == 2500
    assert Shop.objects.get(pk=noodles.shop.pk).version == before + 1


def test_asks_for_the_second_factor_at_the_door(desk, cast, settings):
    """Where it is needed, a password alone opens nothing; a fresh code does, a wrong one says so."""
    settings.ADMIN_NEEDS_TOTP = True
    device = TOTPDevice.objects.create(user=cast.sam, name="authenticator")
    answer = desk.sam.get(reverse("admin:index"))
    assert answer.status_code == 302
    assert "6 digits" in desk.sam.get(answer["Location"]).text
    wrong = desk.sam.post(reverse("admin:login"), {"code": "000000", "next": "/admin/"})
    assert wrong.status_code == 403
    assert "That code does not fit" in wrong.text
    TOTPDevice.objects.update(throttling_failure_count=0, throttling_failure_timestamp=None)
    good = desk.sam.post(reverse("admin:login"), {"code": f"{totp(device.bin_key):06d}", "next": "/admin/"})
    assert good.status_code == 302
    assert desk.sam.get(reverse("admin:index")).status_code == 200


def test_leaves_the_door_to_nowhere_else(desk, cast, settings):
    """`next` never leads to another host."""
    del cast
    settings.ADMIN_NEEDS_TOTP = False
    answer = desk.sam.get(reverse("admin:login") + "?next=https://elsewhere.example/")
    assert answer["Location"] == reverse("admin:index")


def test_shows_the_secret_of_an_api_key_once(desk, cast):
    """Issuing shows the secret in that answer only; what is stored is a hash, and revoking is for ever."""
    issued = desk.lena.post(reverse("admin:orders_apikey_add"), {"user": cast.ana.pk, "label": "till"}, follow=True)
    secret = re.search(r"lk_[A-Za-z0-9_-]{20,}", issued.text)
    assert secret
    key = ApiKey.objects.get()
    assert (key.user, key.label, key.secret_hash) == (cast.ana, "till", hash_key(secret[0]))
    listed = reverse("admin:orders_apikey_changelist")
    for page in (listed, reverse("admin:orders_apikey_change", args=[key.pk])):
        answer = desk.lena.get(page)
        assert answer.status_code == 200
        assert secret[0] not in answer.text
        assert key.secret_hash not in answer.text
    desk.lena.post(listed, {"action": "revoke", "_selected_action": [key.pk]})
    key.refresh_from_db()
    assert key.revoked_at is not None


def test_issues_no_api_key_for_plain_support(desk, cast):
    """Handing out keys is for leads."""
    answer = desk.sam.post(reverse("admin:orders_apikey_add"), {"user": cast.ana.pk, "label": "till"})
    assert answer.status_code == 403
    assert not ApiKey.objects.exists()


def test_shows_no_live_token():
    """Lists of other people's apps that print tokens are not registered."""
    labels = {model._meta.app_label for model in admin.site._registry}
    assert not labels & {"token_blacklist", "axes"}
