"""What was settled long ago is forgotten in batches; what waits is not, and the log can say it again as it was."""

from datetime import timedelta

import pytest
from django.core.management import CommandError, call_command

from config.celery import BEAT
from config.ground import clock
from notifications.models import Attempt, Event, Message, Replay
from notifications.tasks import forget_settled_messages
from notifications.webhooks import resending, retention
from notifications.webhooks.outbox import Besides, Named
from tests.notifications.webhook_world import (
    TESTER,
    all_settled,
    body,
    make_endpoint,
    make_outbox,
    read,
    sending,
    tell,
    wait_for,
)

pytestmark = pytest.mark.django_db(transaction=True)


def age(days, **which):
    Message.objects.filter(**which).update(settled_at=clock.now() - timedelta(days=days))


@pytest.fixture
def heard(sink):
    """Five messages that were heard; the endpoint and its receiver."""
    there = sink()
    endpoint = make_endpoint(there.url)
    for version in range(1, 6):
        tell("ord_a", version)
    read()
    with sending():
        wait_for(all_settled)
    return endpoint, there


def test_forgets_what_was_settled_before_the_days_kept_and_nothing_else(heard, settings, monkeypatch):
    monkeypatch.setattr(retention, "BATCH", 2)
    settings.WEBHOOK_KEEP_DAYS = 40
    age(41)
    age(39, version=5)
    Message.objects.filter(version=4).update(state="WAITING", settled_at=None)
    events = Event.objects.count()
    assert retention.sweep(batches=1) == 2  # batch by batch
    assert forget_settled_messages() == 1
    assert sorted(Message.objects.values_list("version", flat=True)) == [4, 5]
    assert Attempt.objects.count() == 2
    assert Event.objects.count() == events
    assert retention.sweep(batches=9) == 0


def test_the_clock_does_it_and_so_does_a_command_that_asks(heard, monkeypatch, capsys):
    assert BEAT["forget_settled_messages"].task == forget_settled_messages.name
    age(91)
    monkeypatch.setattr("builtins.input", lambda question: "no")
    with pytest.raises(CommandError, match="Nothing was deleted"):
        call_command("webhook-retention")
    assert Message.objects.count() == 5
    call_command("webhook-retention", yes=True)
    assert "5 forgotten" in capsys.readouterr().out
    assert not Message.objects.exists()
    assert not Attempt.objects.exists()


def test_what_was_forgotten_is_said_again_with_the_same_ids_and_bodies(sink):
    """Also what an order's own address was told, and the second document below it."""
    there = sink()
    make_endpoint(there.url, hears_all=True)
    named = f"http://{there.host}/of-this-order"
    outbox = make_outbox(lambda event: Named("usr_a", named), {"thing.moved": Besides("/order-status", body)})
    for version in (1, 2):
        tell("ord_a", version)
    read(outbox)
    with sending(outbox):
        wait_for(all_settled)
    first = [(got.path, got.headers["webhook-id"], got.body) for got in there.got]
    assert len({webhook_id for _path, webhook_id, _body in first}) == 6
    age(91)
    Message.objects.filter(url="").first().delete()
    assert retention.sweep(batches=9) == 5
    (endpoint,) = {replay.endpoint for replay in [_everything()]}
    with sending(outbox):
        wait_for(lambda: endpoint.replays.get().ended_at)
        wait_for(lambda: len(there.got) == 12)
    assert [(got.path, got.headers["webhook-id"], got.body) for got in there.got[6:]] == first
    assert Message.objects.count() == 6


def _everything() -> Replay:
    endpoint = resending.Endpoint.objects.get()
    return resending.everything_from(endpoint.public_id, 1, by=TESTER)
