"""The log takes one event a change, in the transaction of the change, and never lets it be altered."""

import pytest
import structlog
from django.db import IntegrityError, connection, transaction

from notifications import log
from notifications.log import wire
from notifications.models import Event, ReaderCursor


def test_refuses_to_append_outside_a_transaction(transactional_db):
    with pytest.raises(RuntimeError, match="transaction"):
        log.append(log.Envelope("order/ord_a", 1, "order.placed"))
    with pytest.raises(RuntimeError, match="transaction"):
        log.append_with("moved AS (SELECT 1)", [], log.Envelope("order/ord_a", 1, "order.placed"))
    assert not Event.objects.exists()


def test_keeps_what_it_was_given(db):
    with structlog.contextvars.bound_contextvars(traceparent="00-abc"):
        log.append(
            log.Envelope(
                "order/ord_a", 1, "order.placed", {"status": "PENDING", "语": "é"},
                only={"merchant": {"lines": 2}}, topics=("shop/res_b",), actor="customer", account="usr_c",
            )
        )  # fmt: skip
    event = Event.objects.get()
    assert event.position is None
    assert (event.stream, event.version, event.type) == ("order/ord_a", 1, "order.placed")
    assert event.data == {"status": "PENDING", "语": "é"}
    assert event.only == {"merchant": {"lines": 2}}
    assert event.topics == ["shop/res_b"]
    assert (event.actor, event.account, event.traceparent) == ("customer", "usr_c", "00-abc")


def test_refuses_the_same_version_of_a_stream_twice(db):
    log.append(log.Envelope("order/ord_a", 1, "order.placed"))
    with pytest.raises(IntegrityError), transaction.atomic():
        log.append(log.Envelope("order/ord_a", 1, "order.cancelled"))
    log.append(log.Envelope("order/ord_b", 1, "order.placed"))


def test_writes_a_change_and_its_event_in_one_statement(db, django_assert_num_queries):
    ReaderCursor.objects.create(name="x", position=4)
    move = "moved AS (UPDATE notifications_readercursor SET position = 5 WHERE name = %s AND position = %s RETURNING *)"
    with django_assert_num_queries(1):
        rows = log.append_with(move, ["x", 4], log.Envelope("order/ord_a", 1, "moved", {"why": "100 %s"}))
    assert rows == [("x", 5)]
    assert Event.objects.get().data == {"why": "100 %s"}


def test_appends_nothing_when_the_condition_of_the_change_does_not_hold(db):
    ReaderCursor.objects.create(name="x", position=4)
    move = "moved AS (UPDATE notifications_readercursor SET position = 5 WHERE name = %s AND position = %s RETURNING *)"
    assert log.append_with(move, ["x", 3], log.Envelope("order/ord_a", 1, "moved")) == []
    assert not Event.objects.exists()


@pytest.mark.parametrize(
    "change",
    [{"type": "other"}, {"version": 2}, {"data": {"a": 2}}, {"actor": "x"}, {"stream": "order/ord_b"}, {"at": None}],
    ids=lambda change: next(iter(change)),
)
def test_an_event_cannot_be_changed(db, change):
    log.append(log.Envelope("order/ord_a", 1, "order.placed", {"a": 1}))
    for with_number in ({}, {"position": 1}):
        with pytest.raises(IntegrityError), transaction.atomic():
            Event.objects.update(**change, **with_number)


def test_an_event_is_numbered_once_and_for_all(db):
    log.append(log.Envelope("order/ord_a", 1, "order.placed"))
    Event.objects.update(position=7)
    for position in (8, 7, None):
        with pytest.raises(IntegrityError), transaction.atomic():
            Event.objects.update(position=position)


def test_an_event_cannot_be_deleted(db):
    log.append(log.Envelope("order/ord_a", 1, "order.placed"))
    with pytest.raises(IntegrityError, match="cannot be deleted"), transaction.atomic():
        Event.objects.all().delete()


def test_hints_once_a_transaction_and_only_after_commit(transactional_db):
    heard = wire.redis_connection().pubsub(ignore_subscribe_messages=True)
    heard.subscribe(wire.hint_channel())
    heard.get_message(timeout=1)
    with transaction.atomic():
        for version in (1, 2, 3):
            log.append(log.Envelope("order/ord_a", version, "x"))
        assert len(connection.run_on_commit) == 1
        assert heard.get_message(timeout=0.05) is None
    assert heard.get_message(timeout=1) is not None
    assert heard.get_message(timeout=0.05) is None
    heard.close()


def test_a_rolled_back_change_leaves_no_event(transactional_db):
    with transaction.atomic():
        log.append(log.Envelope("order/ord_a", 1, "x"))
        transaction.set_rollback(True)
    assert not Event.objects.exists()


def test_redis_away_does_not_fail_the_change(transactional_db, settings):
    settings.REDIS_URL = "unix:///nowhere.sock"
    wire.redis_connection.cache_clear()
    try:
        with transaction.atomic():
            log.append(log.Envelope("order/ord_a", 1, "x"))
    finally:
        wire.redis_connection.cache_clear()
    assert Event.objects.count() == 1
