"""Whatever is done to orders, in whatever order, goods, keys, versions and ends add up; random walks over the services.

Each walk is one transaction that is rolled back at its end; deferred triggers are asked after every step.
"""

from collections import Counter
from types import SimpleNamespace

import pytest
from django.db import connection, transaction
from django.db.models import Count, F, Max, Min, Sum
from django.db.models.functions import Coalesce
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import (
    RuleBasedStateMachine,
    initialize,
    invariant,
    precondition,
    rule,
    run_state_machine_as_test,
)

from config.ground.problems import Refusal
from notifications.models import Event
from orders import services
from orders.actors import SYSTEM, as_merchant, as_rider
from orders.models import Key, KeyIssue, KeyPool, Order, OrderLine, Stock
from orders.order.states import RejectKind
from orders.services import Item, Placement
from tests.conftest import ADDRESS, make_product

pytestmark = pytest.mark.django_db

HOLDING = ["PENDING", "CONFIRMED", "PREPARING", "READY"]  # goods are promised and still in the shop
ENDED = ["COMPLETED", "CANCELLED"]
AMOUNTS = ("items_minor", "delivery_minor", "struck_minor", "paid_minor", "returned_minor")
DONE = {
    "place_order", "mark_paid", "begin_payment", "claim_payment", "release_payment", "confirm_order", "start_preparing",
    "mark_ready", "assign_carrier", "pick_up", "complete_order", "collect_order", "pick_line", "strike_out_line",
    "cancel_order", "reject_order", "call_off_order", "record_return", "set_count",
}  # fmt: skip
NEVER_REFUSED = {"record_return"}  # give_back asks for no more than there is
SOME = st.integers(1, 6)
SIX = st.lists(SOME, min_size=6, max_size=6)
FAR = st.integers(0, 8)
WHICH = st.integers(0, 30)
LINE = st.integers(0, 4)


class Shops:
    """Three shops with little of everything, so that short stock and last keys are met often; made once."""

    def __init__(self, cast, noodles, grocery, keyshop):
        self.cast, self.merchant, self.rider = cast, as_merchant(cast.bruno), as_rider(cast.ravi)
        noodles.shop.allows_collection = True
        noodles.shop.save()
        Stock.objects.update(on_hand=9)
        shared = KeyPool.objects.create(shop=keyshop.shop, name="Shared", uses=3)
        list(services.import_keys(shared, [b"ONE-FOR-MANY-1", b"ONE-FOR-MANY-2"]))
        Key.objects.filter(pool=keyshop.pool, pk__in=Key.objects.order_by("pk").values("pk")[5:20]).update(state="VOID")
        many = make_product(keyshop.shop, "Shared key", 300, stock_kind="KEYS", pool=shared)
        beef = (noodles.mild.public_id, noodles.egg.public_id)
        self.menus = [
            (noodles.shop, [(noodles.dumplings, ()), (noodles.beef, beef)]),
            (grocery.shop, [(grocery.milk, ()), (grocery.bread, ())]),
            (keyshop.shop, [(keyshop.card, ()), (many, ())]),
        ]
        self.counted = [noodles.dumplings, grocery.milk, grocery.bread]
        self.uses = dict(Key.objects.exclude(state="VOID").values_list("pk").annotate(n=Sum("uses_left")))


