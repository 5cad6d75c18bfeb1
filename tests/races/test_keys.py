"""Races over card keys, in pairs, with real threads and real transactions: each key to one buyer, none lost."""

from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from threading import Barrier

import pytest
from django.db import connections
from django.db.models import Count, F

from config.ground.problems import Refusal
from orders import services
from orders.actors import SYSTEM, as_customer, as_merchant
from orders.models import Key, KeyImport, KeyIssue, KeyPool, KeyVoiding, Order, User
from orders.services import Item, Placement, keyfile
from tests.conftest import make_product
from tests.races.test_orders import race

pytestmark = pytest.mark.django_db(transaction=True)
WHY = "The supplier called them back"


@pytest.fixture(autouse=True)
def state(settings, tmp_path):
    settings.STATE_DIR = tmp_path
    return tmp_path


def uses_add_up():
    """Every key's uses are left or given, and no key that is single-use stands twice."""
    for key in Key.objects.annotate(given=Count("issues")):
        assert key.uses_left + key.given == key.uses
        assert key.state != "AVAILABLE" or key.uses_left > 0
    assert (
        not KeyIssue.objects.filter(is_single_use=True).values("key").annotate(n=Count("pk")).filter(n__gt=1).exists()
    )


def buy(buyer, product, units=1):
    placement = Placement(product.shop.public_id, [Item(product.public_id, units)], "WECHAT")
    return services.place_order(placement, customer=buyer)


def pay(order):
    return services.mark_paid(order.public_id, amount_minor=order.total_minor, channel="WECHAT")


def outcome(work):
    try:
        work()
    except Refusal as refusal:
        return refusal.code
    finally:
        connections.close_all()
    return "done"


def crowd(work, given, workers=16):
    with ThreadPoolExecutor(workers) as pool:
        return Counter(pool.map(lambda one: outcome(lambda: work(one)), given))


def begin(pool, content, name="f.txt"):
    path = keyfile.folder() / f"{name}.part"
    path.write_bytes(content)
    return keyfile.begin_import(pool, path, file_name=name, label=name, actor=SYSTEM)


def test_the_last_use_of_a_shared_key_goes_to_one_of_two_hundred(keyshop):
    """Five uses, two hundred different buyers."""
    pool = KeyPool.objects.create(shop=keyshop.shop, name="Shared", uses=5)
    list(services.import_keys(pool, [b"ONE-FOR-FIVE-1"]))
    product = make_product(keyshop.shop, "Shared", 100, stock_kind="KEYS", pool=pool)
    people = [User(username=f"buyer{n}", password="!") for n in range(200)]
    User.objects.bulk_create(people)
    assert crowd(lambda person: buy(person, product), people) == {"done": 5, "out_of_stock": 195}
    assert KeyIssue.objects.filter(key__pool=pool).values("buyer").distinct().count() == 5
    uses_add_up()


def test_one_buyer_pressing_in_many_windows_gets_no_key_twice(cast, keyshop):
    """Two keys of ten uses each: eight windows get two keys, the rest are told that there are no others."""
    pool = KeyPool.objects.create(shop=keyshop.shop, name="Shared", uses=10)
    list(services.import_keys(pool, [b"ONE-FOR-TEN-1", b"ONE-FOR-TEN-2"]))
    product = make_product(keyshop.shop, "Shared", 100, stock_kind="KEYS", pool=pool)
    assert crowd(lambda _n: buy(cast.ana, product), range(8), 8) == {"done": 2, "too_many_for_one": 6}
    uses_add_up()


def test_one_buyers_limit_holds_in_many_windows(cast, keyshop):
    services.set_limits(keyshop.pool, per_buyer=3, low_at=0)
    assert crowd(lambda _n: buy(cast.ana, keyshop.card), range(10), 8) == {"done": 3, "too_many_for_one": 7}
    uses_add_up()


