"""What can happen to an endpoint: it proves itself before anything is sent, is paused, moved, replaced, said again."""

from datetime import timedelta

import pytest

from config.ground import clock
from notifications.log.models import Event
from notifications.models import Endpoint, Message, RegisteredHost
from notifications.webhooks import endpoints, hosts, resending
from tests.notifications import sinks
from tests.notifications.webhook_world import (
    TESTER,
    TOPIC,
    all_settled,
    make_due,
    make_endpoint,
    make_outbox,
    read,
    sending,
    tell,
    wait_for,
)

pytestmark = pytest.mark.django_db(transaction=True)


def add(there, **options):
    return endpoints.add("usr_a", TOPIC, there.url, by=TESTER, **options)


def happened(endpoint):
    return list(Event.objects.filter(stream=endpoint.stream).order_by("version").values_list("type", flat=True))


def test_an_address_that_repeats_the_challenge_works_from_then_on(sink):
    there = sink()
    endpoint, secret = add(there)
    tell("ord_a", 1)
    read()
    with sending():
        wait_for(lambda: Endpoint.objects.get().state == "WORKING")
        tell("ord_a", 2)
        read()
        wait_for(all_settled)
    assert there.first_sequences() == {"ord_a": [2]}  # what happened before it was proved is not its business
    assert secret.startswith("whsec_")
    assert endpoint.secret_tail in secret
    assert hosts.is_registered("usr_a", there.url)
    assert happened(endpoint) == ["webhook.added", "webhook.proved"]


@pytest.mark.parametrize(
    ("behave", "says"),
    [
        (sinks.wrong_challenge, "answered 200, but not with the challenge"),
        (sinks.says(202), "answered 202, but not with the challenge"),
        (sinks.says(404), "answered 404"),
        (sinks.redirects, "answered 307"),
        (sinks.hangs, "no answer in 1 s"),
    ],
    ids=["wrong", "silent", "404", "redirect", "hangs"],
)
def test_an_address_that_does_not_stays_unproved_and_says_why(sink, behave, says):
    there = sink(behave)
    there.elsewhere = sink().url
    add(there)
    with sending():
        wait_for(lambda: Endpoint.objects.get().challenge_error)
    endpoint = Endpoint.objects.get()
    assert (endpoint.state, endpoint.challenge_error, endpoint.challenge_at) == ("UNPROVED", says, None)
    assert not RegisteredHost.objects.exists()
    there.behave = sinks.well
    endpoints.challenge(endpoint.public_id, by=TESTER)
    with sending():
        wait_for(lambda: Endpoint.objects.get().state == "WORKING")


def test_another_address_has_to_prove_itself_before_anything_goes_there(sink):
    """What waits meanwhile goes to the new one, and nothing more to the old one."""
    old, new = sink(), sink(sinks.says(404))
    endpoint = make_endpoint(old.url)
    endpoints.change_url(endpoint.public_id, new.url, by=TESTER)
    assert not RegisteredHost.objects.exists()
    tell("ord_a", 1)
    read()
    with sending():
        wait_for(lambda: Endpoint.objects.get().challenge_error)
        assert Message.objects.get().next_at is None
        new.behave = sinks.well
        endpoints.challenge(endpoint.public_id, by=TESTER)
        wait_for(all_settled)
    assert not old.got
    assert new.first_sequences() == {"ord_a": [1]}


def test_a_challenge_of_the_address_before_proves_nothing(sink):
    endpoint = make_endpoint(sink().url)
    endpoints.change_url(endpoint.public_id, sink().url, by=TESTER)
    endpoints.answer_challenge(endpoint.pk, endpoint.url, "")
    assert Endpoint.objects.get().state == "UNPROVED"