class Walk(RuleBasedStateMachine):
    """Steps are services; a refusal is a fine answer, every other error fails the walk."""

    shops: Shops
    fired: Counter[str]

    def __init__(self):
        super().__init__()
        self.step = transaction.atomic()
        self.step.__enter__()
        self.orders, self.ends = [], {}
        self.house = dict(Stock.objects.values_list("product_id", "on_hand"))

    def teardown(self):
        transaction.set_rollback(True)
        self.step.__exit__(None, None, None)

    def try_(self, service, *args, **named):
        try:
            with transaction.atomic():
                answer = service(*args, **named)
        except Refusal:
            self.fired[f"{service.__name__}: refused"] += 1
            return None
        self.fired[service.__name__] += 1
        return answer

    def some(self, which):
        return self.orders[which % len(self.orders)]

    @initialize(units=SIX, cash=st.booleans(), steps=st.lists(FAR, min_size=6, max_size=6))
    def open_the_doors(self, units, cash, steps):
        for shop in range(3):
            self.place(shop, units[shop], units[shop + 3] % 4, cash=cash and shop < 2, collects=False)
            self.place(shop, 1, 0, cash=False, collects=shop == 0)
        for which, far in zip(range(len(self.orders)), steps, strict=False):  # how far each is when the walk begins
            if far in {1, 2}:
                self.attempt(which, release=far == 1)
            elif far > 2:
                self.pay(which)
                self.go_on(which, far - 2)

    has_orders = precondition(lambda self: self.orders)

    @rule(shop=st.integers(0, 2), first=SOME, second=st.integers(0, 3), cash=st.booleans(), collects=st.booleans())
    def place(self, shop, first, second, cash, collects):
        where, goods = self.shops.menus[shop]
        wanted = zip(goods, (first, second), strict=True)
        items = [Item(good.public_id, n, options) for (good, options), n in wanted if n]
        items.append(Item(goods[0][0].public_id, 1, goods[0][1]))  # the same thing on two lines
        placement = Placement(
            where.public_id, items, "CASH" if cash else "WECHAT", ADDRESS if shop < 2 else {}, collects=collects
        )
        if (order := self.try_(services.place_order, placement, customer=self.shops.cast.ana)) is not None:
            self.orders.append(order.public_id)

    @has_orders
    @rule(which=WHICH)
    def pay(self, which):
        order = Order.objects.get(public_id=self.some(which))
        self.try_(services.mark_paid, order.public_id, amount_minor=order.total_minor, channel=order.method)

    @has_orders
    @rule(which=WHICH, release=st.booleans())
    def attempt(self, which, release):
        self.try_(services.begin_payment, self.some(which), method="WECHAT", actor=SYSTEM)
        self.try_(services.claim_payment, self.some(which), actor=SYSTEM)
        if release:
            self.try_(services.release_payment, self.some(which))

    @has_orders
    @rule(which=WHICH, steps=st.integers(1, 6))
    def go_on(self, which, steps):
        ref, cast = self.some(which), self.shops.cast
        way = [
            lambda: self.try_(services.confirm_order, ref, minutes=10, actor=self.shops.merchant),
            lambda: self.try_(services.start_preparing, ref, actor=self.shops.merchant),
            lambda: self.try_(services.mark_ready, ref, actor=self.shops.merchant),
            lambda: self.try_(services.assign_carrier, ref, carrier=cast.ravi, actor=self.shops.rider),
            lambda: self.try_(services.pick_up, ref, carrier=cast.ravi, actor=self.shops.rider),
            lambda: self.try_(services.complete_order, ref, actor=self.shops.rider),
        ]
        for step in way[:steps]:
            step()

    @has_orders
    @rule(which=WHICH)
    def collect(self, which):
        self.try_(services.collect_order, self.some(which), actor=self.shops.merchant)

    @has_orders
    @rule(which=WHICH, line=LINE)
    def pick(self, which, line):
        self.try_(services.pick_line, self.some(which), line, actor=self.shops.merchant)

    @has_orders
    @rule(which=WHICH, line=LINE, units=st.none() | SOME)
    def strike(self, which, line, units):
        self.try_(services.strike_out_line, self.some(which), line, quantity=units, actor=self.shops.merchant)

    @has_orders
    @rule(which=WHICH, reason=st.sampled_from(["CUSTOMER", "STAFF", "DELIVERY_FAILED", "PAYMENT_TIMEOUT"]))
    def cancel(self, which, reason):
        self.try_(services.cancel_order, self.some(which), reason=reason, actor=SYSTEM)

    @has_orders
    @rule(which=WHICH, why=st.sampled_from([RejectKind.SOLD_OUT, RejectKind.BUSY]), late=st.booleans())
    def refuse(self, which, why, late):
        service = services.call_off_order if late else services.reject_order
        self.try_(service, self.some(which), why=why, actor=self.shops.merchant)

    @has_orders
    @rule(which=WHICH, share=st.integers(1, 3))
    def give_back(self, which, share):
        order = Order.objects.get(public_id=self.some(which))
        amount = (order.paid_minor - order.returned_minor) // share
        if amount:
            self.try_(services.record_return, order.public_id, amount_minor=amount)

    @rule(which=st.integers(0, 2), on_hand=st.integers(0, 12))
    def count(self, which, on_hand):
        product = self.shops.counted[which]
        before = Stock.objects.get(product=product).on_hand
        if self.try_(services.set_count, product.public_id, on_hand=on_hand, actor=self.shops.merchant) is not None:
            self.house[product.pk] += on_hand - before

    @invariant()
    def the_database_agrees(self):
        with connection.cursor() as cursor:
            cursor.execute("SET CONSTRAINTS ALL IMMEDIATE; SET CONSTRAINTS ALL DEFERRED")

    @invariant()
    def promised_is_what_running_orders_hold(self):
        lines = OrderLine.objects.filter(is_counted=True)
        units = Sum(F("quantity") - F("struck_quantity"))
        held = dict(lines.filter(order__status__in=HOLDING).values_list("product").annotate(n=units))
        left = Event.objects.filter(type__in=["order.picked_up", "order.completed"])
        have_left = set(left.values_list("stream", flat=True))
        gone = Counter()
        for order, product, n in lines.values_list("order__public_id", "product").annotate(n=units):
            gone[product] += n if f"order/{order}" in have_left else 0
        for product, reserved, on_hand in Stock.objects.values_list("product", "reserved", "on_hand"):
            assert reserved == held.get(product, 0)
            assert 0 <= reserved <= on_hand == self.house[product] - gone[product]

    @invariant()
    def keys_are_issued_for_what_was_paid_and_held_for_what_may_be(self):
        issues = KeyIssue.objects.values_list("order", "key", "issued_at")
        issued = Counter(order for order, _key, at in issues if at is not None)
        held = Counter(order for order, _key, at in issues if at is None)
        used = Counter(key for _order, key, _at in issues)
        orders = Order.objects.filter(trade="DIGITAL").values_list("pk", "status")
        for order, status, wanted in orders.annotate(wanted=Coalesce(Sum("lines__quantity"), 0)):
            assert issued[order] == (wanted if status == "COMPLETED" else 0)
            assert held[order] == (wanted if status in HOLDING else 0)
        for key, state, left in Key.objects.exclude(state="VOID").values_list("pk", "state", "uses_left"):
            assert left + used[key] == self.shops.uses[key]
            assert (state == "AVAILABLE") == (left > 0)

    @invariant()
    def versions_have_no_gap(self):
        told = Event.objects.filter(stream__startswith="order/").values_list("stream")
        spans = {s: found for s, *found in told.annotate(n=Count("pk"), low=Min("version"), high=Max("version"))}
        for ref, version in Order.objects.values_list("public_id", "version"):
            assert spans[f"order/{ref}"] == [version, 1, version]

    @invariant()
    def an_end_is_an_end(self):
        ended = Order.objects.filter(status__in=ENDED)
        rows = ended.values_list("public_id", "status", "cancel_reason", "completed_how")
        now = {ref: tuple(end) for ref, *end in rows}
        assert self.ends.items() <= now.items()
        self.ends = now

    @invariant()
    def money_is_never_less_than_nothing(self):
        for order in Order.objects.only(*AMOUNTS, "status", "payment_status"):
            assert 0 <= order.returned_minor <= order.paid_minor
            assert order.total_minor >= 0
            if order.status not in {"PENDING", "CANCELLED"}:
                assert order.payment_status not in {"UNPAID", "PROCESSING"}