def test_two_pools_bought_crosswise_never_wait_for_each_other(cast, keyshop):
    """Each order wants the last keys of both pools, one names them in the other order: one wins, one is refused."""
    other = KeyPool.objects.create(shop=keyshop.shop, name="Year")
    year = make_product(keyshop.shop, "Music, one year", 9000, stock_kind="KEYS", pool=other)
    for number in range(6):
        list(services.import_keys(other, [b"YEAR-%04d-AAAA" % number]))
        Key.objects.filter(pool=keyshop.pool, state="AVAILABLE").exclude(
            pk=Key.objects.filter(pool=keyshop.pool, state="AVAILABLE").first().pk
        ).update(state="VOID")
        orders = [
            Placement(keyshop.shop.public_id, [Item(product.public_id, 1) for product in pair], "WECHAT")
            for pair in ((keyshop.card, year), (year, keyshop.card))
        ]
        buyers = (cast.ana, cast.bea)
        found = race(
            *(
                lambda wish=wish, buyer=buyer: services.place_order(wish, customer=buyer).status
                for wish, buyer in zip(orders, buyers, strict=True)
            )
        )
        assert sorted(found) == ["PENDING", "out_of_stock"]
        list(services.import_keys(keyshop.pool, [b"MORE-%04d-AAAA" % number]))


def test_importing_and_buying_at_once_sells_each_key_once(cast, keyshop, monkeypatch):
    """Buyers empty the pool while it is being filled; at the end every sold key has one buyer and none is missing."""
    monkeypatch.setattr("orders.services.keybook.BATCH", 20)
    job = begin(keyshop.pool, b"".join(b"NEW-%05d-AAAA\n" % n for n in range(600)))
    with ThreadPoolExecutor(5) as pool:
        importing = pool.submit(outcome, lambda: keyfile.work_on(job.public_id))
        bought = crowd(lambda _n: pay(buy(cast.ana, keyshop.card, 3)), range(80), 4)
        assert importing.result(timeout=60) == "done"
    job.refresh_from_db()
    assert (job.state, job.stored) == ("DONE", 600)
    assert KeyIssue.objects.count() == 3 * bought["done"]
    assert Key.objects.filter(state="AVAILABLE").count() == 620 - 3 * bought["done"]
    assert bought["done"] > 6, "some of what was just imported was sold"
    uses_add_up()


def test_the_same_file_imported_twice_at_once_is_stored_once(keyshop, monkeypatch):
    """Forwards and backwards, in small batches: no key twice, no deadlock, and the two reports add up."""
    monkeypatch.setattr("orders.services.keybook.BATCH", 50)
    lines = [b"TWIN-%05d-AAAA\n" % n for n in range(1500)]
    jobs = [begin(keyshop.pool, b"".join(lines), "a"), begin(keyshop.pool, b"".join(reversed(lines)), "b")]
    assert race(*(lambda job=job: keyfile.work_on(job.public_id) for job in jobs)) == [False, False]
    jobs = list(KeyImport.objects.all())
    assert sum(job.stored for job in jobs) == sum(job.duplicates for job in jobs) == 1500
    assert all(job.stored for job in jobs), "they really ran side by side"
    assert Key.objects.filter(batch__isnull=False).count() == 1500


def test_the_same_key_imported_into_two_pools_at_once_lies_in_one(keyshop):
    other = KeyPool.objects.create(shop=keyshop.shop, name="Year")
    lines = [b"BOTH-%05d-AAAA" % n for n in range(500)]
    reports = race(*(lambda pool=pool: list(services.import_keys(pool, lines))[-1] for pool in (keyshop.pool, other)))
    assert sum(report.stored for report in reports) == 500
    assert {line[1] for report in reports for line in report.refused} <= {"elsewhere", "duplicate"}


@pytest.mark.parametrize("_round", range(6))
def test_voiding_and_reserving_have_one_winner_a_key(cast, keyshop, _round):
    """Whoever is first: a void key is never reserved afterwards, a reserved one that is void is replaced when paid."""
    texts = [f"MUSIC-{number:04d}-SECRET" for number in range(10)]
    bought = race(
        lambda: buy(cast.ana, keyshop.card, 5),
        lambda: services.void_texts(keyshop.pool, texts, reason=WHY, actor=as_merchant(cast.dana)).count,
        lambda: buy(cast.bea, keyshop.card, 5),
    )
    orders = [one for one in bought if isinstance(one, Order)]
    assert len(orders) == 2
    for order in orders:
        pay(order)
    got = [issue.key for issue in KeyIssue.objects.select_related("key")]
    assert len({key.pk for key in got}) == 10
    assert not {key.text() for key in got} & set(texts)
    assert KeyVoiding.objects.get().count == 10
    uses_add_up()


