"""SMS: guests hear only what matters, numbers are opened only to be sent, and the gateway's contract is kept."""

import asyncio
import json
import logging

import pytest

from config.ground import clock
from notifications.letters import settling, sms
from notifications.letters.models import Letter
from notifications.outside import signing
from orders import services
from orders.actors import SYSTEM
from orders.services import Placement
from tests.conftest import ADDRESS, noodle_items, walk
from tests.letters.world import claim, kinds, letters, read
from tests.notifications import sinks
from tests.project.test_secrets import everything_stored

pytestmark = pytest.mark.django_db
SECRET = signing.new_secret()
TAKES = sinks.says(202)


@pytest.fixture
def guest(noodles, cast):
    wish = Placement(noodles.shop.public_id, noodle_items(noodles), "WECHAT", address=ADDRESS)
    return walk(services.place_order(wish, customer=None), "CONFIRMED", cast)


@pytest.fixture
def waiting(guest):
    """A guest's order that support cancelled: its SMS waits."""
    services.cancel_order(guest.public_id, reason="STAFF", words="The kitchen flooded.", actor=SYSTEM)
    read()
    (letter,) = letters()
    return letter


@pytest.fixture
def gateway():
    opened = []

    def open_one(behave=TAKES):
        opened.append(sinks.Sink(behave))
        return opened[-1]

    yield open_one
    for one in opened:
        one.stop()


def send(url):
    """One round of the sender."""

    async def work(claimed):
        carrier = sms.HttpSms(url, SECRET)
        answers = [await carrier.send(one) for one in claimed]
        await carrier.close()
        return answers

    claimed = claim("SMS")
    answers = asyncio.run(work(claimed))
    settling.settle([settling.Outcome(one, answer, clock.now()) for one, answer in zip(claimed, answers, strict=True)])
    return answers


def test_a_guest_hears_by_sms_what_matters_and_nothing_else(guest, waiting, cast):
    assert [(one.kind, one.channel, one.person) for one in letters()] == [
        ("order.cancelled", "SMS", f"order/{guest.public_id}")
    ]
    assert letters()[0].text.startswith("All of it comes back: ¥84.00 to WeChat Pay.")
    services.record_return(guest.public_id, amount_minor=guest.total_minor)
    read()
    assert kinds() == ["order.cancelled", "refund.succeeded"]


def test_no_sms_for_what_the_guest_did(guest):
    services.cancel_order(guest.public_id, reason="CUSTOMER", actor=SYSTEM)
    read()
    assert letters() == []


def test_an_account_without_mail_hears_of_a_failed_order_by_sms(cast, make_order):
    cast.ana.set_phone("13800132071")
    cast.ana.save()
    order = make_order("CONFIRMED")
    services.cancel_order(order.public_id, reason="STAFF", words="-", actor=SYSTEM)
    read()
    assert [(one.kind, one.channel) for one in letters()] == [("order.cancelled", "SMS")]
    assert [one.to for one in claim("SMS")] == ["13800132071"]


def test_the_gateway_gets_what_the_contract_says(waiting, gateway):
    sink = gateway()
    assert send(sink.url)[0].error == ""
    (got,) = sink.got
    said = json.loads(got.body)
    assert said == {"id": waiting.public_id, "to": "+8613800132071", "text": waiting.text, "language": "en"}
    signing.verify(SECRET, got.headers, got.body, int(clock.now().timestamp()))
    assert got.headers["webhook-id"] == waiting.public_id
    waiting.refresh_from_db()
    assert waiting.state == "SENT"


@pytest.mark.parametrize(
    ("behave", "state"),
    [
        (sinks.says(503, retry_after="900"), "WAITING"),
        (sinks.says(429), "WAITING"),
        (sinks.says(422), "GIVEN_UP"),
        (sinks.redirects, "GIVEN_UP"),
        (sinks.closes_at_once, "WAITING"),
    ],
    ids=["busy", "too many", "refused", "redirect", "hung up"],
)
def test_what_the_gateway_answers_decides(waiting, gateway, behave, state):
    sink = gateway(behave)
    sink.elsewhere = "http://127.0.0.1:1/"
    send(sink.url)
    assert len(sink.got) == 1
    waiting.refresh_from_db()
    assert (waiting.state, waiting.tries) == (state, 1)
    if "retry" in waiting.why or "503" in waiting.why:
        assert (waiting.next_at - clock.now()).total_seconds() > 800


def test_no_number_lies_in_clear_or_in_the_log(waiting, gateway, caplog):
    caplog.set_level(logging.DEBUG)
    send(gateway().url)
    Letter.objects.update(state="WAITING", next_at=clock.now())
    asyncio.run(sms.LogSms().send(claim("SMS")[0]))
    assert waiting.public_id in caplog.text
    for place, text in {**everything_stored(), "log": caplog.text}.items():
        assert ADDRESS["phone"] not in text, place
    assert waiting.text not in caplog.text
