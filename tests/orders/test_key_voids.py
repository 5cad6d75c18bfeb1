"""Taking keys out of sale: one, a list, a whole batch; reserved ones, shared ones; what stands about it afterwards."""

from datetime import timedelta

import pytest
from django.db import transaction
from django.db.utils import ProgrammingError

from config.ground import clock
from orders import services
from orders.actors import SYSTEM, as_merchant
from orders.models import Key, KeyImport, KeyIssue, KeyPool, KeyVoiding, Order
from orders.services import Item, Placement, keyfile
from orders.services.voids import NothingToVoid
from tests.conftest import make_product

pytestmark = pytest.mark.django_db
WHY = "The supplier called them back"


@pytest.fixture(autouse=True)
def state(settings, tmp_path):
    settings.STATE_DIR = tmp_path
    return tmp_path


@pytest.fixture
def dana(client, cast):
    client.force_login(cast.dana)
    return client


def page(pool, part=""):
    return f"/merchant/{pool.shop.public_id}/keys/{pool.public_id}/{part}"


def buy(cast, product, units=1, who="ana"):
    placement = Placement(product.shop.public_id, [Item(product.public_id, units)], "WECHAT")
    return services.place_order(placement, customer=getattr(cast, who))


def pay(order):
    return services.mark_paid(order.public_id, amount_minor=order.total_minor, channel="WECHAT")


def imported(pool, content, label="Supplier A"):
    path = keyfile.folder() / "up_x.part"
    path.write_bytes(content)
    job = keyfile.begin_import(pool, path, file_name="f.txt", label=label, actor=SYSTEM)
    keyfile.work_on(job.public_id)
    return KeyImport.objects.get(pk=job.pk)


def texts(pool, **which):
    return {key.text() for key in Key.objects.filter(pool=pool, **which)}


def test_takes_pasted_keys_out_and_writes_down_who_and_why(dana, cast, keyshop):
    """Spaces and blank lines do not matter; what is unknown is passed over."""
    pasted = " MUSIC-0007-SECRET \r\n\r\nMUSIC-0008-SECRET\nNEVER-SEEN"
    answer = dana.post(page(keyshop.pool, "void/"), {"keys": pasted, "reason": WHY})
    assert answer.status_code == 302
    assert texts(keyshop.pool, state="VOID") == {"MUSIC-0007-SECRET", "MUSIC-0008-SECRET"}
    act = KeyVoiding.objects.get()
    assert (act.kind, act.count, act.kept, act.reason, act.by) == ("LIST", 2, 0, WHY, cast.dana.public_id)
    assert set(act.keys.values_list("state", flat=True)) == {"VOID"}
    html = dana.get(page(keyshop.pool)).text
    assert WHY in html
    assert "Dana" in html
    assert "MUSIC-0007" not in html


@pytest.mark.parametrize("form", [{"keys": "MUSIC-0007-SECRET"}, {"reason": WHY}, {"keys": " \n ", "reason": WHY}, {}])
def test_wants_keys_and_a_reason_and_draws_no_key_again(dana, keyshop, form):
    answer = dana.post(page(keyshop.pool, "void/"), form)
    assert answer.status_code == 422
    assert "Please fill this in." in answer.text
    assert "MUSIC-0007" not in answer.text
    assert not Key.objects.filter(state="VOID").exists()


def test_says_that_there_was_nothing_to_take_out(dana, keyshop):
    answer = dana.post(page(keyshop.pool, "void/"), {"keys": "NEVER-SEEN-0001", "reason": WHY})
    assert answer.status_code == 422
    assert "None of these is for sale" in answer.text
    assert "NEVER-SEEN" not in answer.text
    assert not KeyVoiding.objects.exists()


def test_keeps_a_key_that_was_pasted_into_the_reason_out_of_the_record(cast, keyshop):
    services.void_texts(
        keyshop.pool, ["MUSIC-0007-SECRET"], reason="MUSIC-0007-SECRET does not work", actor=as_merchant(cast.dana)
    )
    assert KeyVoiding.objects.get().reason == "····CRET does not work"


def test_takes_a_whole_batch_out_but_what_is_sold(dana, cast, keyshop):
    """Of the second file one is issued and one reserved; the first file's keys stay."""
    Key.objects.filter(pool=keyshop.pool).update(state="VOID")
    good = imported(keyshop.pool, b"GOOD-0001-AAAA\n", "good")
    sold = pay(buy(cast, keyshop.card))
    bad = imported(keyshop.pool, b"".join(b"BAD-%04d-AAAA\n" % n for n in range(10)), "bad")
    issued, held = pay(buy(cast, keyshop.card)), buy(cast, keyshop.card)
    answer = dana.post(f"/merchant/{keyshop.shop.public_id}/keys/imports/{bad.public_id}/void/", {"reason": WHY})
    assert answer.status_code == 302
    act = KeyVoiding.objects.get()
    assert (act.kind, act.batch, act.count, act.kept) == ("BATCH", bad, 9, 1)
    assert Key.objects.filter(batch=bad, state="VOID").count() == 9
    assert not Key.objects.filter(batch=good, state="VOID").exists()
    for order in (sold, issued, held):
        assert KeyIssue.objects.filter(order=order).count() == 1


def test_ends_the_import_of_a_bad_batch(cast, keyshop, monkeypatch):
    """The batch is void while its file is still being read: nothing more is stored, and no file is left."""
    monkeypatch.setattr("orders.services.keybook.BATCH", 10)
    path = keyfile.folder() / "up_x.part"
    path.write_bytes(b"".join(b"BAD-%04d-AAAA\n" % n for n in range(40)))
    job = keyfile.begin_import(keyshop.pool, path, file_name="f.txt", label="b", actor=as_merchant(cast.dana))
    keyfile.work_on(job.public_id, seconds=0)
    assert services.void_batch(job, reason=WHY, actor=as_merchant(cast.dana)).count == 10
    assert not keyfile.work_on(job.public_id)
    job.refresh_from_db()
    assert job.state == "STOPPED"
    assert not Key.objects.filter(batch=job).exclude(state="VOID").exists()
    assert not keyfile.path_of(job).exists()


