"""From events to letters: a reader of the log that writes down what people are to be told, by which channel.

It opens no envelope itself: config/letters.py hands it the builders. The reader's cursor and the letters share one
transaction, and one event makes one letter for a person, channel and device, so nothing is written twice.
"""

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Protocol

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

    def reaches(self, person: str, channel: str) -> bool:
        """Whether there is such an address, without opening it."""


Build = Callable[[Heard], Sequence[Draft]]


@dataclass(frozen=True)
class Office:
    """The reader, and what the sender asks before a letter goes out.

    `still` says for a kind whether it is still true when its letter is due (it may have been held for hours).
    """

    letters: Mapping[str, Build]
    directory: Directory
    still: Mapping[str, Callable[[Letter], bool]] = field(default_factory=dict)
    wake: Callable[[], None] = lambda: None

    @property
    def hears(self) -> frozenset[str]:
        """The types that make letters; the log's reader passes over the others."""
        return frozenset(self.letters)

    def __call__(self, event: Heard) -> None:
        """Write the letters of one event; the caller's transaction also moves the cursor."""
        if event.at < clock.now() - STALE:
            return
        for draft in self.letters[event.type](event):
            self.write(draft, event.stream, event.position)

    def hear_all(self, events: Sequence[Heard]) -> None:
        """Write the letters of several events; no lock is waited for, so they may share a transaction."""
        for event in events:
            self(event)

    def write(self, draft: Draft, stream: str, position: int) -> int:
        """Write one draft for each way that reaches its person and is wanted; returns how many letters."""
        chosen = preferences.of(draft.person)
        ways = list(self._ways(draft, chosen))
        if ways:
            written = Letter.objects.filter(position=position, person=draft.person, kind=draft.kind)
            known = set(written.values_list("channel", "device"))
            ways = [way for way in ways if way not in known]
        if not ways:
            return 0
        with translation.override(draft.language):
            words = draft.say(chosen.zone)
            footer = self._footer(draft)
            rendered = {channel: rendering.render(channel, words, footer) for channel, _device in ways}
        due = preferences.quiet_until(chosen, clock.now()) if draft.about == About.MARKETING else clock.now()
        made = Letter.objects.bulk_create(
            [
                Letter(
                    person=draft.person, channel=channel, kind=draft.kind, about=draft.about, stream=stream,
                    position=position, device=device, language=draft.language, next_at=due, created_at=clock.now(),
                    subject=rendered[channel].subject, text=rendered[channel].text, html=rendered[channel].html,
                    link=words.url,
                )
                for channel, device in ways
            ],
            ignore_conflicts=True,
        )  # fmt: skip
        transaction.on_commit(self.wake, robust=True)
        return len(made)

    def _ways(self, draft: Draft, chosen: Preferences) -> Iterator[tuple[Channel, str]]:
        """Each channel that reaches the person and is wanted, a push once for each browser."""
        reached = False
        for channel in draft.channels:
            if not preferences.wants(chosen, draft.about, channel):
                continue
            if channel == Channel.PUSH:
                devices = self._devices(draft.person)
                yield from ((channel, device) for device in devices)
                reached = reached or bool(devices)
            elif self.directory.reaches(draft.person, channel):
                yield channel, ""
                reached = True
        if draft.matters and not reached and self.directory.reaches(draft.person, Channel.SMS):
            yield Channel.SMS, ""

    @staticmethod
    def _devices(person: str) -> list[str]:
        if not settings.PUSH:
            return []
        return list(PushSubscription.objects.filter(account=person).order_by("pk").values_list("public_id", flat=True))

    @staticmethod
    def _footer(draft: Draft) -> rendering.Footer:
        if draft.about != About.MARKETING:
            return rendering.Footer(settings_url=rendering.page("account:letters"))
        token = preferences.unsubscribe_token(draft.person)
        return rendering.Footer(unsubscribe_url=rendering.page("account:unsubscribe", token))
