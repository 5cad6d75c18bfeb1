"""What the database refuses about card keys, from whatever hand: plain SQL against its guards."""

import pytest
from django.db import connection, transaction
from django.db.utils import IntegrityError, ProgrammingError

from orders import services
from orders.models import Key, KeyIssue, KeyReveal
from orders.services import Item, Placement
from tests.conftest import make_product

pytestmark = pytest.mark.django_db


def sql(*statements):
    """Run as one transaction up to its commit: deferred triggers speak at the end."""
    with transaction.atomic(), connection.cursor() as cursor:
        for statement in statements:
            cursor.execute(statement)
        cursor.execute("SET CONSTRAINTS ALL IMMEDIATE; SET CONSTRAINTS ALL DEFERRED")


def buy(cast, product, units=1, who="ana"):
    placement = Placement(product.shop.public_id, [Item(product.public_id, units)], "WECHAT")
    return services.place_order(placement, customer=getattr(cast, who))


def pay(order):
    return services.mark_paid(order.public_id, amount_minor=order.total_minor, channel="WECHAT")


@pytest.fixture
def shared(keyshop):
    """A pool of one key that three buyers may have, and its product."""
    pool = services.add_pool(keyshop.shop.public_id, name="Shared", uses=3)
    list(services.import_keys(pool, [b"ONE-FOR-THREE-1"]))
    return make_product(keyshop.shop, "Shared", 100, stock_kind="KEYS", pool=pool)


ISSUE = (
    "INSERT INTO orders_keyissue (key_id, order_id, line_no, unit_no, is_single_use, buyer, reserved_at)"
    " SELECT key_id, order_id, {line}, {unit}, {single}, '{buyer}', now() FROM orders_keyissue LIMIT 1"
)


def test_uses_left_never_falls_below_nothing(cast, shared):
    for who in ("ana", "bea", "chen"):
        pay(buy(cast, shared, who=who))
    assert Key.objects.get(pool=shared.pool).uses_left == 0
    with pytest.raises(IntegrityError, match="uses_left"):
        sql("UPDATE orders_key SET uses_left = uses_left - 1")


def test_a_shared_key_is_never_given_more_often_than_it_has_uses(cast, shared):
    """A row without its use, a use without its row, more uses than the key has: each is refused at the commit."""
    key = pay(buy(cast, shared)).key_issues.get().key_id
    other = buy(cast, shared, who="bea")
    row = f"SELECT {key}, {other.pk}, 7, 7, false, 'somebody', now()"
    into = "INSERT INTO orders_keyissue (key_id, order_id, line_no, unit_no, is_single_use, buyer, reserved_at)"
    with pytest.raises(IntegrityError):
        sql(f"{into} {row}")
    for lie in ("uses_left = 3", "uses_left = 0", "uses = 2", "uses_left = 9, uses = 9"):
        with pytest.raises(IntegrityError):
            sql(f"UPDATE orders_key SET {lie} WHERE id = {key}")
    with pytest.raises(IntegrityError):
        sql("DELETE FROM orders_keyissue WHERE issued_at IS NULL")
    assert KeyIssue.objects.filter(key=key).count() == 2


def test_a_single_use_key_has_one_buyer_whatever_the_counts_say(cast, keyshop):
    pay(buy(cast, keyshop.card))
    with pytest.raises(IntegrityError, match="one_buyer_per_single_use_key"):
        sql(ISSUE.format(line=9, unit=9, single="true", buyer="x"))


def test_nobody_gets_the_same_key_twice(cast, keyshop, shared):
    """Neither in one order nor in the next: two of the same are worth one. A second key serves them."""
    first = pay(buy(cast, shared))
    with pytest.raises(services.pools.TooManyForOne) as refused:
        buy(cast, shared, 1)
    assert refused.value.facts["most"] == 1
    with pytest.raises(services.pools.TooManyForOne):
        buy(cast, shared, 2, who="bea")
    list(services.import_keys(shared.pool, [b"ONE-FOR-THREE-2"]))
    second = pay(buy(cast, shared))
    keys = {issue.key_id for order in (first, second) for issue in order.key_issues.all()}
    assert len(keys) == 2
    pay(buy(cast, shared, 2, who="bea"))
    elsewhere = buy(cast, keyshop.card)
    row = "INSERT INTO orders_keyissue (key_id, order_id, line_no, unit_no, is_single_use, buyer, reserved_at)"
    again = f"{row} SELECT key_id, {{}}, 9, 9, false, '{{}}', now() FROM orders_keyissue WHERE order_id = {first.pk}"
    with pytest.raises(IntegrityError, match="no_key_twice_in_an_order"):
        sql(again.format(first.pk, "x"))
    with pytest.raises(IntegrityError, match="no_key_twice_to_a_buyer"):
        sql(again.format(elsewhere.pk, cast.ana.public_id))


def test_a_unit_has_one_key_that_serves_it(cast, keyshop):
    order = pay(buy(cast, keyshop.card))
    free = Key.objects.filter(state="AVAILABLE").first()
    with pytest.raises(IntegrityError, match="one_key_per_unit"):
        KeyIssue.objects.create(key=free, order=order, line_no=1, unit_no=1, is_single_use=True)


def test_what_was_given_stays_given(cast, keyshop):
    order = pay(buy(cast, keyshop.card))
    free = Key.objects.filter(state="AVAILABLE").first()
    services.reveal(order.public_id, 1, 1, by="x", address=None)
    for statement in (
        "DELETE FROM orders_keyissue",
        f"UPDATE orders_keyissue SET key_id = {free.pk}",
        "UPDATE orders_keyissue SET issued_at = NULL",
        "UPDATE orders_keyreveal SET by = 'nobody'",
        "DELETE FROM orders_keyreveal",
    ):
        with pytest.raises(ProgrammingError, match="Cannot"):
            sql(statement)
    assert KeyReveal.objects.count() == 1


def test_a_buyer_has_at_most_what_the_pool_allows(cast, keyshop):
    services.set_limits(keyshop.pool, per_buyer=3, low_at=5)
    buy(cast, keyshop.card, 2)
    with pytest.raises(services.pools.TooManyForOne) as refused:
        buy(cast, keyshop.card, 2)
    assert refused.value.detail == "One person can have at most 3 of Music, one month."
    buy(cast, keyshop.card, 1)
    buy(cast, keyshop.card, 3, who="bea")


def test_a_cancelled_order_does_not_count_against_its_buyer(cast, keyshop):
    services.set_limits(keyshop.pool, per_buyer=2, low_at=5)
    order = buy(cast, keyshop.card, 2)
    services.cancel_order(order.public_id, reason="CUSTOMER", actor=services.place.as_customer(cast.ana))
    assert buy(cast, keyshop.card, 2)


def test_a_guest_is_known_by_the_number_they_left(keyshop, shared):
    def as_guest(phone):
        placement = Placement(shared.shop.public_id, [Item(shared.public_id, 1)], "WECHAT", {"phone": phone})
        return services.place_order(placement, customer=None, guest_secret=phone)

    as_guest("13900000001")
    with pytest.raises(services.pools.TooManyForOne):
        as_guest("139 0000 0001")
    as_guest("13900000002")
    assert not KeyIssue.objects.filter(buyer__contains="139").exists(), "the number itself stands nowhere"


def test_a_guest_without_a_number_is_refused(keyshop):
    placement = Placement(keyshop.shop.public_id, [Item(keyshop.card.public_id, 1)], "WECHAT")
    with pytest.raises(services.refusals.Required) as refused:
        services.place_order(placement, customer=None, guest_secret="s")
    assert refused.value.field == "address.phone"