def test_a_reserved_key_that_is_void_is_replaced_when_the_order_is_paid(cast, keyshop):
    order = buy(cast, keyshop.card, 2)
    first, second = (issue.key.text() for issue in KeyIssue.objects.filter(order=order).select_related("key"))
    services.void_texts(keyshop.pool, [first], reason=WHY, actor=as_merchant(cast.dana))
    assert pay(order).status == "COMPLETED"
    got = [services.reveal(order.public_id, 1, unit, by="x", address=None) for unit in (1, 2)]
    assert got[1] == second
    assert got[0] not in {first, second}
    assert Key.objects.get(fingerprint=keyshop.pool.mark(first)).state == "VOID"


def test_an_order_whose_void_key_has_no_successor_is_not_issued(cast, keyshop):
    """Money finds no key: refused as a whole; payments cancels it as UNFULFILLABLE and gives the money back."""
    order = buy(cast, keyshop.card, 20)
    bad = KeyIssue.objects.filter(order=order).first().key
    services.void_texts(keyshop.pool, [bad.text()], reason=WHY, actor=as_merchant(cast.dana))
    with pytest.raises(services.pay.KeysShort):
        pay(order)
    assert Order.objects.get(pk=order.pk).payment_status == "UNPAID"
    services.cancel_order(order.public_id, reason="UNFULFILLABLE", actor=as_merchant(cast.dana))
    assert Key.objects.filter(pool=keyshop.pool, state="AVAILABLE").count() == 19
    bad.refresh_from_db()
    assert (bad.state, bad.uses_left) == ("VOID", 1)


def test_a_partly_used_shared_key_stays_with_its_buyers_and_goes_to_nobody_else(cast, keyshop):
    pool = services.add_pool(keyshop.shop.public_id, name="Shared", uses=3)
    product = make_product(keyshop.shop, "Shared", 100, stock_kind="KEYS", pool=pool)
    list(services.import_keys(pool, [b"ONE-FOR-THREE-1"]))
    order = pay(buy(cast, product))
    services.void_texts(pool, ["ONE-FOR-THREE-1"], reason=WHY, actor=as_merchant(cast.dana))
    assert services.reveal(order.public_id, 1, 1, by="x", address=None) == "ONE-FOR-THREE-1"
    with pytest.raises(services.refusals.OutOfStock):
        buy(cast, product, who="bea")
    assert services.units_left(product) == 0


def test_a_void_key_is_not_imported_again(cast, keyshop):
    services.void_texts(keyshop.pool, ["MUSIC-0007-SECRET"], reason=WHY, actor=as_merchant(cast.dana))
    report = list(services.import_keys(keyshop.pool, [b"MUSIC-0007-SECRET"]))[-1]
    assert (report.stored, report.refused[0][3]) == (0, "VOID|")
    with pytest.raises(NothingToVoid):
        services.void_texts(keyshop.pool, ["MUSIC-0007-SECRET"], reason=WHY, actor=as_merchant(cast.dana))


def test_the_record_only_grows(cast, keyshop):
    services.void_texts(keyshop.pool, ["MUSIC-0007-SECRET"], reason=WHY, actor=as_merchant(cast.dana))
    rows = KeyVoiding.objects.all()
    for change in (lambda: rows.update(reason="x"), lambda: rows._raw_delete(rows.db)):
        with pytest.raises(ProgrammingError, match="Cannot update or delete"), transaction.atomic():
            change()


def test_the_same_key_is_sold_in_one_pool_of_a_shop_only(dana, cast, keyshop, noodles):
    """Two pools with the same key would issue it twice; another shop's keys are that shop's business."""
    other = services.add_pool(keyshop.shop.public_id, name="Music, one year")
    report = list(services.import_keys(other, [b"MUSIC-0007-SECRET", b"FRESH-0001-SECRET"]))[-1]
    assert (report.stored, report.refused) == (1, [(1, "elsewhere", "CRET", "Music, one month")])
    theirs = KeyPool.objects.create(shop=noodles.shop, name="Vouchers")
    assert list(services.import_keys(theirs, [b"MUSIC-0007-SECRET"]))[-1].stored == 1


def test_low_keys_are_told_once_until_refilled(cast, keyshop):
    """Twenty keys, warned from five on: selling the fifteenth tells it, the sixteenth does not, a refill ends it."""

    def told():
        return services.low_pools(keyshop.shop)

    buy(cast, keyshop.card, 14)
    services.watch(keyshop.pool.pk)
    assert not told()
    buy(cast, keyshop.card, 1)
    services.watch(keyshop.pool.pk)
    since = KeyPool.objects.get(pk=keyshop.pool.pk).low_since
    assert clock.now() - since < timedelta(minutes=1)
    assert [one.left for one in told()] == [5]
    buy(cast, keyshop.card, 1)
    services.watch(keyshop.pool.pk)
    assert KeyPool.objects.get(pk=keyshop.pool.pk).low_since == since
    assert [one.left for one in told()] == [4]
    list(services.import_keys(keyshop.pool, [b"REFILL-%d-ABCD" % n for n in range(2)]))
    services.watch(keyshop.pool.pk)
    assert not told()
    assert KeyPool.objects.get(pk=keyshop.pool.pk).version == 2
