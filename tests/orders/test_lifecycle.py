"""The grid: every state against every verb, as one literal table; and the guards behind the services."""

import pytest
from django.core.exceptions import ValidationError
from django.db import DatabaseError, IntegrityError, connection, transaction

from config.ground.problems import Refusal
from notifications.models import Event
from orders import services
from orders.actors import SYSTEM, as_customer, as_merchant, as_rider, as_staff
from orders.models import Order, Stock
from orders.services import Item
from tests.conftest import ADDRESS

pytestmark = pytest.mark.django_db

STATES = ("UNPAID", "PENDING", "CONFIRMED", "PREPARING", "READY", "ON_DELIVERY", "COMPLETED", "CANCELLED")
# What each verb makes of each state; "." is a refusal that changes nothing. UNPAID is PENDING without money.
GRID = {
    #                  UNPAID       PENDING      CONFIRMED    PREPARING    READY        ON_DELIVERY  COMPLETED CANCELLED
    "pay":            ("PENDING",   ".",         ".",         ".",         ".",         ".",         ".",      "."),
    "begin payment":  ("PENDING",   ".",         ".",         ".",         ".",         ".",         ".",      "."),
    "claim payment":  ("PENDING",   ".",         ".",         ".",         ".",         ".",         ".",      "."),
    "confirm":        (".",         "CONFIRMED", ".",         ".",         ".",         ".",         ".",      "."),
    "reject":         ("CANCELLED", "CANCELLED", ".",         ".",         ".",         ".",         ".",      "."),
    "start":          (".",         ".",         "PREPARING", ".",         ".",         ".",         ".",      "."),
    "ready":          (".",         ".",         ".",         "READY",     ".",         ".",         ".",      "."),
    "delay":          (".",         ".",         "CONFIRMED", "PREPARING", ".",         ".",         ".",      "."),
    "claim":          (".",         ".",         "CONFIRMED", "PREPARING", "READY",     ".",         ".",      "."),
    "deliver":        (".",         ".",         ".",         ".",         ".",         "COMPLETED", ".",      "."),
    "collect":        (".",         ".",         ".",         ".",         ".",         ".",         ".",      "."),
    "strike out":     (".",         "PENDING",   "CONFIRMED", "PREPARING", ".",         ".",         ".",      "."),
    "cancel (buyer)": ("CANCELLED", "CANCELLED", "CANCELLED", ".",         ".",         ".",         ".",      "."),
    "cancel (staff)": ("CANCELLED", "CANCELLED", "CANCELLED", "CANCELLED", "CANCELLED", "CANCELLED", ".",      "."),
    "cancel (shop)":  ("CANCELLED", "CANCELLED", "CANCELLED", "CANCELLED", "CANCELLED", ".",         ".",      "."),
    "time out":       (".",         ".",         ".",         ".",         ".",         ".",         ".",      "."),
}  # fmt: skip


@pytest.fixture
def verbs(cast):
    bruno, ravi, ana, sam = as_merchant(cast.bruno), as_rider(cast.ravi), as_customer(cast.ana), as_staff(cast.sam)
    return {
        "pay": lambda ref: services.mark_paid(ref, amount_minor=8400, channel="WECHAT"),
        "begin payment": lambda ref: services.begin_payment(ref, method="ALIPAY", actor=ana),
        "claim payment": lambda ref: services.claim_payment(ref, actor=ana),
        "confirm": lambda ref: services.confirm_order(ref, minutes=10, actor=bruno),
        "reject": lambda ref: services.reject_order(ref, why="BUSY", actor=bruno),
        "start": lambda ref: services.start_preparing(ref, actor=bruno),
        "ready": lambda ref: services.mark_ready(ref, actor=bruno),
        "delay": lambda ref: services.delay_order(ref, minutes=5, actor=bruno),
        "claim": lambda ref: services.assign_carrier(ref, carrier=cast.ravi, actor=ravi),
        "deliver": lambda ref: services.complete_order(ref, actor=ravi),
        "collect": lambda ref: services.collect_order(ref, actor=bruno),
        "strike out": lambda ref: services.strike_out_line(ref, 2, actor=bruno),
        "cancel (buyer)": lambda ref: services.cancel_order(ref, reason="CUSTOMER", actor=ana),
        "cancel (staff)": lambda ref: services.cancel_order(ref, reason="STAFF", words="by phone", actor=sam),
        "cancel (shop)": lambda ref: services.cancel_order(ref, reason="SOLD_OUT", actor=bruno),
        "time out": lambda ref: services.cancel_order(ref, reason="PAYMENT_TIMEOUT", actor=SYSTEM),
    }


@pytest.mark.parametrize("verb", GRID)
@pytest.mark.parametrize("state", STATES)
def test_every_verb_in_every_state(make_order, verbs, state, verb):
    order = make_order("PENDING", paid=False) if state == "UNPAID" else make_order(state)
    before = _row(order)
    wanted = GRID[verb][STATES.index(state)]
    if wanted == ".":
        with pytest.raises(Refusal), transaction.atomic():
            verbs[verb](order.public_id)
        assert _row(order) == before
    else:
        assert verbs[verb](order.public_id).status == wanted
        assert _row(order)["status"] == wanted
        assert _row(order)["version"] > before["version"]
    _log_is_whole(order)


def _row(order):
    return Order.objects.values("status", "payment_status", "version", "struck_minor").get(pk=order.pk)


def _log_is_whole(order):
    """Versions are 1..n without a gap, and the last one is the order's own."""
    versions = list(Event.objects.filter(stream=order.stream).order_by("version").values_list("version", flat=True))
    assert versions == list(range(1, Order.objects.get(pk=order.pk).version + 1))


