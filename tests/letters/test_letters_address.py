"""An e-mail address gets nothing but its confirmation until whoever reads its mail presses the button on our page."""

import time
from datetime import timedelta

import pytest
from django.core import signing
from django.test import Client

from config.ground import clock
from notifications.letters import erasing, preferences, settling
from notifications.letters.models import Letter
from notifications.models import Event
from orders.letters import address
from orders.models import User
from tests.letters.world import letters, number, read, send_mail

pytestmark = pytest.mark.django_db
PAGE, AGAIN = "/account/letters/", "/account/letters/email/again/"
OLD, NEW = "ana@example.com", "ana@new.example"
CHOSEN = {"ORDER.EMAIL": "1", "quiet_from": "12:00", "quiet_to": "12:00", "zone": "Asia/Shanghai"}


@pytest.fixture
def page(ana):
    client = Client()
    client.force_login(ana)
    return client


@pytest.fixture
def asked(page, ana):
    """Ana typed a new address; the confirmation lies in its mailbox."""
    assert page.post(PAGE, {**CHOSEN, "email": NEW}).status_code == 302
    read()
    (sent,) = send_mail()
    assert sent.to == [NEW]
    return letters()[-1].link.removeprefix("http://localhost:8000")


def now_of(user):
    user.refresh_from_db()
    return user.email, user.email_asked


def test_the_old_address_is_written_to_until_the_new_one_is_confirmed(asked, ana, page, make_order):
    make_order("CANCELLED")
    read()
    assert [one.to for one in send_mail()] == [[OLD]]
    shown = page.get(PAGE).content.decode()
    assert f"{NEW} is not confirmed yet" in shown
    assert f"Until then we write to {OLD}." in shown
    stranger = Client(enforce_csrf_checks=True)
    for method in ("get", "head"):  # what mail scanners do
        assert getattr(stranger, method)(asked).status_code == 200
    assert stranger.post(asked).status_code == 403  # not from our page
    assert now_of(ana) == (OLD, NEW)
    token = stranger.get(asked).context["csrf_token"]
    assert "The address is confirmed." in stranger.post(asked, {"csrfmiddlewaretoken": str(token)}).content.decode()
    assert now_of(ana) == (NEW, "")
    make_order("CANCELLED")
    read()
    assert [one.to for one in send_mail()] == [[NEW]]
    assert "not confirmed yet" not in page.get(PAGE).content.decode()
    assert "The address is confirmed." in Client().post(asked).content.decode()  # pressed twice: no news
    kinds = Event.objects.filter(stream=ana.stream).order_by("version").values_list("type", flat=True)
    assert list(kinds) == [address.KIND, "account.email_confirmed"]
    assert "@" not in str(list(Event.objects.filter(stream=ana.stream).values()))


def test_a_first_address_gets_nothing_before_it_is_confirmed(cast, make_order):
    client = Client()
    client.force_login(cast.ana)
    client.post(PAGE, {**CHOSEN, "email": NEW})
    make_order("CANCELLED")
    read()
    (sent,) = send_mail()
    assert (sent.to, sent.subject) == ([NEW], "Confirm your e-mail address")
    assert "no other letter comes here" in sent.body
    client.cookies["language"] = "zh-hans"
    assert "在此之前，您收不到邮件。" in client.get(PAGE).content.decode()


def test_the_link_runs_out_and_only_the_newest_address_counts(asked, ana, page, monkeypatch):
    assert page.post(PAGE, {**CHOSEN, "email": "typo@new.example"}).status_code == 302
    assert Client().post(asked).status_code == 410
    page.post(PAGE, {**CHOSEN, "email": NEW})
    assert Client().get(asked).status_code == 200
    later = time.time() + address.HOURS * 3_600 + 60
    monkeypatch.setattr(signing.time, "time", lambda: later)
    for method in ("get", "post"):
        assert getattr(Client(), method)(asked).status_code == 410
    assert now_of(ana) == (OLD, NEW)


def test_a_link_that_we_did_not_sign_for_this_does_nothing(asked, ana, cast):
    token = asked.rstrip("/").rpartition("/")[2]
    cast.mallory.email_asked = NEW
    cast.mallory.save()
    other = address.token_of(cast.mallory)
    forged = [
        token[:-1], token + "x", other.rpartition(":")[0] + ":" + token.rpartition(":")[2], ana.public_id,
        preferences.unsubscribe_token(ana.public_id), signing.dumps([ana.public_id, "x"]), "x" * 200,
    ]  # fmt: skip
    for wrong in forged:
        assert Client().post(f"/account/letters/email/{wrong}/").status_code == 404, wrong
    assert preferences.account_of(token) is None  # nor does ours say no to marketing
    assert now_of(ana) == (OLD, NEW)
    assert Client().post(f"/account/letters/email/{other}/").status_code == 200
    assert now_of(cast.mallory) == (NEW, "")
    assert now_of(ana) == (OLD, NEW)  # one account's link confirms it for that account


def test_nobody_learns_whether_an_address_is_anothers(ana, cast):
    answers = []
    for typed in (OLD, "nobody@example.com"):
        client = Client()
        client.force_login(cast.mallory)
        User.objects.filter(pk=cast.mallory.pk).update(email="", email_asked="")
        answer = client.post(PAGE, {**CHOSEN, "email": typed}, follow=True)
        answers.append((answer.status_code, [str(one) for one in answer.context["messages"]]))
    assert answers[0] == answers[1]


def test_it_is_sent_again_but_not_again_and_again(asked, ana, page):
    for _press in range(address.PACE.burst - 1):
        page.post(AGAIN)
    read()
    assert [one.to for one in send_mail()] == [[NEW], [NEW]]
    assert "That was a little fast." in page.post(AGAIN, follow=True).content.decode()
    refused = page.post(PAGE, {**CHOSEN, "email": "third@new.example"})  # nor by typing another
    assert (refused.status_code, "That was a little fast." in refused.content.decode()) == (422, True)
    read()
    assert send_mail() == []
    assert now_of(ana) == (OLD, NEW)
    assert Client().post(AGAIN).status_code == 302  # signed out: nothing


def test_nothing_is_asked_for_what_is_confirmed_and_an_empty_text_removes_both(asked, ana, page):
    page.post(PAGE, {**CHOSEN, "email": OLD})
    assert now_of(ana) == (OLD, "")
    page.post(PAGE, {**CHOSEN, "email": NEW})
    page.post(PAGE, {**CHOSEN, "email": ""})
    assert now_of(ana) == ("", "")
    number()
    assert Event.objects.filter(stream=ana.stream).count() == 2
    assert Client().post(asked).status_code == 410


def test_a_letter_to_an_address_that_was_replaced_meanwhile_is_not_sent(page, ana):
    page.post(PAGE, {**CHOSEN, "email": NEW})
    read()
    page.post(PAGE, {**CHOSEN, "email": "right@new.example"})
    read()
    assert [one.to for one in send_mail()] == [["right@new.example"]]
    assert [(one.state, one.why) for one in letters()] == [("DROPPED", "not true any more"), ("SENT", "")]


def test_who_asks_to_be_forgotten_waits_for_nothing(page, ana):
    page.post(PAGE, {**CHOSEN, "email": NEW})
    read()
    (letter,) = letters()
    assert letter.account == ana.public_id
    erasing.forget(ana.public_id)
    assert send_mail() == []
    letter.refresh_from_db()
    assert (letter.state, letter.text, letter.link) == ("DROPPED", "", "")
    Letter.objects.update(state="SENT", created_at=clock.now() - timedelta(days=31))
    assert settling.again(letter.public_id) is None
