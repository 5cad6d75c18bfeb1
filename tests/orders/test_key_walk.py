"""Whatever is done to card keys, in whatever order, each use is left or with one buyer; random walks over the services.

Each walk is one transaction that is rolled back at its end; deferred triggers are asked after every step.
"""

from collections import Counter, defaultdict
from itertools import count

import pytest
from django.db import connection, transaction
from django.db.models import Count
from hypothesis import HealthCheck, Phase, settings
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
from orders import services
from orders.actors import SYSTEM, as_merchant
from orders.models import Key, KeyImport, KeyIssue, KeyPool, KeyVoiding, Order
from orders.services import Item, Placement
from orders.stock import keys
from tests.conftest import make_product

pytestmark = [pytest.mark.django_db, pytest.mark.timeout(300)]

WHICH = st.integers(0, 30)
UNITS = st.integers(1, 4)
HOLDING = ["PENDING", "CONFIRMED", "PREPARING"]


class Shelf:
    """Three pools with little in them: one key a buyer, one key for three, one key for many but two to a buyer."""

    def __init__(self, cast, keyshop):
        Key.objects.filter(pool=keyshop.pool, pk__in=Key.objects.order_by("pk").values("pk")[6:20]).update(state="VOID")
        self.actor, self.people = as_merchant(cast.dana), (cast.ana, cast.bea, cast.chen)
        three = services.add_pool(keyshop.shop.public_id, name="Three", uses=3, low_at=2)
        many = services.add_pool(keyshop.shop.public_id, name="Many", uses=9, per_buyer=2)
        self.shop, self.pools = keyshop.shop, [keyshop.pool, three, many]
        self.products = [keyshop.card] + [
            make_product(keyshop.shop, pool.name, 300, stock_kind="KEYS", pool=pool) for pool in (three, many)
        ]