@pytest.mark.parametrize(
    ("url", "code"),
    [
        ("http://127.0.0.1/x", "webhook_private"), ("http://localhost/x", "webhook_private"),
        ("https://10.1.2.3/x", "webhook_private"), ("http://[::1]/x", "webhook_private"),
        ("http://169.254.169.254/latest", "webhook_private"), ("https://shop.example:8443/", "webhook_private"),
        ("http://2130706433/", "webhook_private"), ("http://0x7f.1/", "webhook_private"),
        ("https://user:pw@shop.example/", "webhook_url_invalid"), ("ftp://shop.example/", "webhook_url_invalid"),
        ("shop.example/hook", "webhook_url_invalid"), ("", "webhook_url_invalid"),
    ],
)  # fmt: skip
def test_refuses_an_address_that_may_not_be_called(url, code):
    with pytest.raises((hosts.EndpointPrivate, hosts.EndpointUrlInvalid)) as refused:
        endpoints.add("usr_a", TOPIC, url, by=TESTER)
    assert (refused.value.code, refused.value.status, refused.value.field) == (code, 422, "url")
    assert not Endpoint.objects.exists()


def test_refuses_the_same_address_twice_and_too_many(sink):
    there = sink()
    add(there)
    with pytest.raises(endpoints.EndpointThere):
        add(there)
    for n in range(endpoints.MOST - 1):
        endpoints.add("usr_a", TOPIC, f"{there.url}/{n}", by=TESTER)
    with pytest.raises(endpoints.TooManyEndpoints):
        endpoints.add("usr_a", TOPIC, f"{there.url}/x", by=TESTER)


def test_paused_it_hears_nothing_and_afterwards_everything(sink):
    there = sink()
    endpoint = make_endpoint(there.url)
    endpoints.pause(endpoint.public_id, by=TESTER)
    for version in (1, 2):
        tell("ord_a", version)
    read()
    assert set(Message.objects.values_list("next_at", flat=True)) == {None}
    endpoints.resume(endpoint.public_id, by=TESTER)
    with sending():
        wait_for(all_settled)
    assert there.first_sequences() == {"ord_a": [1, 2]}


def test_removed_it_hears_nothing_more_and_its_host_is_given_up(sink):
    there = sink()
    endpoint = make_endpoint(there.url)
    tell("ord_a", 1)
    read()
    endpoints.remove(endpoint.public_id, by=TESTER)
    tell("ord_a", 2)
    read()
    assert list(Message.objects.values_list("state", flat=True)) == ["GIVEN_UP"]
    assert not hosts.is_registered("usr_a", there.url)
    with pytest.raises(endpoints.EndpointUnknown):
        endpoints.pause(endpoint.public_id, by=TESTER)
    add(there)  # the address is free again


def test_a_form_sent_twice_makes_one_new_secret(sink):
    endpoint = make_endpoint(sink().url)
    endpoints.rotate(endpoint.public_id, overlap=timedelta(hours=24), count=1, by=TESTER)
    with pytest.raises(endpoints.SecretChanged):
        endpoints.rotate(endpoint.public_id, overlap=timedelta(hours=24), count=1, by=TESTER)
    assert Endpoint.objects.get().secret_count == 2


def test_no_secret_and_no_address_is_told_to_the_log(sink):
    there = sink()
    endpoint, secret = add(there)
    endpoints.rotate(endpoint.public_id, overlap=timedelta(0), count=1, by=TESTER)
    text = str(list(Event.objects.values_list("data", "only", "topics")))
    assert secret not in text
    assert "/hook" not in text
    assert secret.encode() not in bytes(Endpoint.objects.get().secret_sealed)