FORGED = {
    "queryset update": lambda order: Order.objects.filter(pk=order.pk).update(status="COMPLETED"),
    "payment update": lambda order: Order.objects.filter(pk=order.pk).update(payment_status="REFUNDED"),
    "version without event": lambda order: Order.objects.filter(pk=order.pk).update(status="PREPARING", version=4),
    "plain sql": lambda order: _sql("UPDATE orders_order SET status = 'READY' WHERE id = %s", order.pk),
    "delete": lambda order: _sql("DELETE FROM orders_order WHERE id = %s", order.pk),
}


def _sql(text, *params):
    with connection.cursor() as cursor:
        cursor.execute(text, params)


@transaction.atomic
def _forge_and_commit(forge, order):
    forge(order)
    _sql("SET CONSTRAINTS ALL IMMEDIATE")  # what a commit does


@pytest.mark.parametrize("door", FORGED)
def test_no_door_around_the_road(make_order, door):
    """The deferred trigger refuses a change of state that the log does not tell."""
    order = make_order("CONFIRMED")
    before = _row(order)
    with pytest.raises(DatabaseError, match="order"):
        _forge_and_commit(FORGED[door], order)
    assert _row(order) == before


def test_the_columns_are_closed_to_assignment(make_order):
    order = make_order("CONFIRMED")
    with pytest.raises((AttributeError, ValidationError)):
        order.status = "READY"


def test_nothing_unpaid_leaves_pending_even_with_an_event(make_order):
    """The check constraint is the last guard: an event that lies does not help."""
    order = make_order("PENDING", paid=False)
    Event.objects.create(
        stream=order.stream, version=2, type="order.confirmed", data={"status": "CONFIRMED"}, actor="x"
    )
    with pytest.raises(IntegrityError, match="nothing_unpaid_leaves_pending"), transaction.atomic():
        Order.objects.filter(pk=order.pk).update(status="CONFIRMED", version=2)


def test_stock_follows_the_life(make_order, noodles):
    def stock():
        row = Stock.objects.get(product=noodles.dumplings)
        return row.on_hand, row.reserved

    make_order("READY")
    assert stock() == (20, 1)
    make_order("ON_DELIVERY")
    assert stock() == (19, 1)
    make_order("CANCELLED")
    assert stock() == (19, 1)


def test_striking_everything_out_cancels_as_sold_out(make_order, cast, noodles):
    order = make_order("CONFIRMED")
    services.strike_out_line(order.public_id, 1, actor=as_merchant(cast.bruno))
    order = services.strike_out_line(order.public_id, 2, actor=as_merchant(cast.bruno))
    assert (order.status, order.cancel_reason) == ("CANCELLED", "SOLD_OUT")
    assert Stock.objects.get(product=noodles.dumplings).reserved == 0


def test_striking_part_of_a_line_lowers_the_bill(make_order, cast):
    order = make_order("CONFIRMED")
    order = services.strike_out_line(order.public_id, 1, quantity=1, actor=as_merchant(cast.bruno))
    assert order.struck_minor == 2900
    assert order.total_minor == 8000 + 400 - 2900
    event = Event.objects.get(stream=order.stream, type="line.struck_out")
    assert event.data["amountMinor"] == 2900


def test_a_grocery_is_not_ready_with_open_lines(cast, grocery):
    items = [Item(grocery.milk.public_id, 2), Item(grocery.bread.public_id, 1)]
    order = services.place_order(
        services.Placement(grocery.shop.public_id, items, "WECHAT", ADDRESS), customer=cast.ana
    )
    order = services.mark_paid(order.public_id, amount_minor=order.total_minor, channel="WECHAT")
    assert order.status == "CONFIRMED"
    chen = as_merchant(cast.chen)
    services.pick_line(order.public_id, 1, actor=chen)
    with pytest.raises(Refusal) as refused:
        services.mark_ready(order.public_id, actor=chen)
    assert refused.value.code == "lines_open"
    services.strike_out_line(order.public_id, 2, actor=chen)
    assert services.mark_ready(order.public_id, actor=chen).status == "READY"


def test_card_keys_are_issued_the_moment_they_are_paid(cast, keyshop):
    order = services.place_order(
        services.Placement(keyshop.shop.public_id, [Item(keyshop.card.public_id, 3)], "WECHAT"), customer=cast.ana
    )
    order = services.mark_paid(order.public_id, amount_minor=4500, channel="WECHAT")
    assert (order.status, order.completed_how) == ("COMPLETED", "ISSUED")
    texts = {services.reveal(order.public_id, 1, unit, by=cast.ana.public_id, address=None) for unit in (1, 2, 3)}
    assert len(texts) == 3
    assert all(text.startswith("MUSIC-") for text in texts)


def test_a_cancelled_card_key_order_gives_its_keys_back(cast, keyshop):
    order = services.place_order(
        services.Placement(keyshop.shop.public_id, [Item(keyshop.card.public_id, 20)], "WECHAT"), customer=cast.ana
    )
    assert services.units_left(keyshop.card) == 0
    services.cancel_order(order.public_id, reason="CUSTOMER", actor=SYSTEM)
    assert services.units_left(keyshop.card) == 20


def test_the_same_key_file_twice_adds_nothing(keyshop):
    lines = [b"NEW-0001", b"NEW-0001", b"", b"\xff\xfe", b"MUSIC-0001-SECRET", b"NEW-0002"]
    report = list(services.import_keys(keyshop.pool, lines))[-1]
    assert (report.stored, report.duplicates, report.unreadable) == (2, 2, 1)
    assert {number for number, *_why in report.refused} == {2, 4, 5}
    assert list(services.import_keys(keyshop.pool, lines))[-1].stored == 0
