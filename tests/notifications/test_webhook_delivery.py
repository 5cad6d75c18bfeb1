"""What happened is said to every program that follows it: signed, in order per order, at least once, and by retries."""

import json
from datetime import timedelta

import pytest
from django.db import connection, transaction
from django.db.utils import ProgrammingError
from standardwebhooks import Webhook, WebhookVerificationError

from config.ground import clock
from notifications.log.readers import Reader
from notifications.models import Attempt, Circuit, Endpoint, Message
from notifications.outside.transport import Answer
from notifications.webhooks import endpoints, settling
from notifications.webhooks.outbox import READER, Besides, Named
from tests.notifications import sinks
from tests.notifications.webhook_world import (
    TESTER,
    all_settled,
    body,
    make_due,
    make_endpoint,
    make_outbox,
    number,
    read,
    sending,
    tell,
    wait_for,
)

pytestmark = pytest.mark.django_db(transaction=True)


def test_says_what_happened_once_and_signed(sink):
    """The receiver checks us with the package that Standard Webhooks publishes."""
    there = sink()
    endpoint = make_endpoint(there.url)
    tell("ord_a", 1)
    read()
    with sending():
        wait_for(all_settled)
    (got,) = there.got
    assert Webhook(endpoint.known_secret).verify(got.body, got.headers) == json.loads(got.body)
    message = Message.objects.get()
    assert got.headers["webhook-id"] == message.public_id
    assert got.body.decode() == message.body
    assert (message.state, message.tries, message.next_at) == ("DONE", 1, None)
    attempt = Attempt.objects.get()
    assert (attempt.status, attempt.error) == (202, "")


def test_a_changed_body_does_not_verify(sink):
    there = sink()
    endpoint = make_endpoint(there.url)
    tell("ord_a", 1)
    read()
    with sending():
        wait_for(all_settled)
    with pytest.raises(WebhookVerificationError):
        Webhook(endpoint.known_secret).verify(there.got[0].body.replace(b"ord_a", b"ord_b"), there.got[0].headers)


def test_while_a_secret_is_replaced_both_sign(sink):
    there = sink()
    endpoint = make_endpoint(there.url)
    _again, fresh = endpoints.rotate(endpoint.public_id, overlap=timedelta(hours=1), count=1, by=TESTER)
    tell("ord_a", 1)
    read()
    with sending():
        wait_for(all_settled)
        Endpoint.objects.update(old_signs_until=clock.now() - timedelta(seconds=1))
        tell("ord_a", 2)
        read()
        wait_for(all_settled)
    for secret in (fresh, endpoint.known_secret):
        Webhook(secret).verify(there.got[0].body, there.got[0].headers)
    Webhook(fresh).verify(there.got[1].body, there.got[1].headers)
    with pytest.raises(WebhookVerificationError):
        Webhook(endpoint.known_secret).verify(there.got[1].body, there.got[1].headers)


def test_only_who_follows_the_topic_hears_it(sink):
    mine, theirs = sink(), sink()
    make_endpoint(mine.url)
    make_endpoint(theirs.url, account="usr_b", topic="customer/usr_b")
    tell("ord_a", 1)
    tell("ord_b", 1, topics=("customer/usr_b", "board/res_x"))
    read()
    with sending():
        wait_for(all_settled)
    assert mine.first_sequences() == {"ord_a": [1]}
    assert theirs.first_sequences() == {"ord_b": [1]}


def test_an_event_without_a_body_is_not_said(sink):
    make_endpoint(sink().url)
    tell("ord_a", 1, data={"secret": True})
    tell("ord_a", 2, "thing.unheard")
    read()
    assert not Message.objects.exists()


def test_a_failing_message_holds_its_own_order_only(sink):
    """The second message of the order waits for the first; another order's goes out."""
    refused = []

    def picky(sink, line, got):
        document = json.loads(got.body)["payload"]
        if document["orderId"] == "ord_a" and document["sequence"] == 1 and len(refused) < 2:
            refused.append(document)
            line.sendall(sinks.answer(500))
        else:
            line.sendall(sinks.answer())

    there = sink(picky)
    make_endpoint(there.url)
    tell("ord_a", 1)
    tell("ord_a", 2)
    tell("ord_b", 1)
    read()
    held = Message.objects.get(stream="order/ord_a", version=2)
    assert held.next_at is None
    with sending():
        wait_for(lambda: len(refused) == 1)
        wait_for(lambda: Message.objects.get(stream="order/ord_b").state == "DONE")
        assert Message.objects.get(pk=held.pk).state == "WAITING"
        wait_for(lambda: make_due() or all_settled())
    assert len(refused) == 2
    orders = [(one["payload"]["orderId"], one["payload"]["sequence"]) for one in there.events()]
    assert [version for ref, version in orders if ref == "ord_a"] == [1, 1, 1, 2]
    assert len({got.headers["webhook-id"] for got in there.got if b'"ord_a","sequence":1' in got.body}) == 1


