"""Taking due letters to send, and writing down how it went: what the sender does in the database, and nothing else.

A claim is a row's moved `next_at` (the lease); it is committed before anything is sent. A sender that dies between
sending and writing down sends that letter once more when its lease has run out, with the same id.
"""

import random
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from django.db import connection, transaction

from config.ground import clock
from notifications.letters import preferences
from notifications.letters.models import About, Channel, Letter, LetterAttempt, PushSubscription
from notifications.letters.office import Office

LEASE = timedelta(seconds=90)  # a try ends after 30 s; whoever claimed a letter and says nothing for so long is dead
MINUTE, HOUR = 60, 3_600
BEFORE_TRY = (0, 30, 2 * MINUTE, 10 * MINUTE, HOUR, 4 * HOUR, 12 * HOUR)  # seconds before each try
JITTER = 0.2
NEWS = timedelta(hours=4)

CLAIM = """
WITH picked AS MATERIALIZED (
    SELECT id FROM notifications_letter
     WHERE channel = %(channel)s AND state = 'WAITING' AND next_at <= %(now)s
     ORDER BY next_at, id LIMIT %(most)s FOR UPDATE SKIP LOCKED
)
UPDATE notifications_letter l SET next_at = %(lease)s, claims = l.claims + 1
  FROM picked WHERE l.id = picked.id RETURNING l.id
"""


@dataclass(frozen=True, slots=True)
class Answer:
    """How a try went. `error` empty: it was taken. `is_final`: trying again cannot help.

    `is_gone`: the browser took its subscription back.
    """

    error: str = ""
    is_final: bool = False
    is_gone: bool = False
    ms: int = 0
    retry_after: float = 0.0


@dataclass(frozen=True, slots=True)
class Claimed:
    """A letter that this sender, and no other, sends now; `to` is an address, a phone number or a sealed browser."""

    letter: Letter
    claim: int
    to: str
    unsubscribe: str = ""


@dataclass(frozen=True, slots=True)
class Outcome:
    """How sending one claimed letter went, and when it began."""

    claimed: Claimed
    answer: Answer
    at: datetime


Reach = Callable[[Letter], str]


def claim(office: Office, channel: str, most: int, reach: Reach) -> list[Claimed]:
    """Take up to `most` due letters of one channel; what nobody wants any more is dropped, what must wait is held."""
    if most <= 0:
        return []
    now = clock.now()
    with transaction.atomic(), connection.cursor() as cursor:
        cursor.execute(CLAIM, {"channel": channel, "now": now, "lease": now + LEASE, "most": most})
        keys = [key for (key,) in cursor.fetchall()]
    taken = []
    for letter in Letter.objects.filter(pk__in=keys).order_by("pk"):
        if _may_go(office, letter, now):
            to = reach(letter)
            if to:
                taken.append(Claimed(letter, letter.claims, to))
            else:
                _drop(letter, "nobody is reached there any more")
    return taken


def _may_go(office: Office, letter: Letter, now: datetime) -> bool:
    """Whether it is wanted and true at this moment: people change their minds while a letter waits."""
    chosen = preferences.of(letter.person)
    still = office.still.get(letter.kind)
    if (
        letter.about != About.SERVICE
        and not _is_asked_for(letter)
        and not preferences.wants(chosen, letter.about, letter.channel)
    ):
        return _drop(letter, "turned off in the preferences")
    if letter.about == About.MARKETING and not preferences.has_consent(letter.person):
        return _drop(letter, "consent was taken back")
    if still is not None and not still(letter):
        return _drop(letter, "not true any more")
    if letter.about != About.MARKETING:
        return True
    later = preferences.quiet_until(chosen, now)
    if later > now:
        Letter.objects.filter(pk=letter.pk, claims=letter.claims).update(next_at=later, why="quiet hours")
    return later <= now


def _is_asked_for(letter: Letter) -> bool:
    """An SMS about an order goes out although SMS is off when nothing else reached the person (Draft.matters)."""
    others = Letter.objects.filter(position=letter.position, person=letter.person, kind=letter.kind)
    return letter.channel == Channel.SMS and not others.exclude(pk=letter.pk).exists()


def _drop(letter: Letter, why: str) -> bool:
    """Nothing is sent; says False."""
    rows = Letter.objects.filter(pk=letter.pk, claims=letter.claims)
    rows.update(state=Letter.State.DROPPED, next_at=None, settled_at=clock.now(), why=why)
    return False


@transaction.atomic
def settle(outcomes: Sequence[Outcome]) -> None:
    """Write down every outcome, in one transaction."""
    LetterAttempt.objects.bulk_create(
        LetterAttempt(letter_id=one.claimed.letter.pk, at=one.at, error=_clean(one.answer.error), ms=one.answer.ms)
        for one in outcomes
    )
    keys = [one.claimed.letter.pk for one in outcomes]
    rows = {row.pk: row for row in Letter.objects.select_for_update(no_key=True).filter(pk__in=keys).order_by("pk")}
    settled = []
    for one in outcomes:
        row = rows.get(one.claimed.letter.pk)
        if row is not None and row.claims == one.claimed.claim and row.state == Letter.State.WAITING:
            _judge(row, one.answer)
            settled.append(row)
    Letter.objects.bulk_update(settled, ["state", "why", "tries", "next_at", "settled_at"])
    gone = [one.claimed.letter.device for one in outcomes if one.answer.is_gone]
    PushSubscription.objects.filter(public_id__in=gone).delete()


def _judge(letter: Letter, answer: Answer) -> None:
    """Sent, to be tried again after a pause, or given up."""
    letter.tries += 1
    letter.next_at, letter.why = None, _clean(answer.error)
    if not answer.error:
        letter.state = Letter.State.SENT
    elif answer.is_gone:
        letter.state = Letter.State.DROPPED
    elif answer.is_final or letter.tries >= len(BEFORE_TRY) or _is_old_news(letter):
        letter.state = Letter.State.GIVEN_UP
    else:
        letter.next_at = clock.now() + timedelta(seconds=pause(letter.tries, answer.retry_after))
        return
    letter.settled_at = clock.now()


def _is_old_news(letter: Letter) -> bool:
    """A phone does not ring for what was true hours ago; mail may come late."""
    is_phone = letter.channel != Channel.EMAIL and letter.about != About.MARKETING
    return is_phone and clock.now() - letter.created_at > NEWS


def pause(tries: int, retry_after: float = 0.0) -> float:
    """Seconds before the next try when `tries` have failed; a Retry-After only ever makes it longer."""
    spread = BEFORE_TRY[tries] * (1 - JITTER + 2 * JITTER * random.random())  # noqa: S311 - spreads tries
    return max(spread, min(retry_after, BEFORE_TRY[-1]))


def _clean(error: str) -> str:
    return error.replace("\0", "")[:200]


def again(letter_id: str) -> Letter | None:
    """Send a settled letter once more, by hand; None when there is none, or its words are gone, or it waits."""
    with transaction.atomic():
        rows = Letter.objects.select_for_update(no_key=True).filter(public_id=letter_id, erased_at=None)
        letter = rows.exclude(state=Letter.State.WAITING).first()
        if letter is not None:
            letter.state, letter.tries, letter.why = Letter.State.WAITING, 0, ""
            letter.next_at, letter.settled_at = clock.now(), None
            letter.save(update_fields=["state", "tries", "why", "next_at", "settled_at"])
    return letter
