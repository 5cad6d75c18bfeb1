"""Support sees every letter, and sends one again with a reason that is kept."""

import pytest
from django.urls import reverse

from notifications.letters.models import Letter
from orders.letters.address import ask
from orders.models import StaffAction
from tests.letters.world import letters, read, send_mail

pytestmark = pytest.mark.django_db


@pytest.fixture
def sent(cast, make_order):
    cast.ana.email = "ana@example.com"
    cast.ana.save()
    make_order("CANCELLED")
    read()
    assert len(send_mail()) == 1
    return letters()[0]


def address(letter):
    return reverse("admin:notifications_letter_change", args=[letter.pk])


def test_one_letter_with_its_tries(desk, sent):
    assert sent.public_id in desk.sam.get(reverse("admin:notifications_letter_changelist")).content.decode()
    shown = desk.sam.get(address(sent)).content.decode()
    for words in (sent.subject, "Nothing was charged.", "taken", sent.ref):
        assert words in shown, words
    assert "ana@example.com" not in shown


def test_sent_again_with_a_reason_that_is_kept(desk, sent):
    assert desk.sam.post(address(sent), {"reason": "short"}).status_code == 422
    assert desk.sam.post(address(sent), {"reason": "She says that it never arrived."}).status_code == 302
    kept = StaffAction.objects.get()
    assert (kept.does, kept.reason) == (f"letter: again {sent.public_id}", "She says that it never arrived.")
    assert len(send_mail()) == 1
    assert Letter.objects.get().attempts.count() == 2


def test_not_again_while_it_waits_or_when_its_words_are_gone(desk, sent):
    reason = {"reason": "She says that it never arrived."}
    Letter.objects.update(erased_at=sent.created_at, text="")
    assert desk.sam.post(address(sent), reason).status_code == 422
    assert not StaffAction.objects.exists()


def test_the_link_that_confirms_an_address_is_not_shown(desk, cast):
    assert ask(cast.ana, "ana@new.example")
    read()
    (letter,) = letters()
    shown = desk.sam.get(address(letter)).content.decode()
    assert "Somebody with an account" in shown
    assert letter.link not in shown
    assert "new.example" not in shown