class TestSayingItAgain:
    def settled(self, there, orders=("ord_a", "ord_b"), versions=3):
        endpoint = make_endpoint(there.url)
        for version in range(1, versions + 1):
            for ref in orders:
                tell(ref, version)
        read()
        with sending():
            wait_for(all_settled)
        return endpoint

    def test_one_with_the_same_id(self, sink):
        there = sink()
        endpoint = self.settled(there)
        message = Message.objects.get(stream="order/ord_a", version=2)
        resending.one(endpoint.public_id, message.public_id, by=TESTER)
        with sending():
            wait_for(all_settled)
        assert len(there.got) == 7
        assert there.got[-1].headers["webhook-id"] == message.public_id

    def test_one_that_waits_its_turn_is_refused(self, sink):
        endpoint = make_endpoint(sink().url)
        tell("ord_a", 1)
        tell("ord_a", 2)
        read()
        held = Message.objects.get(version=2)
        with pytest.raises(resending.HeldBehind):
            resending.one(endpoint.public_id, held.public_id, by=TESTER)

    def test_another_accounts_message_is_not_found(self, sink):
        self.settled(sink())
        other = make_endpoint(sink().url, account="usr_b", topic="customer/usr_b")
        with pytest.raises(endpoints.EndpointUnknown):
            resending.one(other.public_id, Message.objects.first().public_id, by=TESTER)

    def test_what_was_given_up_since_a_moment(self, sink):
        there = sink()
        endpoint = self.settled(there)
        Message.objects.filter(version__gte=2).update(state="GIVEN_UP")
        Message.objects.filter(version=2).update(settled_at=clock.now() - timedelta(days=2))
        count = resending.failed_since(endpoint.public_id, clock.now() - timedelta(days=1), by=TESTER)
        assert count == 2
        with sending():
            wait_for(all_settled)
        assert [one["payload"]["sequence"] for one in there.events()[6:]] == [3, 3]

    def test_everything_from_a_position_in_the_order_of_the_log(self, sink):
        there = sink()
        endpoint = self.settled(there)
        position = Message.objects.get(stream="order/ord_a", version=2).position
        resending.everything_from(endpoint.public_id, position, by=TESTER)
        with sending():
            wait_for(lambda: endpoint.replays.get().ended_at)
            wait_for(all_settled)
        again = [(one["payload"]["orderId"], one["payload"]["sequence"]) for one in there.events()[6:]]
        assert sorted(again) == [("ord_a", 2), ("ord_a", 3), ("ord_b", 2), ("ord_b", 3)]
        for ref in ("ord_a", "ord_b"):
            assert [version for order, version in again if order == ref] == [2, 3]
        assert endpoint.replays.get().count == 4
        assert Message.objects.count() == 6

    def test_everything_also_from_before_it_was_registered(self, sink):
        there = sink()
        for version in (1, 2, 3):
            tell("ord_a", version)
            tell("ord_b", version, topics=("customer/usr_b",))
        read()
        endpoint = make_endpoint(there.url)
        resending.everything_from(endpoint.public_id, 1, by=TESTER)
        with sending():
            wait_for(lambda: endpoint.replays.get().ended_at)
            wait_for(all_settled)
        assert there.first_sequences() == {"ord_a": [1, 2, 3]}

    def test_older_ones_go_before_what_waits_already(self, sink):
        there = sink()
        for version in (1, 2):
            tell("ord_a", version)
        read()
        endpoint = make_endpoint(there.url)
        tell("ord_a", 3)
        read()
        resending.everything_from(endpoint.public_id, 1, by=TESTER)
        while resending.prepare(make_outbox()):
            pass
        with sending():
            wait_for(lambda: make_due() or all_settled())
        assert there.first_sequences() == {"ord_a": [1, 2, 3]}

    @pytest.mark.parametrize("position", [0, -1, 7, 10**12])
    def test_refuses_a_position_that_is_not_there(self, sink, position):
        endpoint = self.settled(sink())
        with pytest.raises(resending.PositionUnknown):
            resending.everything_from(endpoint.public_id, position, by=TESTER)

    def test_refuses_a_second_one_meanwhile(self, sink):
        endpoint = self.settled(sink())
        resending.everything_from(endpoint.public_id, 1, by=TESTER)
        with pytest.raises(resending.ReplayRunning):
            resending.everything_from(endpoint.public_id, 1, by=TESTER)

    def test_what_waits_is_tried_at_once(self, sink):
        there = sink(sinks.says(503, retry_after="3000"))
        endpoint = make_endpoint(there.url)
        tell("ord_a", 1)
        read()
        with sending():
            wait_for(lambda: Message.objects.get().tries == 1)
            there.behave = sinks.well
            assert resending.waiting(endpoint.public_id, by=TESTER) == 1
            wait_for(all_settled)