class Walk(RuleBasedStateMachine):
    """Steps are services; a refusal is a fine answer, every other error fails the walk."""

    shelf: Shelf
    fired: Counter[str]

    def __init__(self):
        super().__init__()
        self.step = transaction.atomic()
        self.step.__enter__()
        self.orders, self.given, self.numbers = [], {}, count()

    def teardown(self):
        transaction.set_rollback(True)
        self.step.__exit__(None, None, None)

    def try_(self, name, service, *args, **named):
        try:
            with transaction.atomic():
                answer = service(*args, **named)
        except Refusal as refusal:
            self.fired[f"{name}: {refusal.code}"] += 1
            return None
        self.fired[name] += 1
        return answer

    @initialize()
    def fill(self):
        for pool in range(3):
            self.bring(pool, 4)
        for person in range(3):
            self.place(person, person, 1, (person + 1) % 3, 1)
        self.pay(0)
        self.replace(0)

    has_orders = precondition(lambda self: self.orders)

    @rule(pool=st.integers(0, 2), n=UNITS)
    def bring(self, pool, n):
        into = self.shelf.pools[pool]
        batch = KeyImport.objects.create(pool=into, label="b", file_name="f", size_bytes=1, state="DONE")
        fresh = [f"WALK-{next(self.numbers):04d}-KEY".encode() for _ in range(n)]
        report = list(services.import_keys(into, [*fresh, fresh[0]], batch=batch))[-1]
        assert (report.stored, report.duplicates) == (n, 1)

    @rule(person=st.integers(0, 2), first=st.integers(0, 2), units=UNITS, second=st.integers(0, 2), more=UNITS)
    def place(self, person, first, units, second, more):
        products = self.shelf.products
        items = [Item(products[first].public_id, units), Item(products[second].public_id, more)]
        wish = Placement(self.shelf.shop.public_id, items, "WECHAT")
        order = self.try_("place", services.place_order, wish, customer=self.shelf.people[person])
        if order is not None:
            self.orders.append(order.public_id)

    @has_orders
    @rule(which=WHICH)
    def pay(self, which):
        order = Order.objects.get(public_id=self.orders[which % len(self.orders)])
        paid = self.try_("pay", services.mark_paid, order.public_id, amount_minor=order.total_minor, channel="WECHAT")
        if paid is None and order.status == "PENDING":  # its keys are short: what payments does then
            services.cancel_order(order.public_id, reason="UNFULFILLABLE", actor=SYSTEM)

    @has_orders
    @rule(which=WHICH)
    def cancel(self, which):
        order = self.orders[which % len(self.orders)]
        self.try_("cancel", services.cancel_order, order, reason="STAFF", actor=SYSTEM)

    @rule(which=WHICH)
    def replace(self, which):
        issued = list(KeyIssue.objects.filter(issued_at__isnull=False, replaced_at=None).select_related("order"))
        if issued:
            bad = issued[which % len(issued)]
            unit = (bad.order.public_id, bad.line_no, bad.unit_no)
            self.try_("replace", services.replace_key, *unit, actor=SYSTEM)

    @rule(pool=st.integers(0, 2), which=WHICH, n=st.integers(1, 2))
    def void(self, pool, which, n):
        rows = list(Key.objects.filter(pool=self.shelf.pools[pool]).order_by("-pk"))
        texts = [rows[(which + step) % len(rows)].text() for step in range(n)]
        self.try_("void", services.void_texts, self.shelf.pools[pool], texts, reason="bad", actor=self.shelf.actor)

    @rule(which=WHICH)
    def void_batch(self, which):
        batches = list(KeyImport.objects.order_by("pk"))
        batch = batches[which % len(batches)]
        self.try_("void batch", services.void_batch, batch, reason="bad", actor=self.shelf.actor)

    @invariant()
    def the_database_agrees(self):
        with connection.cursor() as cursor:
            cursor.execute("SET CONSTRAINTS ALL IMMEDIATE; SET CONSTRAINTS ALL DEFERRED")

    @invariant()
    def every_use_is_left_or_given(self):
        for key in Key.objects.annotate(n=Count("issues")):
            assert key.uses_left + key.n == key.uses
            assert (key.state == "AVAILABLE") == (key.uses_left > 0) or key.state == "VOID"
            assert key.n <= 1 or key.uses > 1

    @invariant()
    def nobody_has_the_same_key_twice(self):
        held = KeyIssue.objects.values_list("key", "buyer").annotate(n=Count("pk")).order_by()
        assert all(n == 1 for _key, _buyer, n in held)

    @invariant()
    def a_paid_order_has_exactly_its_keys_and_a_cancelled_one_holds_none(self):
        found = defaultdict(Counter)
        for issue in KeyIssue.objects.filter(replaced_at=None):
            found[issue.order_id]["issued" if issue.issued_at else "held"] += 1
        for order in Order.objects.prefetch_related("lines"):
            wanted = sum(line.quantity for line in order.lines.all())
            assert found[order.pk]["issued"] == (wanted if order.status == "COMPLETED" else 0)
            assert found[order.pk]["held"] == (wanted if order.status in HOLDING else 0)

    @invariant()
    def what_a_buyer_was_given_never_changes(self):
        rows = KeyIssue.objects.filter(issued_at__isnull=False).values_list("pk", "key", "order")
        now = {pk: (key, order) for pk, key, order in rows}
        assert self.given.items() <= now.items()
        self.given = now

    @invariant()
    def nobody_has_more_than_the_pool_allows(self):
        limited = KeyPool.objects.exclude(per_buyer=0)
        held = KeyIssue.objects.filter(key__pool__in=limited, replaced_at=None).order_by()
        assert all(n <= 2 for _buyer, n in held.values_list("buyer").annotate(n=Count("pk")))

    @invariant()
    def a_void_key_says_why(self):
        void = Key.objects.filter(state="VOID", pool__in=self.shelf.pools[1:])
        assert not void.filter(voiding=None).exists()
        assert sum(KeyVoiding.objects.values_list("count", flat=True)) == Key.objects.exclude(voiding=None).count()

    @invariant()
    def what_is_left_is_what_is_counted(self):
        for pool in self.shelf.pools:
            rows = Key.objects.filter(pool=pool, state="AVAILABLE").values_list("uses_left", flat=True)
            assert keys.totals(pool)["AVAILABLE"] == keys.left_in([pool.pk]).get(pool.pk, 0) == sum(rows)
            services.watch(pool.pk)
            pool.refresh_from_db()
            assert (pool.low_since is not None) == (sum(rows) <= pool.low_at)


def test_every_walk_adds_up(cast, keyshop):
    """And the walk really went everywhere: every verb did something, and every refusal that matters was met."""
    Walk.shelf, Walk.fired = Shelf(cast, keyshop), Counter()
    quiet = settings(
        max_examples=14, stateful_step_count=25, deadline=None, derandomize=True, database=None,
        suppress_health_check=list(HealthCheck), phases=[Phase.generate],
    )  # fmt: skip
    run_state_machine_as_test(Walk, settings=quiet)
    met = {
        "place", "pay", "cancel", "replace", "void", "void batch", "place: out_of_stock", "place: too_many_for_one",
        "pay: keys_short", "void: nothing_to_void",
    }  # fmt: skip
    assert not met - set(Walk.fired), Walk.fired
