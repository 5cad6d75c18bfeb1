"""What people choose about letters, and the one letter that is marketing: consent, quiet hours, one press to say no."""

from datetime import UTC, datetime, time, timedelta
from zoneinfo import ZoneInfo

import pytest
from django.core import signing
from django.test import Client

from config.celery import BEAT
from config.ground import clock
from notifications.letters import erasing, preferences
from notifications.letters.models import Consent, Letter, Preferences, PushSubscription
from notifications.letters.quiet import held_until
from notifications.tasks import erase_old_letters
from orders import services
from orders.letters import again
from orders.models import Order
from orders.services import Placement
from orders.tasks import invite_again
from tests.conftest import ADDRESS, noodle_items, walk
from tests.letters.world import claim, kinds, letters, number, read, send_mail

PAGE = "/account/letters/"
ALWAYS = {"quiet_from": "12:00", "quiet_to": "12:00", "zone": "Asia/Shanghai", "email": "ana@example.com"}
BERLIN, SHANGHAI = ZoneInfo("Europe/Berlin"), ZoneInfo("Asia/Shanghai")
db = pytest.mark.django_db


def at(text, zone):
    return datetime.fromisoformat(text).replace(tzinfo=zone)


@pytest.mark.parametrize(
    ("now", "begin", "end", "held"),
    [
        ("2026-11-28T20:59", time(21), time(9), None),
        ("2026-11-28T21:00", time(21), time(9), "2026-11-29T09:00"),  # over midnight
        ("2026-11-29T00:30", time(21), time(9), "2026-11-29T09:00"),
        ("2026-11-29T09:00", time(21), time(9), None),
        ("2026-12-31T23:00", time(21), time(9), "2027-01-01T09:00"),
        ("2026-11-29T13:00", time(12), time(14), "2026-11-29T14:00"),  # within a day
        ("2026-11-29T13:00", time(9), time(9), None),  # none at all
        ("2026-03-28T23:00", time(21), time(9), "2026-03-29T09:00"),  # the night that has only 23 hours
        ("2026-10-24T23:00", time(21), time(9), "2026-10-25T09:00"),  # and the one that has 25
    ],
)
def test_quiet_hours_hold_until_they_end(now, begin, end, held):
    moment = at(now, BERLIN)
    assert held_until(moment, begin, end, BERLIN) == at(held or now, BERLIN)


def test_an_end_that_the_clock_skips_or_shows_twice():
    """In Berlin 02:30 does not exist on 29 March 2026, and exists twice on 25 October."""
    skipped = held_until(at("2026-03-28T23:00", BERLIN), time(22), time(2, 30), BERLIN)
    assert skipped == datetime(2026, 3, 29, 1, 30, tzinfo=UTC)  # 03:30 in Berlin: past for sure
    twice = held_until(at("2026-10-24T23:00", BERLIN), time(22), time(2, 30), BERLIN)
    assert twice == datetime(2026, 10, 25, 1, 30, tzinfo=UTC)  # the second 02:30
    assert held_until(twice, time(22), time(2, 30), BERLIN) == twice


@pytest.fixture
def page(ana):
    client = Client()
    client.force_login(ana)
    return client


@pytest.fixture
def yes(page, ana):
    """Ana says yes to marketing on the page; no hour is quiet."""
    boxes = {"ORDER.EMAIL": "1", "REFUND.EMAIL": "1", "MARKETING.EMAIL": "1", "marketing": "1"}
    assert page.post(PAGE, {**ALWAYS, **boxes}).status_code == 302
    return ana


@pytest.fixture
def completed(make_order):
    """An order that was completed two days ago."""

    def make(**changes):
        order = make_order("COMPLETED", **changes)
        number()
        Order.objects.filter(pk=order.pk).update(ended_at=clock.now() - timedelta(days=2))
        return order

    return make


@db
def test_a_kind_that_is_turned_off_is_not_written(page, ana, make_order):
    assert page.post(PAGE, {**ALWAYS, "REFUND.EMAIL": "1"}).status_code == 302
    order = make_order("CONFIRMED")
    services.record_return(order.public_id, amount_minor=order.total_minor)
    read()
    assert kinds() == ["refund.succeeded"]


