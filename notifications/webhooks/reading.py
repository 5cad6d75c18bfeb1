"""What pages, REST and admin show of endpoints and messages: states in words, what waits, which position is reached."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from django.db.models import Count, Exists, Min, OuterRef, Q, QuerySet

from config.ground.word import Word
from notifications.webhooks.models import Endpoint, Message, Replay
from notifications.webhooks.resending import reached
from notifications.webhooks.words import ENDPOINT, error_in_words

State = Message.State


@dataclass(frozen=True)
class Shown:
    """One endpoint as people see it. `reached` of `last`: everything up to there was heard or given up."""

    endpoint: Endpoint
    state: str
    waiting: int
    failed: int
    reached: int
    last: int
    replay: Replay | None

    @property
    def word(self) -> Word:
        """Its state's word; {time} is when it began to fail."""
        return ENDPOINT[self.state]

    @property
    def last_answer(self) -> str:
        """How the last failed try ended, in words."""
        return error_in_words(self.endpoint.last_answer)

    @property
    def challenge_error(self) -> str:
        """Why the last challenge failed, in words; empty when it did not."""
        return error_in_words(self.endpoint.challenge_error)

    @property
    def can_send(self) -> bool:
        """Whether what waits may be sent now."""
        return self.state in {"WORKING", "FAILING"}


def endpoints_of(account: str) -> QuerySet[Endpoint]:
    """The account's endpoints, oldest first."""
    return Endpoint.objects.filter(account=account).exclude(state=Endpoint.State.REMOVED).order_by("id")


def show(endpoints: Iterable[Endpoint]) -> list[Shown]:
    """Count what each endpoint has waiting and given up."""
    found, last = list(endpoints), reached()
    unsettled = [State.WAITING, State.GIVEN_UP]
    rows = Message.objects.filter(endpoint__in=found, state__in=unsettled).values("endpoint_id")
    counted: dict[int, Mapping[str, Any]] = {
        row["endpoint_id"]: row
        for row in rows.annotate(
            waiting=Count("id", filter=Q(state=State.WAITING)),
            failed=Count("id", filter=Q(state=State.GIVEN_UP)),
            first=Min("position", filter=Q(state=State.WAITING)),
        )
    }
    replays = {replay.endpoint_id: replay for replay in Replay.objects.filter(endpoint__in=found, ended_at=None)}
    return [_shown(one, counted.get(one.pk, {}), last, replays.get(one.pk)) for one in found]


def _shown(endpoint: Endpoint, counted: Mapping[str, Any], last: int, replay: Replay | None) -> Shown:
    first = counted.get("first")
    return Shown(
        endpoint=endpoint,
        state=state_of(endpoint),
        waiting=counted.get("waiting", 0),
        failed=counted.get("failed", 0),
        reached=first - 1 if first else last,
        last=last,
        replay=replay,
    )


def state_of(endpoint: Endpoint) -> str:
    """The key of its word."""
    if endpoint.is_working and endpoint.failing_since is not None:
        return "FAILING"
    if endpoint.state == Endpoint.State.UNPROVED and endpoint.challenge_at is not None:
        return "PROVING"
    return str(endpoint.state)


def messages(endpoints: Iterable[Endpoint], term: str = "") -> QuerySet[Message]:
    """Messages of these endpoints, newest first, of one order, one position or one id when `term` says so."""
    first_of_lane = Message.objects.filter(
        endpoint=OuterRef("endpoint"), stream=OuterRef("stream"), state=State.WAITING, position__lt=OuterRef("position")
    )
    rows = Message.objects.filter(endpoint__in=list(endpoints)).select_related("endpoint")
    rows = rows.annotate(is_behind=Exists(first_of_lane)).prefetch_related("attempts").order_by("-position", "-id")
    words = term.strip()
    if words.isascii() and words.isdigit() and len(words) < 19:  # digits of a bigint
        return rows.filter(position=int(words))
    if words.startswith("msg_"):
        return rows.filter(public_id=words)
    return rows.filter(stream=f"order/{words}") if words else rows


def older_than(rows: QuerySet[Message], message_id: str) -> QuerySet[Message]:
    """Those of `messages` that come after this one in their order; none when there is no such message among them."""
    here = rows.filter(public_id=message_id).first()
    if here is None:
        return rows.none()
    return rows.filter(Q(position__lt=here.position) | Q(position=here.position, pk__lt=here.pk))


def word_of(message: Message, now: datetime) -> str:
    """The key of a message's word; `is_behind` is annotated by `messages`."""
    if message.state != State.WAITING:
        return str(message.state)
    if message.sending_until is not None and message.sending_until > now:
        return "SENDING"
    if message.next_at is not None:
        return "RETRY" if message.tries and message.next_at > now else "DUE"
    return "HELD" if getattr(message, "is_behind", False) else "KEPT"
