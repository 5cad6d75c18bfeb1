"""What people are written about an order: in their language, once, and nothing that is not for a letter."""

from datetime import timedelta

import pytest
from django.db import connection, transaction
from django.test.utils import CaptureQueriesContext

from config.ground import clock
from config.letters import LETTERS, office
from notifications.letters import mail, preferences, settling
from notifications.letters.models import Letter
from notifications.letters.office import READER, Build, Office
from notifications.log import Heard
from notifications.log.readers import COLUMNS, Reader
from notifications.models import Event, ParkedEvent, ReaderCursor
from orders import services
from orders.actors import SYSTEM
from orders.letters import news
from orders.letters.people import Directory
from orders.services import Item, Placement
from tests.conftest import ADDRESS
from tests.letters.world import claim, kinds, letters, number, read, send_mail

pytestmark = pytest.mark.django_db
SHANGHAI = "China Standard Time"


def test_the_road_of_a_meal_is_told_by_mail(ana, make_order):
    order = make_order("COMPLETED")
    read()
    assert kinds() == ["order.confirmed", "order.completed"]
    accepted, completed = send_mail()
    assert (accepted.to, accepted.subject) == (["ana@example.com"], "Bruno’s shop has taken your order")
    assert completed.subject == "Your order from Bruno’s shop is completed"
    assert f"http://localhost:8000/orders/{order.public_id}/receipt/" in completed.body
    assert SHANGHAI in accepted.body
    assert {one.state for one in letters()} == {"SENT"}
    assert "List-Unsubscribe" not in completed.extra_headers


def test_in_the_persons_language(ana, make_order):
    ana.language = "zh-hans"
    ana.save()
    make_order("CANCELLED")
    read()
    (sent,) = send_mail()
    assert sent.subject == "您在“Bruno 的店”的订单已取消"
    assert "未扣款。" in sent.body
    assert "中国标准时间" in sent.body
    assert 'lang="zh-Hans"' in sent.alternatives[0][0]
    assert sent.extra_headers["Content-Language"] == "zh-Hans"


def test_times_are_told_by_the_persons_own_clock(ana, make_order):
    night = preferences.of(ana.public_id)
    preferences.save(
        ana.public_id, preferences.DEFAULTS, zone="Europe/Berlin", quiet=(night.quiet_from, night.quiet_to),
        marketing=False,
    )  # fmt: skip
    make_order("COMPLETED")
    read()
    _accepted, completed = send_mail()
    assert "Central European" in completed.body
    assert SHANGHAI not in completed.body


def test_a_cancelled_order_says_what_comes_back_and_the_refund_when_it_is(ana, make_order):
    order = make_order("CONFIRMED")
    services.cancel_order(order.public_id, reason="STAFF", words="The kitchen flooded.", actor=SYSTEM)
    read()
    _accepted, cancelled = send_mail()
    services.record_return(order.public_id, amount_minor=order.total_minor)
    read()
    (back,) = send_mail()
    assert "All of it comes back: ¥84.00 to WeChat Pay." in cancelled.body
    assert "The kitchen flooded." in cancelled.body
    assert back.subject == "¥84.00 is back"
    assert kinds(about="REFUND") == ["refund.succeeded"]


def test_no_letter_carries_what_is_secret(ana, make_order, keyshop):
    make_order("COMPLETED")
    bought = services.place_order(
        Placement(keyshop.shop.public_id, [Item(keyshop.card.public_id, 1)], "WECHAT"), customer=ana
    )
    services.mark_paid(bought.public_id, amount_minor=bought.total_minor, channel="WECHAT")
    read()
    assert kinds(stream=bought.stream) == ["order.completed"]  # not one for being accepted in the same breath
    sent = "".join(one.body + one.subject + one.alternatives[0][0] for one in send_mail())
    assert "We never send them by mail." in sent
    for secret in ("MUSIC-", "SECRET", ADDRESS["phone"], ADDRESS["name"], "Maple", "no coriander"):
        assert secret not in sent, secret


def test_a_reader_that_runs_again_writes_nothing_again(ana, make_order):
    make_order("COMPLETED")
    read()
    before = {one.public_id for one in letters()}
    ReaderCursor.objects.filter(name=READER).update(position=0)
    read()
    assert {one.public_id for one in letters()} == before
    assert len(send_mail()) == 2
    assert send_mail() == []


def test_a_sender_that_dies_after_sending_sends_that_letter_once_more_and_no_other(ana, make_order):
    """Between the mail server's yes and our note of it lies a moment that nothing can close; the id says it is one."""
    make_order("COMPLETED")
    read()
    first, second = claim()
    assert not mail.send(first).error  # and here the process ends
    settling.settle([settling.Outcome(second, mail.send(second), clock.now())])
    assert send_mail() == []  # the lease holds
    Letter.objects.filter(state="WAITING").update(next_at=clock.now())
    (again,) = send_mail()
    assert again.extra_headers["Message-ID"] == f"<{first.letter.public_id}@localhost>"
    settling.settle([settling.Outcome(first, settling.Answer("too late"), clock.now())])  # the dead one's answer
    assert {one.state for one in letters()} == {"SENT"}
    assert send_mail() == []