@db
def test_a_letter_that_waits_is_dropped_when_its_kind_is_turned_off(page, ana, make_order):
    make_order("CANCELLED")
    read()
    page.post(PAGE, {**ALWAYS, "REFUND.EMAIL": "1"})
    assert send_mail() == []
    assert [(one.state, one.why) for one in letters()] == [("DROPPED", "turned off in the preferences")]


@db
def test_the_page_keeps_and_shows_what_was_chosen(page, ana):
    assert "checked" in page.get(PAGE).content.decode()
    assert not Consent.objects.exists()  # looking at it says nothing
    boxes = {"ORDER.SMS": "1", "marketing": "1", "zone": "Europe/Berlin", "quiet_from": "22:30", "quiet_to": "07:00"}
    page.post(PAGE, {**ALWAYS, **boxes})
    kept = Preferences.objects.get()
    assert (kept.choices["ORDER"], kept.choices["MARKETING"]) == (["SMS"], [])
    assert (kept.zone, kept.quiet_from, kept.quiet_to) == ("Europe/Berlin", time(22, 30), time(7))
    (consent,) = Consent.objects.all()
    assert (consent.account, consent.given, consent.wording, consent.how) == (
        ana.public_id, True, preferences.WORDING, "page",
    )  # fmt: skip
    shown = page.get(PAGE).content.decode()
    assert "You said yes on" in shown
    assert preferences.WORDING in shown


@db
@pytest.mark.parametrize(
    "wrong",
    [
        {"zone": "Mars/Olympus"},
        {"zone": "../../etc/passwd"},
        {"quiet_from": "25:00"},
        {"email": "a@b\r\nBcc: c@d.example"},
    ],
)
def test_what_cannot_be_is_refused_and_nothing_is_kept(page, wrong):
    answer = page.post(PAGE, {**ALWAYS, **wrong, "marketing": "1"})
    assert answer.status_code == 422
    assert not Preferences.objects.exists()
    assert not Consent.objects.exists()


@db
def test_some_time_after_a_completed_order_who_said_yes_is_asked_once(yes, completed):
    first, second = completed(), completed()
    assert invite_again() == 1
    assert invite_again() == 0  # a run that comes again, and the second order: once in two weeks
    (letter,) = letters(about="MARKETING")
    assert letter.stream in {first.stream, second.stream}
    (sent,) = [one for one in send_mail() if one.subject.startswith("Once more")]
    link = sent.extra_headers["List-Unsubscribe"].strip("<>")
    assert sent.extra_headers["List-Unsubscribe-Post"] == "List-Unsubscribe=One-Click"
    assert link in sent.body
    Letter.objects.filter(pk=letter.pk).update(created_at=clock.now() - timedelta(days=15))
    assert invite_again() == 1


@db
def test_nobody_is_asked_who_did_not_say_yes_or_has_said_no_since(ana, completed):
    completed()
    assert invite_again() == 0
    preferences.say(ana.public_id, given=True, how="page")
    preferences.say(ana.public_id, given=False, how="link")
    assert invite_again() == 0


@db
@pytest.mark.parametrize("what", ["returned", "cancelled", "guest", "too soon", "long ago"])
def test_nobody_is_asked_after_an_order_that_did_not_go_well(yes, cast, completed, make_order, noodles, what):
    if what == "returned":
        services.record_return(completed().public_id, amount_minor=100)
    elif what == "cancelled":
        Order.objects.filter(pk=make_order("CANCELLED").pk).update(ended_at=clock.now() - timedelta(days=2))
    elif what == "guest":
        wish = Placement(noodles.shop.public_id, noodle_items(noodles), "WECHAT", address=ADDRESS)
        order = walk(services.place_order(wish, customer=None), "COMPLETED", cast)
        Order.objects.filter(pk=order.pk).update(ended_at=clock.now() - timedelta(days=2))
    else:
        Order.objects.filter(pk=completed().pk).update(
            ended_at=clock.now() - timedelta(hours=23 if what == "too soon" else 24 * 30)
        )
    number()
    assert invite_again() == 0


