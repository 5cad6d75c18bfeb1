"""The shop's page of its webhooks: what waits, each try, every repair with its question, and no secret twice."""

import html
import re
from datetime import timedelta

import pytest
from django.test import Client

from config.ground import clock
from config.webhooks import outbox
from notifications.log.readers import Reader
from notifications.models import Endpoint, Event, Message
from notifications.outside.transport import Answer
from notifications.webhooks import endpoints, resending, settling
from notifications.webhooks.outbox import READER
from orders.access import Asker
from orders.live import follow_webhooks, webhooks_now
from orders.tasks import tell_of_failing_endpoints
from tests.letters import world as post
from tests.notifications.webhook_world import number

pytestmark = pytest.mark.django_db(transaction=True)
URL = "https://user-app.example/notifications"


@pytest.fixture
def page(cast, noodles):
    """`page(path, **form)`: what bruno sees there; with a form he sends it."""
    client = Client()
    client.force_login(cast.bruno)
    root = f"/merchant/{noodles.shop.public_id}/webhooks/"

    def see(path="", status=200, **form):
        answer = client.post(root + path, form, follow=True) if form else client.get(root + path)
        assert answer.status_code == status, answer.content[:500]
        return html.unescape(re.sub(r"\s+", " ", answer.content.decode()))

    return see


@pytest.fixture
def endpoint(cast, noodles):
    by = endpoints.By("merchant", cast.bruno.public_id)
    made, _secret = endpoints.add(noodles.shop.public_id, f"board/{noodles.shop.public_id}", URL, by=by)
    endpoints.answer_challenge(made.pk, made.url, "")
    return made


def read():
    number()
    reader = Reader(READER, outbox)
    while reader.step():
        pass


def try_once(answer):
    for claimed in settling.claim(50):
        settling.settle([settling.Outcome(claimed, answer, clock.now())])


def test_says_what_it_is_for_while_there_is_nothing(page):
    assert "No endpoint yet" in page()


def test_an_added_endpoint_shows_its_secret_once(page):
    shown = page("new/", url=URL)
    (secret,) = re.findall(r"whsec_[A-Za-z0-9+/=]+", shown)
    assert "never again" in shown
    again = page()
    assert secret not in again
    assert f"…{secret.rstrip('=')[-3:]}" in again
    assert "Being asked for its proof" in again


@pytest.mark.parametrize(
    ("url", "says"),
    [
        ("http://192.168.1.4/hook", "192.168.1.4 is not a public address, so we cannot send there."),
        ("http://2130706433/", "2130706433 is not a public address"),
        ("https://shop.example:9000/", "shop.example:9000 is not a public address"),
        ("hello", "hello is not a complete http or https address"),
    ],
)
def test_refuses_a_private_address_beside_its_field(page, url, says):
    shown = page("new/", status=422, url=url)
    assert says in shown
    assert url in shown  # what was typed is still there
    assert not Endpoint.objects.exists()


def test_tells_what_waits_and_that_none_is_lost(page, endpoint, make_order):
    order = make_order("READY")
    read()
    try_once(Answer(503, ms=31))
    shown = page()
    assert "4 messages wait for you, none is lost." in shown
    assert "the last time: 503" in shown or "Your server failed 1 time: 503" in shown
    for words in (
        "Failing since",
        "Next try",
        "Held behind an earlier one",
        "1 · 503 in 31 ms",
        "Waiting 4",
        order.public_id,
    ):
        assert words in shown, words
    assert page(f"?of={order.public_id}&tab=all").count("Held behind") == 3
    assert "Nothing like that" in page("?of=ord_nothing")
    position = Message.objects.order_by("position").first().position
    assert "order.paid" in page(f"?of={position}")


def test_one_message_shows_its_body_and_every_try(page, endpoint, make_order):
    make_order("CONFIRMED")
    read()
    try_once(Answer(error="no answer in 15 s", ms=15_000))
    message = Message.objects.order_by("position").first()
    shown = page(f"messages/{message.public_id}/")
    for words in (message.public_id, message.body, "no answer in 15 s", "15000 ms"):
        assert words in shown, words
    page(f"messages/{message.public_id}/", next="message")
    message.refresh_from_db()
    assert message.next_at <= clock.now()


def test_everything_again_says_how_many_first(page, endpoint, make_order):
    make_order("READY")
    read()
    counted = page(f"{endpoint.public_id}/replay/", position="1")
    assert "4 messages will be sent." in counted
    assert not endpoint.replays.exists()
    page(f"{endpoint.public_id}/replay/", position="1", counted="1")
    assert endpoint.replays.get().next_position == 1
    assert "still being prepared" in page(f"{endpoint.public_id}/replay/", status=409, position="1", counted="1")
    assert "Choose a position from 1 to" in page(f"{endpoint.public_id}/replay/", status=422, position="99999")


def test_another_number_than_the_counted_one_is_counted_again(page, endpoint, make_order):
    make_order("READY")
    read()
    last = resending.reached()
    assert "1 message will be sent." in page(f"{endpoint.public_id}/replay/", position=str(last), counted="1")
    assert not endpoint.replays.exists()


def test_a_new_secret_asks_how_long_the_old_one_signs(page, endpoint):
    assert "The old one also signs for" in page(f"{endpoint.public_id}/secret/")
    shown = page(f"{endpoint.public_id}/secret/", overlap="24", count="1")
    assert re.search(r"whsec_[A-Za-z0-9+/=]+", shown)
    assert "old one also signs until" in page()
    assert "A new secret was made meanwhile" in page(
        f"{endpoint.public_id}/secret/", status=409, overlap="24", count="1"
    )