def test_every_walk_adds_up(cast, noodles, grocery, keyshop):
    """And the walks went everywhere: whatever can be done to an order was done, and whatever may be refused was."""
    Walk.shops, Walk.fired = Shops(cast, noodles, grocery, keyshop), Counter()
    quiet = settings(
        max_examples=60, stateful_step_count=30, deadline=None, derandomize=True, database=None,
        suppress_health_check=list(HealthCheck),
    )  # fmt: skip
    run_state_machine_as_test(Walk, settings=quiet)
    met = DONE | {f"{name}: refused" for name in DONE - NEVER_REFUSED}
    assert met - set(Walk.fired) == set(), Walk.fired


def test_an_order_that_is_refused_leaves_nothing_behind(cast, grocery, keyshop):
    """The second line is short (or gone, or asked for in cash): what the first one took is back, keys too."""
    Key.objects.filter(pk__in=Key.objects.values("pk")[2:]).update(state="VOID")
    wishes = [
        Placement(grocery.shop.public_id, [Item(grocery.milk.public_id, 2), Item(grocery.bread.public_id, 11)],
                  "WECHAT", ADDRESS),
        Placement(keyshop.shop.public_id, [Item(keyshop.card.public_id, 2), Item(keyshop.card.public_id, 1)], "WECHAT"),
        Placement(keyshop.shop.public_id, [Item(keyshop.card.public_id, 1)], "CASH"),
        Placement(grocery.shop.public_id, [Item(grocery.milk.public_id, 1)], "WECHAT", ADDRESS, expected_minor=1),
    ]  # fmt: skip
    before = Event.objects.count()
    for wish in wishes:
        with pytest.raises(Refusal):
            services.place_order(wish, customer=cast.ana)
    facts = SimpleNamespace(reserved=Stock.objects.aggregate(n=Sum("reserved"))["n"], keys=KeyIssue.objects.count())
    assert (facts.reserved, facts.keys, Order.objects.count(), Event.objects.count()) == (0, 0, 0, before)
    assert Key.objects.filter(state="AVAILABLE", uses_left=1).count() == 2
