"""A program asks for a ticket and is let in by it as whoever asked; what the ticket stands on can be taken away."""

import pytest
from django.test import Client
from django.utils import timezone

from config.live import PEOPLE
from notifications.live import tickets
from notifications.live.person import NOBODY
from orders.models import ApiKey

pytestmark = pytest.mark.django_db
DOOR = "/api/v1/live/tickets"


def spent(answer):
    """The person that a ticket lets in."""
    assert answer.status_code == 201, answer.content
    told = answer.json()
    assert answer["Cache-Control"] == "no-store"
    assert told["urls"]["websocket"] == f"/live/ws?ticket={told['ticket']}"
    credential = tickets.spend(told["ticket"])
    assert tickets.spend(told["ticket"]) is None
    return lambda: PEOPLE[credential.kind](credential.value)


def test_by_key_until_the_key_is_revoked(cast):
    key, secret = ApiKey.issue(cast.ana, "test")
    who = spent(Client().post(DOOR, headers={"X-Api-Key": secret}))
    assert (who().user_id, who().is_staff) == (cast.ana.pk, False)
    ApiKey.objects.filter(pk=key.pk).update(revoked_at=timezone.now())
    assert who() == NOBODY


def test_by_token_until_the_password_changes(cast):
    cast.ana.set_password("correct horse")
    cast.ana.save()
    wish = {"username": "ana", "password": "correct horse"}
    answer = Client().post("/api/v1/auth/token", wish, content_type="application/json")
    bearer = {"Authorization": f"Bearer {answer.json()['access']}"}
    who = spent(Client().post(DOOR, headers=bearer))
    assert who().user_id == cast.ana.pk
    cast.ana.set_password("another one")
    cast.ana.save()
    assert who() == NOBODY


def test_by_session_until_it_ends(cast):
    browser = Client()
    browser.force_login(cast.ana)
    who = spent(browser.post(DOOR))
    assert who().user_id == cast.ana.pk
    browser.logout()
    assert not who().is_signed_in


def test_a_key_of_support_sees_no_more_than_any_customer(cast):
    _key, secret = ApiKey.issue(cast.sam, "test")
    who = spent(Client().post(DOOR, headers={"X-Api-Key": secret}))
    assert (who().user_id, who().is_staff) == (cast.sam.pk, False)


def test_nobody_gets_no_ticket(cast):
    for headers in ({}, {"X-Api-Key": "lk_wrong"}):
        assert Client().post(DOOR, headers=headers).status_code == 401


def test_a_closed_account_is_nobody(cast):
    _key, secret = ApiKey.issue(cast.ana, "test")
    who = spent(Client().post(DOOR, headers={"X-Api-Key": secret}))
    cast.ana.is_active = False
    cast.ana.save()
    assert who() == NOBODY