def test_two_senders_take_different_letters(ana, make_order):
    make_order("COMPLETED")
    read()
    assert len(claim()) == 2
    assert claim() == []


def test_a_parked_event_becomes_its_letter_when_it_is_mended(ana, make_order):
    calls = []

    def broken(event, _order):
        calls.append(event.type)
        raise RuntimeError("the words are missing")

    order = make_order("COMPLETED")
    read(Office({**LETTERS, "order.confirmed": Build(news.orders, broken)}, Directory()))
    assert calls == ["order.confirmed"] * 2  # with the others, then alone
    assert letters() == []  # the completion waits behind it: people hear things in their order
    assert set(ParkedEvent.objects.values_list("stream", flat=True)) == {order.stream}
    ParkedEvent.objects.update(next_try_at=clock.now())
    Reader(READER, office).retry_parked()
    assert kinds() == ["order.confirmed", "order.completed"]
    assert len(send_mail()) == 2


def test_many_events_are_heard_by_as_many_questions_as_one(ana, make_order):
    for status in ("COMPLETED", "CANCELLED", "CONFIRMED"):
        make_order(status)
    number()
    heard = [
        Heard(*row) for row in Event.objects.filter(type__in=office.hears).order_by("position").values_list(*COLUMNS)
    ]
    asked = []
    for events in (heard[:1], heard[1:]):
        with CaptureQueriesContext(connection) as queries:
            office.hear_all(events)
        asked.append(len(queries))
    assert kinds() == ["order.confirmed", "order.completed", "order.cancelled", "order.confirmed"]
    assert asked[0] == asked[1]
    office.hear_all(heard)
    assert len(letters()) == 4  # a replay finds each of them written


def test_what_is_older_than_a_day_is_no_news(ana, make_order):
    """A reader that is new starts at the beginning of the log; nobody hears about last month."""
    make_order("CANCELLED")
    number()
    old = clock.now() + timedelta(hours=25)
    with pytest.MonkeyPatch.context() as patched:
        patched.setattr(clock, "now", lambda: old)
        read()
    assert letters() == []


def test_a_name_with_a_line_break_is_no_second_header(ana, make_order, noodles):
    noodles.shop.name_en = "Noodles\r\nBcc: everybody@example.com\u2028"
    noodles.shop.save()
    make_order("CANCELLED")
    read()
    (sent,) = send_mail()
    assert sent.subject == "Your order at Noodles Bcc: everybody@example.com is cancelled"
    assert sent.recipients() == ["ana@example.com"]
    assert "\nBcc:" not in sent.message().as_string().partition("\n\n")[0]


def test_an_address_with_a_line_break_is_given_up_at_once(ana, make_order):
    ana.email = "ana@example.com\r\nBcc: everybody@example.com"
    ana.save()
    make_order("CANCELLED")
    read()
    assert send_mail() == []
    (letter,) = letters()
    assert (letter.state, letter.why, letter.tries) == ("GIVEN_UP", "not an e-mail address", 1)


def test_what_fails_is_tried_again_with_pauses_and_given_up_for_all_to_see(ana, make_order, monkeypatch):
    monkeypatch.setattr(mail, "message", lambda *_: (_ for _ in ()).throw(ConnectionRefusedError()))
    make_order("CANCELLED")
    read()
    pauses = []
    for _try in range(20):
        now = clock.now()
        send_mail()
        letter = Letter.objects.get()
        if letter.state != "WAITING":
            break
        pauses.append((letter.next_at - now).total_seconds())
        Letter.objects.update(next_at=now)
    assert (letter.state, letter.tries, letter.attempts.count()) == ("GIVEN_UP", 7, 7)
    assert letter.why == "no mail server: ConnectionRefusedError"
    assert pauses == sorted(pauses)
    assert pauses[0] < 60
    assert pauses[-1] > 9 * 3_600


def test_nobody_is_written_to_who_has_no_address(cast, make_order):
    make_order("COMPLETED")
    read()
    assert letters() == []


def test_the_letter_and_the_readers_place_are_one_transaction(ana, make_order):
    make_order("CANCELLED")
    number()
    with transaction.atomic():
        read()
        assert letters()
        transaction.set_rollback(True)
    assert letters() == []
    assert not ReaderCursor.objects.filter(name=READER, position__gt=0).exists()
    assert Event.objects.filter(position=None).count() == 0