@pytest.mark.parametrize(
    ("behave", "says"),
    [
        (sinks.says(500), "500"),
        (sinks.says(404), "404"),
        (sinks.redirects, "307"),
        (sinks.drips, "no answer in 1 s"),
        (sinks.hangs, "no answer in 1 s"),
        (sinks.closes_at_once, "Server disconnected without sending a response."),
    ],
    ids=["500", "404", "redirect", "drips", "hangs", "closes"],
)
def test_anything_but_a_2xx_is_tried_again(sink, behave, says):
    there, elsewhere = sink(behave), sink()
    there.elsewhere = elsewhere.url
    make_endpoint(there.url)
    tell("ord_a", 1)
    read()
    with sending():
        wait_for(Attempt.objects.exists)
        wait_for(lambda: Message.objects.get().sending_until is None)
    message, attempt = Message.objects.get(), Attempt.objects.first()
    assert (message.state, message.tries) == ("WAITING", 1)
    assert message.next_at > clock.now() - timedelta(seconds=2)
    assert str(attempt.status or attempt.error) == says
    assert there.got
    assert not elsewhere.got


@pytest.mark.parametrize("behave", [sinks.never_ends, sinks.closes_mid_body], ids=["never ends", "closes mid-body"])
def test_the_status_counts_and_the_body_is_not_waited_for(sink, behave):
    there = sink(behave)
    make_endpoint(there.url)
    tell("ord_a", 1)
    read()
    with sending():
        wait_for(all_settled)
    assert Message.objects.get().state == "DONE"
    assert there.sent < 4_000_000  # bounded by buffers on the way, not by its patience
    assert len(Attempt.objects.get().reply) <= 500


def test_waits_as_long_as_it_is_asked_to(sink):
    there = sink(sinks.says(429, retry_after="3600"))
    make_endpoint(there.url)
    tell("ord_a", 1)
    read()
    with sending():
        wait_for(lambda: Message.objects.get().tries == 1)
    assert Message.objects.get().next_at > clock.now() + timedelta(minutes=58)


def test_410_disables_the_endpoint_and_keeps_what_waits(sink):
    there = sink(sinks.says(410))
    endpoint = make_endpoint(there.url)
    tell("ord_a", 1)
    tell("ord_b", 1)
    read()
    with sending():
        wait_for(lambda: Endpoint.objects.get().state == "GONE")
        tell("ord_a", 2)
        read()
        wait_for(lambda: not Message.objects.exclude(sending_until=None).exists())
    assert list(Message.objects.values_list("state", "next_at").distinct()) == [("WAITING", None)]
    assert Message.objects.count() == 3
    there.behave = sinks.well
    endpoints.resume(endpoint.public_id, by=TESTER)
    with sending():
        wait_for(all_settled)
    assert there.first_sequences()["ord_a"] == [1, 2]


def test_after_too_many_failures_a_host_is_left_alone_then_tried_by_one(sink):
    there = sink(sinks.says(500))
    make_endpoint(there.url)
    for ref in "abcdefgh":
        tell(f"ord_{ref}", 1)
    read()
    with sending():
        wait_for(lambda: Circuit.objects.get().open_until is not None)
        wait_for(lambda: not Message.objects.exclude(sending_until=None).exists())
        seen = len(there.got)
        Message.objects.filter(state="WAITING").update(next_at=clock.now())
        wait_for(lambda: settling.claim(10) == [])
        assert len(there.got) == seen
        Circuit.objects.update(open_until=clock.now())
        wait_for(lambda: Circuit.objects.get().openings == 2)
        assert len(there.got) == seen + 1
        there.behave = sinks.well
        wait_for(lambda: make_due() or all_settled())
    assert Circuit.objects.get().failures == 0