@pytest.mark.parametrize("_round", range(6))
def test_voiding_and_paying_have_one_winner_a_key(cast, keyshop, _round):
    """A key is void or with its buyer, never both."""
    order = buy(cast.ana, keyshop.card, 4)
    texts = [issue.key.text() for issue in KeyIssue.objects.filter(order=order).select_related("key")]
    found = race(
        lambda: pay(order).status,
        lambda: services.void_texts(keyshop.pool, texts, reason=WHY, actor=as_merchant(cast.dana)).count,
    )
    assert found[0] == "COMPLETED"
    assert found[1] in {4, "nothing_to_void"}
    assert set(KeyIssue.objects.filter(order=order).values_list("key__state", flat=True)) == {"USED"}
    assert Key.objects.filter(state="VOID").count() == (4 if found[1] == 4 else 0)
    uses_add_up()


@pytest.mark.parametrize("_round", range(6))
def test_cancelling_and_paying_leave_each_key_in_one_place(cast, keyshop, _round):
    order = buy(cast.ana, keyshop.card, 4)
    race(
        lambda: pay(order).status,
        lambda: services.cancel_order(order.public_id, reason="CUSTOMER", actor=as_customer(cast.ana)).status,
    )
    order = Order.objects.get(pk=order.pk)
    issued = KeyIssue.objects.filter(order=order, issued_at__isnull=False).count()
    assert issued == (4 if order.status == "COMPLETED" else 0)
    assert Key.objects.filter(state="AVAILABLE").count() == 20 - issued
    uses_add_up()


def test_two_orders_of_one_shared_pool_release_side_by_side(cast, keyshop):
    """Both hold the same keys; both are cancelled at once, again and again, without waiting crosswise."""
    pool = KeyPool.objects.create(shop=keyshop.shop, name="Shared", uses=4)
    list(services.import_keys(pool, [b"SHARED-%d-AAAA" % n for n in range(6)]))
    product = make_product(keyshop.shop, "Shared", 100, stock_kind="KEYS", pool=pool)
    people = (cast.ana, cast.bea, cast.chen, cast.ravi)
    for _round in range(5):
        orders = [buy(person, product, 6) for person in people]
        done = race(
            *(
                lambda order=order: services.cancel_order(order.public_id, reason="STAFF", actor=SYSTEM).status
                for order in orders
            )
        )
        assert set(done) == {"CANCELLED"}
    assert not Key.objects.filter(pool=pool).exclude(uses_left=F("uses")).exists()
    uses_add_up()


@pytest.mark.parametrize("_round", range(4))
def test_a_batch_that_is_void_stores_nothing_more(cast, keyshop, monkeypatch, _round):
    """Voided while its file is being read: whatever was stored is void, nothing comes after, the file is gone."""
    monkeypatch.setattr("orders.services.keybook.BATCH", 25)
    job = begin(keyshop.pool, b"".join(b"BAD-%05d-AAAA\n" % n for n in range(3000)))
    started = Barrier(2)
    real = keyfile._save_progress

    def and_tell(*args):
        real(*args)
        if args[2].stored == 50:
            started.wait(timeout=20)

    monkeypatch.setattr(keyfile, "_save_progress", and_tell)

    def make_void():
        started.wait(timeout=20)
        return services.void_batch(job, reason=WHY, actor=as_merchant(cast.dana)).count

    done = race(lambda: keyfile.work_on(job.public_id), make_void)
    assert done[0] is False
    assert 25 <= done[1] < 3000, "it fired in the middle"
    assert not Key.objects.filter(batch=job).exclude(state="VOID").exists()
    assert Key.objects.filter(batch=job).count() == done[1]
    assert not keyfile.path_of(job).exists()