def test_pausing_and_removing_ask_first_and_are_recorded(page, endpoint, cast):
    assert "Pause this endpoint?" in page(f"{endpoint.public_id}/pause/")
    page(f"{endpoint.public_id}/pause/", go="1")
    assert "Paused" in page()
    page(f"{endpoint.public_id}/resume/", go="1")
    assert "Remove this endpoint?" in page(f"{endpoint.public_id}/remove/")
    assert Endpoint.objects.get().state == "WORKING"
    page(f"{endpoint.public_id}/remove/", go="1")
    assert "No endpoint yet" in page()
    told = Event.objects.filter(stream=endpoint.stream).order_by("version").values_list("type", "account")
    assert list(told)[-3:] == [(f"webhook.{what}", cast.bruno.public_id) for what in ("paused", "resumed", "removed")]


def test_staff_look_and_only_owners_change(page, endpoint, make_order, cast, noodles):
    make_order("CONFIRMED")
    read()
    message = Message.objects.first().public_id
    bea = Client()
    bea.force_login(cast.bea, backend="orders.signin.PhoneOrNameBackend")
    root = f"/merchant/{noodles.shop.public_id}/webhooks/"
    one = f"{root}messages/{message}/"
    for seen in (root, one):
        shown = bea.get(seen)
        assert (shown.status_code, URL in shown.text) == (200, True)
        main = shown.text.partition("<main")[2]
        assert "Resend" not in main
        assert 'method="post"' not in main
    assert "Only an owner of the shop can change this." in bea.get(root).text
    before = Endpoint.objects.values().get()
    told = Event.objects.count()
    below = [f"{endpoint.public_id}/{what}/" for what in ("pause", "resume", "remove", "address", "secret", "replay")]
    for path in [f"{root}new/", one, *(root + end for end in below)]:
        answer = bea.post(path, {"url": "https://bea.example/", "overlap": 0, "count": 1, "position": 1})
        assert (answer.status_code, "Only an owner" in answer.text) == (403, True), path
    assert (Endpoint.objects.values().get(), Event.objects.count()) == (before, told)
    assert "Resend" in page()


def test_another_address_has_to_prove_itself(page, endpoint):
    page(f"{endpoint.public_id}/address/", url="https://new.example/hook")
    shown = page()
    assert "Being asked for its proof" in shown
    assert "https://new.example/hook" in shown


def test_what_was_given_up_can_be_sent_again(page, endpoint, make_order):
    make_order("CONFIRMED")
    read()
    Message.objects.update(state="GIVEN_UP", next_at=None, settled_at=clock.now())
    assert "2 messages were given up in all." in page(f"{endpoint.public_id}/failed/")
    page(f"{endpoint.public_id}/failed/", hours="24")
    assert set(Message.objects.values_list("state", flat=True)) == {"WAITING"}


@pytest.mark.parametrize("what", ["challenge", "resume", "waiting", "nonsense"])
def test_what_needs_no_question_has_no_page(page, endpoint, what):
    page(f"{endpoint.public_id}/{what}/", status=404)


def test_another_shops_endpoint_is_not_found(page, grocery):
    other, _secret = endpoints.add(
        grocery.shop.public_id, f"board/{grocery.shop.public_id}", URL, by=endpoints.By("merchant")
    )
    for what in ("pause", "secret", "remove", "replay"):
        page(f"{other.public_id}/{what}/", status=404)
        page(f"{other.public_id}/{what}/", status=404, go="1")


class TestTheOwnerIsTold:
    """After an hour of failing, once, in their language; again only after it worked in between."""

    @pytest.fixture
    def failing(self, endpoint, cast):
        cast.bruno.email = "bruno@example.com"
        cast.bruno.language = "zh-hans"
        cast.bruno.save()
        Endpoint.objects.update(failing_since=clock.now() - timedelta(minutes=61), last_answer="503", failures=9)
        return endpoint

    def test_once(self, failing, mailoutbox):
        assert tell_of_failing_endpoints() == 1
        assert tell_of_failing_endpoints() == 0
        assert mailoutbox == []  # the letter is made from the event, and sent by the relay
        post.read()
        post.read()
        (letter,) = post.send_mail()
        assert letter.to == ["bruno@example.com"]
        assert letter.subject == "您的接收地址已失败 1 小时"
        assert URL in letter.body
        assert f"/merchant/{failing.account}/webhooks/" in letter.body
        assert Event.objects.filter(stream=failing.stream).last().type == "webhook.failing"

    def test_not_before_an_hour(self, failing, mailoutbox):
        Endpoint.objects.update(failing_since=clock.now() - timedelta(minutes=59))
        assert tell_of_failing_endpoints() == 0

    def test_and_when_it_works_again_the_page_hears_of_it(self, failing, make_order):
        tell_of_failing_endpoints()
        make_order("PENDING")
        read()
        try_once(Answer(202))
        assert Event.objects.filter(stream=failing.stream).order_by("version").last().type == "webhook.recovered"
        assert Endpoint.objects.get().told_at is None


def test_only_its_own_people_follow_it_live(cast, noodles, endpoint):
    """`webhooks/<shop>`: its staff and support; an account its own; nobody else, not even a guest."""
    ref = noodles.shop.public_id

    def role(person, of=ref):
        return follow_webhooks(Asker(person.pk, person.is_staff, frozenset()), of)

    assert [role(person) for person in (cast.bruno, cast.bea, cast.sam, cast.ana)] == [
        "merchant",
        "merchant",
        "staff",
        None,
    ]
    assert role(cast.ana, cast.ana.public_id) == "customer"
    assert role(cast.bruno, cast.ana.public_id) is None
    assert follow_webhooks(Asker(None, is_staff=False, guest_orders=frozenset()), ref) is None
    assert webhooks_now(ref, "merchant") == (0, {"waiting": 0})