def test_no_host_gets_more_than_four_at_once(sink):
    def slowly(sink, line, got):
        sink.stopping.wait(0.05)
        line.sendall(sinks.answer())

    there = sink(slowly)
    make_endpoint(there.url)
    make_endpoint(f"{there.url}/two", account="usr_b", topic="customer/usr_b")
    for number_ in range(40):
        tell(f"ord_{number_}", 1, topics=("customer/usr_a", "customer/usr_b"))
    read()
    with sending():
        wait_for(all_settled, seconds=20)
    assert len(there.got) == 80
    assert there.most_open <= settling.MOST_A_HOST


def test_five_sick_receivers_do_not_slow_five_healthy_ones(sink):
    healthy = [sink() for _ in range(5)]
    sick = [
        sink(behave) for behave in (sinks.says(500), sinks.hangs, sinks.drips, sinks.redirects, sinks.closes_at_once)
    ]
    for place, there in enumerate([*sick, *healthy]):
        there.elsewhere = healthy[0].url
        make_endpoint(f"{there.url}?{place}")
    for ref in range(20):
        for version in (1, 2, 3):
            tell(f"ord_{ref}", version)
    read()
    healthy_hosts = [there.host for there in healthy]
    with sending(wall_seconds=15.0):
        wait_for(lambda: not Message.objects.filter(host__in=healthy_hosts, state="WAITING").exists(), seconds=30)
        assert Message.objects.filter(state="WAITING").count() == 300  # the sick ones really were
    for there in healthy:
        assert there.first_sequences() == {f"ord_{ref}": [1, 2, 3] for ref in range(20)}
    assert all(there.got for there in sick)


def test_after_the_last_try_it_gives_up_and_the_order_goes_on(sink):
    there = sink()
    make_endpoint(there.url)
    tell("ord_a", 1)
    tell("ord_a", 2)
    read()
    Message.objects.filter(version=1).update(tries=12)
    (claimed,) = settling.claim(10)
    settling.settle([settling.Outcome(claimed, Answer(500), clock.now())])
    assert Message.objects.get(version=1).state == "GIVEN_UP"
    with sending():
        wait_for(all_settled)
    assert there.first_sequences() == {"ord_a": [2]}


def test_after_five_days_of_failing_it_is_disabled(sink):
    endpoint = make_endpoint(sink().url, failing_since=clock.now() - timedelta(days=5, minutes=1), failures=40)
    other = make_endpoint(sink().url, account="usr_b", failing_since=clock.now() - timedelta(days=4))
    assert settling.stop_what_fails() == 1
    endpoint.refresh_from_db()
    other.refresh_from_db()
    assert (endpoint.state, other.state) == ("STOPPED", "WORKING")


def test_one_answer_makes_it_well_again(sink):
    make_endpoint(sink().url, failing_since=clock.now() - timedelta(hours=3), failures=9, last_answer="503")
    tell("ord_a", 1)
    read()
    with sending():
        wait_for(all_settled)
    endpoint = Endpoint.objects.get()
    assert (endpoint.failing_since, endpoint.failures, endpoint.last_answer) == (None, 0, "")


def test_an_answer_that_comes_after_its_lease_changes_nothing(sink):
    """Two senders, the first one frozen: only the second one's answer counts."""
    make_endpoint(sink().url)
    tell("ord_a", 1)
    read()
    (first,) = settling.claim(10)
    assert settling.claim(10) == []
    Message.objects.update(next_at=clock.now(), sending_until=clock.now())
    (second,) = settling.claim(10)
    assert first.public_id == second.public_id
    settling.settle([settling.Outcome(first, Answer(200), clock.now())])
    assert Message.objects.get().state == "WAITING"
    settling.settle([settling.Outcome(second, Answer(200), clock.now())])
    assert Message.objects.get().state == "DONE"


def test_a_message_cannot_be_changed(sink):
    make_endpoint(sink().url)
    tell("ord_a", 1)
    read()
    with pytest.raises(ProgrammingError, match="Cannot update"), transaction.atomic():
        Message.objects.update(body="{}")
    connection.close()


