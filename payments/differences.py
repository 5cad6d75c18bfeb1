"""Writing down what two sides disagree on, once, and ending it when it is explained. Called by whoever compares."""

import logging
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import date
from typing import Any

from django.db import transaction

from config.ground import clock
from payments.models import Difference, DifferenceStep

State = Difference.State

logger = logging.getLogger(__name__)


@dataclass(frozen=True, kw_only=True)
class Found:
    """What disagrees: amounts in minor units, None for a side that has nothing."""

    kind: Difference.Kind
    subject: str
    channel: str = ""
    day: date | None = None
    order_ref: str = ""
    ours_minor: int | None = None
    theirs_minor: int | None = None
    facts: Mapping[str, Any] = field(default_factory=dict)


@transaction.atomic
def report(found: Found, state: Difference.State = State.OPEN, remark: str = "") -> Difference | None:
    """Put it before support (or write it down as repaired). Safe to repeat; returns the row when it is news.

    What a person decided with the same figures is not asked again.
    """
    known = Difference.objects.filter(kind=found.kind, subject=found.subject).order_by("-pk").first()
    if known is not None and (known.state in Difference.UNDECIDED or _is_decided(known, found)):
        if state == State.AUTO_FIXED and known.state in Difference.UNDECIDED:
            repaired(known, remark)
        return None
    row = Difference(
        kind=found.kind,
        state=state,
        subject=found.subject[:80],
        channel=found.channel,
        day=found.day,
        order_ref=found.order_ref,
        ours_minor=found.ours_minor,
        theirs_minor=found.theirs_minor,
        facts=dict(found.facts),
        remark=remark[:300],
        decided_at=clock.now() if state == State.AUTO_FIXED else None,
    )
    Difference.objects.bulk_create([row], ignore_conflicts=True)  # a twin may be writing the same now
    row = Difference.objects.filter(public_id=row.public_id).first()  # type: ignore[assignment]
    if row is None:
        return None
    if state != State.AUTO_FIXED:
        logger.error("%s: %s, ours %s, theirs %s", found.kind, found.subject, found.ours_minor, found.theirs_minor)
    did = "repaired" if state == State.AUTO_FIXED else "found"
    DifferenceStep.objects.create(difference=row, did=did, remark=remark[:300])
    return row


def repaired(difference: Difference, remark: str) -> None:
    """Something explained it without a person."""
    _end(difference, State.AUTO_FIXED, "repaired", remark)


def reopened(difference: Difference, remark: str) -> None:
    """The next bill did not explain it: now a person decides."""
    _end(difference, State.OPEN, "reopened", remark)


@transaction.atomic
def _end(difference: Difference, state: Difference.State, did: str, remark: str) -> None:
    rows = Difference.objects.filter(pk=difference.pk, state__in=Difference.UNDECIDED).exclude(state=state)
    decided_at = clock.now() if state == State.AUTO_FIXED else None
    if rows.update(state=state, remark=remark[:300], decided_at=decided_at):
        DifferenceStep.objects.create(difference=difference, did=did, remark=remark[:300])


def _is_decided(known: Difference, found: Found) -> bool:
    """Whether a person has ended exactly this: the same figures on both sides; or the same was repaired already."""
    same = (known.ours_minor, known.theirs_minor) == (found.ours_minor, found.theirs_minor)
    return same and known.state in {State.MANUAL, State.IGNORED}
