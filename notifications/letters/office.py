"""From events to letters: a reader of the log that writes down what people are to be told, by which channel.

It opens no envelope itself: config/letters.py hands it the builders. The reader's cursor and the letters share one
transaction, and one event makes one letter for a person, channel and device, so nothing is written twice.
"""

from collections import defaultdict
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Any, Generic, NamedTuple, Protocol, TypeVar

from django.conf import settings
from django.db import transaction
from django.utils import translation

from config.ground import clock
from notifications.letters import preferences, rendering
from notifications.letters.models import About, Channel, Letter, Preferences, PushSubscription
from notifications.letters.rendering import Words
from notifications.log import Heard

READER = "letters"  # its name in config/events.py
STALE = timedelta(hours=24)  # what is older is no news: a new reader starts at the beginning of the log


class Say(Protocol):
    """Finds the words; called with the person's language active, told in which zone they read the clock."""

    def __call__(self, zone: str) -> Words:
        """The words."""


@dataclass(frozen=True, slots=True)
class Draft:
    """A letter that one event makes for one person; `channels` are the ways that fit it at all.

    `matters` also sends an SMS where no other way reaches the person, which is every guest.
    """

    person: str
    kind: str
    about: About
    language: str
    say: Say
    channels: Sequence[Channel] = (Channel.EMAIL, Channel.PUSH, Channel.SMS)
    matters: bool = False


class Directory(Protocol):
    """Knows where people are reached; the app that knows people is it."""

    def address_of(self, person: str, channel: str) -> str:
        """An e-mail address or a phone number in clear, for sending now; empty: there is none."""

    def reached(self, persons: Collection[str]) -> Mapping[str, Collection[str]]:
        """Person → the channels by which there is such an address, without opening one; who has none may be absent."""


S = TypeVar("S")


@dataclass(frozen=True, slots=True)
class Build(Generic[S]):
    """How one type of event becomes letters.

    `find` fetches what events are about by the public ids in their streams' names, once for all that are heard
    together; `drafts` is handed that of its event.
    """

    find: Callable[[Collection[str]], Mapping[str, S]]
    drafts: Callable[[Heard, S], Sequence[Draft]]


class Due(NamedTuple):
    """A draft, and the event that causes it."""

    draft: Draft
    stream: str
    position: int


@dataclass(frozen=True, slots=True)
class _Known:
    """What is asked about people before they are written to: what they chose, how they are reached, their browsers."""

    chosen: Mapping[str, Preferences]
    reached: Mapping[str, Collection[str]]
    browsers: Mapping[str, Sequence[str]]

    def ways(self, draft: Draft) -> list[tuple[Channel, str]]:
        """Each channel that reaches the person and is wanted, a push once for each browser."""
        chosen = self.chosen[draft.person]
        wanted = [channel for channel in draft.channels if preferences.wants(chosen, draft.about, channel)]
        ways = [(channel, device) for channel in wanted for device in self._devices(draft.person, channel)]
        if draft.matters and not ways:
            ways = [(Channel.SMS, device) for device in self._devices(draft.person, Channel.SMS)]
        return ways

    def _devices(self, person: str, channel: Channel) -> Sequence[str]:
        """Where a channel leads: browsers, or one place without a name; empty when it does not reach the person."""
        if channel == Channel.PUSH:
            return self.browsers.get(person, ())
        return ("",) if channel in self.reached.get(person, ()) else ()


@dataclass(frozen=True)
class Office:
    """The reader, and what the sender asks before a letter goes out.

    `still` says for a kind whether it is still true when its letter is due (it may have been held for hours).
    """

    letters: Mapping[str, Build[Any]]
    directory: Directory
    still: Mapping[str, Callable[[Letter], bool]] = field(default_factory=dict)
    wake: Callable[[], None] = lambda: None

    @property
    def hears(self) -> frozenset[str]:
        """The types that make letters; the log's reader passes over the others."""
        return frozenset(self.letters)

    def __call__(self, event: Heard) -> None:
        """Write the letters of one event; the caller's transaction also moves the cursor."""
        self.hear_all([event])

    def hear_all(self, events: Sequence[Heard]) -> None:
        """Write the letters of several events by as many questions as for one.

        No lock is waited for, so they may share a transaction.
        """
        oldest = clock.now() - STALE
        news = [event for event in events if event.at >= oldest]
        wanted = defaultdict(set)
        for event in news:
            wanted[self.letters[event.type].find].add(event.ref)
        found = {find: find(refs) for find, refs in wanted.items()}
        due = []
        for event in news:
            build = self.letters[event.type]
            drafts = build.drafts(event, found[build.find][event.ref])
            due += [Due(draft, event.stream, event.position) for draft in drafts]
        self.write(due)

    def write(self, due: Sequence[Due]) -> int:
        """Write each draft for each way that reaches its person and is wanted; returns how many letters."""
        known = self._known({one.draft.person for one in due})
        told = _told({one.position for one in due})
        letters = []
        for one in due:
            draft, chosen = one.draft, known.chosen[one.draft.person]
            cause = (one.position, draft.person, draft.kind)
            letters += self._letters(one, [way for way in known.ways(draft) if (*cause, *way) not in told], chosen)
        if letters:
            Letter.objects.bulk_create(letters, ignore_conflicts=True)
            transaction.on_commit(self.wake, robust=True)
        return len(letters)

    def _known(self, persons: Collection[str]) -> _Known:
        browsers = defaultdict(list)
        if settings.PUSH:
            rows = PushSubscription.objects.filter(account__in=persons).order_by("pk")
            for account, browser in rows.values_list("account", "public_id"):
                browsers[account].append(browser)
        return _Known(preferences.of_all(persons), self.directory.reached(persons), browsers)

    def _letters(self, due: Due, ways: Sequence[tuple[Channel, str]], chosen: Preferences) -> list[Letter]:
        """One draft in its person's language, for each of these ways."""
        draft, now = due.draft, clock.now()
        if not ways:
            return []
        with translation.override(draft.language):
            words = draft.say(chosen.zone)
            footer = self._footer(draft)
            rendered = {channel: rendering.render(channel, words, footer) for channel, _browser in ways}
        next_at = preferences.quiet_until(chosen, now) if draft.about == About.MARKETING else now
        return [
            Letter(
                person=draft.person, channel=channel, kind=draft.kind, about=draft.about, stream=due.stream,
                position=due.position, device=browser, language=draft.language, next_at=next_at, created_at=now,
                subject=rendered[channel].subject, text=rendered[channel].text, html=rendered[channel].html,
                link=words.url,
            )
            for channel, browser in ways
        ]  # fmt: skip

    @staticmethod
    def _footer(draft: Draft) -> rendering.Footer:
        if draft.about != About.MARKETING:
            return rendering.Footer(settings_url=rendering.page("account:letters"))
        token = preferences.unsubscribe_token(draft.person)
        return rendering.Footer(unsubscribe_url=rendering.page("account:unsubscribe", token))


def _told(positions: Collection[int]) -> set[tuple[Any, ...]]:
    """What these events were written as before; a replay need not find the words again."""
    rows = Letter.objects.filter(position__in=positions)
    return set(rows.values_list("position", "person", "kind", "channel", "device"))