class TestTheAddressThatAnOrderNames:
    """`notificationUrl`: told there besides, with the secret of the host that the account registered."""

    def outbox(self, url, account="usr_a"):
        return make_outbox(
            lambda event: Named(account, url),
            {"thing.placed": Besides("/order-status", lambda event: {"orderId": event.ref, "sequence": event.version})},
        )

    def test_hears_both_documents_the_second_below_its_path(self, sink):
        there = sink()
        endpoint = make_endpoint(f"{there.url}/all", hears_all=False)
        outbox = self.outbox(f"{there.url}?shop=7")
        tell("ord_a", 1, "thing.placed", topics=())
        tell("ord_a", 2, "thing.moved", topics=())
        read(outbox)
        with sending(outbox):
            wait_for(all_settled)
        assert [got.path for got in there.got] == ["/hook/order-status?shop=7", "/hook?shop=7", "/hook?shop=7"]
        assert json.loads(there.got[0].body) == {"orderId": "ord_a", "sequence": 1}
        for got in there.got:
            Webhook(endpoint.known_secret).verify(got.body, got.headers)

    def test_is_told_once_when_it_is_a_registered_endpoint_too(self, sink):
        there = sink()
        make_endpoint(there.url)
        read_with = self.outbox(there.url)
        tell("ord_a", 1, "thing.placed")
        tell("ord_a", 2)
        read(read_with)
        assert sorted(Message.objects.values_list("version", "url")) == [
            (1, ""),
            (1, f"{there.url}/order-status"),
            (2, ""),
        ]

    def test_hears_nothing_on_a_host_that_was_given_up(self, sink):
        there = sink()
        endpoint = make_endpoint(there.url)
        endpoints.remove(endpoint.public_id, by=TESTER)
        tell("ord_a", 1, topics=())
        read(self.outbox(there.url))
        assert not Message.objects.exists()

    def test_410_gives_up_that_address_and_leaves_the_endpoint(self, sink):
        there = sink(lambda sink, line, got: line.sendall(sinks.answer(410 if "one" in got.path else 202)))
        make_endpoint(f"{there.url}/all")
        outbox = self.outbox(f"{there.url}/one")
        for version in (1, 2):
            tell("ord_a", version)
        read(outbox)
        with sending(outbox):
            wait_for(all_settled)
        found = Message.objects.order_by("url", "version").values_list("url", "state")
        assert [state for _url, state in found] == ["DONE", "DONE", "GIVEN_UP", "GIVEN_UP"]
        assert Endpoint.objects.get().state == "WORKING"

    def test_a_host_that_support_registered_gets_a_secret_of_its_own(self, sink):
        there = sink()
        make_endpoint(there.url, account="usr_a")
        Message.objects.all().delete()
        Endpoint.objects.all().delete()
        tell("ord_a", 1, topics=())
        read(self.outbox(there.url))
        signer = Endpoint.objects.get()
        assert (signer.hears_all, signer.state, signer.host) == (False, "WORKING", there.host)


def test_the_reader_parks_what_it_cannot_write_and_other_orders_go_on(sink):
    make_endpoint(sink().url)
    tell("ord_a", 1)
    tell("ord_b", 1)
    number()

    def broken(event):
        if event.ref == "ord_a":
            raise ValueError("no body")
        return body(event)

    outbox = make_outbox()
    outbox.bodies["thing.moved"] = broken
    reader = Reader(READER, outbox)
    reader.step()
    assert list(Message.objects.values_list("stream", flat=True)) == ["order/ord_b"]


def cut_all_others():
    """End every session of this database but the test's own; how many there were."""
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT count(pg_terminate_backend(pid)) FROM pg_stat_activity "
            "WHERE datname = current_database() AND pid <> pg_backend_pid()"
        )
        return cursor.fetchone()[0]


def test_lives_through_the_loss_of_its_database(sink):
    """Cut off five times while answers come in: what came back is written down later, nothing is lost."""
    there = sink()
    make_endpoint(there.url)
    with sending():
        for version in range(1, 6):
            for ref in "abc":
                tell(f"ord_{ref}", version)
            read()
            wait_for(cut_all_others)  # it had come back since the last time
        Message.objects.filter(sending_until__gt=clock.now()).update(next_at=clock.now(), sending_until=None)
        wait_for(lambda: make_due() or all_settled(), seconds=60)
    assert there.first_sequences() == {f"ord_{ref}": [1, 2, 3, 4, 5] for ref in "abc"}