@db
def test_quiet_hours_hold_an_invitation_and_a_no_meanwhile_ends_it(yes, completed, monkeypatch):
    Preferences.objects.update(quiet_from=time(21), quiet_to=time(9), zone="Asia/Shanghai")
    completed()
    night = clock.now().astimezone(SHANGHAI).replace(hour=23, minute=0) + timedelta(days=1)
    monkeypatch.setattr(clock, "now", lambda: night)
    assert invite_again() == 1
    (letter,) = letters(about="MARKETING")
    assert letter.next_at == (night + timedelta(hours=10)).replace(second=0, microsecond=0)
    assert claim() == []
    Letter.objects.update(next_at=night)  # a retry that falls into the night
    assert claim() == []
    letter.refresh_from_db()
    assert (letter.state, letter.why) == ("WAITING", "quiet hours")
    monkeypatch.setattr(clock, "now", lambda: night + timedelta(hours=11))
    preferences.say(yes.public_id, given=False, how="link")
    assert claim() == []
    letter.refresh_from_db()
    assert (letter.state, letter.why) == ("DROPPED", "consent was taken back")


@db
def test_money_that_went_back_meanwhile_ends_a_held_invitation(yes, completed):
    order = completed()
    assert again.invite_due() == 1
    services.record_return(order.public_id, amount_minor=100)
    assert claim() == []
    assert [(one.state, one.why) for one in letters(about="MARKETING")] == [("DROPPED", "not true any more")]


def no(client, token, method="post", **form):
    return getattr(client, method)(f"{PAGE}no/{token}/", form)


@db
def test_saying_no_needs_no_account_and_one_press(ana):
    preferences.say(ana.public_id, given=True, how="page")
    stranger = Client(enforce_csrf_checks=True)
    token = preferences.unsubscribe_token(ana.public_id)
    for method in ("get", "head"):  # what mail scanners do
        assert no(stranger, token, method).status_code == 200
    assert preferences.has_consent(ana.public_id)
    assert no(stranger, token).status_code == 200
    assert not preferences.has_consent(ana.public_id)
    assert Consent.objects.order_by("-pk")[0].how == "link"
    preferences.say(ana.public_id, given=True, how="page")
    assert no(stranger, token, **{"List-Unsubscribe": "One-Click"}).status_code == 200
    assert Consent.objects.order_by("-pk")[0].how == "one-click"
    assert no(stranger, token).status_code == 200  # again: no news
    assert Consent.objects.count() == 4


def test_the_link_is_the_same_whenever_it_is_made_and_a_dated_one_is_still_read(monkeypatch):
    token = preferences.unsubscribe_token("usr_a")
    dated = signing.dumps("usr_a", salt=preferences.SALT)
    monkeypatch.setattr(signing.time, "time", lambda: 4e9)
    assert preferences.unsubscribe_token("usr_a") == token
    assert [preferences.account_of(one) for one in (token, dated)] == ["usr_a", "usr_a"]


@db
def test_a_forged_no_is_not_found(ana, cast):
    preferences.say(ana.public_id, given=True, how="page")
    token = preferences.unsubscribe_token(ana.public_id)
    other = preferences.unsubscribe_token(cast.mallory.public_id)
    forged = [
        token[:-1], token + "x", other.rpartition(":")[0] + ":" + token.rpartition(":")[2], ana.public_id,
        signing.dumps(ana.public_id), signing.dumps({"a": 1}, salt=preferences.SALT), "x" * 200,
    ]  # fmt: skip
    for wrong in forged:
        assert no(Client(), wrong).status_code == 404, wrong
    assert preferences.has_consent(ana.public_id)


@db
def test_words_are_deleted_after_a_month_and_for_who_asks(ana, make_order, settings):
    make_order("COMPLETED")
    read()
    send_mail()
    old, young = letters()
    Letter.objects.filter(pk=old.pk).update(created_at=clock.now() - timedelta(days=31))
    assert erase_old_letters() == 1
    assert erase_old_letters() == 0
    old.refresh_from_db()
    young.refresh_from_db()
    assert (old.subject, old.text, old.html, old.link, old.state) == ("", "", "", "", "SENT")
    assert young.text
    make_order("CANCELLED")
    read()
    preferences.say(ana.public_id, given=True, how="page")
    PushSubscription.objects.create(account=ana.public_id, fingerprint=b"f", sealed=b"s", host="push.example")
    assert erasing.forget(ana.public_id) == 2
    assert send_mail() == []
    assert not any(one.text or one.html or one.subject for one in letters())
    assert not PushSubscription.objects.exists()
    assert not preferences.has_consent(ana.public_id)


def test_the_clock_sends_and_deletes():
    assert BEAT["invite_again"].queue == BEAT["erase_old_letters"].queue == "slow"
