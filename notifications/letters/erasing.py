"""Deleting the words of letters: after a month by the clock, and at once for a person who asks; rows stay as proof.

`notifications/tasks.py` and `manage.py letters` call this.
"""

from datetime import timedelta

from django.db import transaction
from django.db.models import QuerySet

from config.ground import clock
from notifications.letters import preferences
from notifications.letters.models import ASKED, Letter, Preferences, PushSubscription

KEPT = timedelta(days=30)
BATCH = 500  # rows in one transaction
MOST_BATCHES = 100  # in one run; the next one goes on


def expire() -> int:
    """Delete the words of letters that are older than a month, in batches; returns how many letters."""
    return _erase(Letter.objects.filter(created_at__lt=clock.now() - KEPT))


def forget(person: str) -> int:
    """Delete what is kept of a person's letters, browsers and choices; nothing waits any more. Returns how many.

    `person` is an account's public id, or `order/ord_…` for a guest. That an account once said yes to marketing stays
    as a record, followed by a no.
    """
    theirs = Letter.objects.filter(person__in=[person, ASKED + person])
    with transaction.atomic():
        preferences.say(person, given=False, how="erased")
        PushSubscription.objects.filter(account=person).delete()
        Preferences.objects.filter(account=person).delete()
        waiting = theirs.filter(state=Letter.State.WAITING)
        waiting.update(state=Letter.State.DROPPED, next_at=None, settled_at=clock.now(), why="erased")
    return _erase(theirs)


def _erase(letters: QuerySet[Letter]) -> int:
    erased = 0
    for _batch in range(MOST_BATCHES):
        rows = letters.filter(erased_at=None).exclude(state=Letter.State.WAITING).order_by("pk")
        keys = list(rows.values_list("pk", flat=True)[:BATCH])
        if not keys:
            break
        Letter.objects.filter(pk__in=keys).update(subject="", text="", html="", link="", erased_at=clock.now())
        erased += len(keys)
    return erased
