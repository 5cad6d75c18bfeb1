"""From words to what travels: a subject, a text, and for e-mail simple HTML; the office and the inbox page use it."""

from collections.abc import Sequence
from dataclasses import dataclass

from django.conf import settings
from django.template.loader import render_to_string
from django.urls import reverse
from django.utils.translation import get_language

from notifications.letters.models import Channel

LONGEST_SUBJECT = 120
LONGEST_NOTICE = 300  # characters; a push service takes 4,096 bytes, encryption and keys included
LONGEST_SMS = 300  # characters: a few parts of 70


@dataclass(frozen=True, slots=True)
class Words:
    """What one letter says, in the active language.

    `lead` is the one sentence that must arrive: push and SMS say only `subject` and `lead`. `facts` are pairs of a
    label and a value, `button` leads to `url`, `links` are further pairs of a label and an address. No secret, card
    key, phone number or address of a person in any of them.
    """

    subject: str
    lead: str
    more: Sequence[str] = ()
    facts: Sequence[tuple[str, str]] = ()
    button: str = ""
    url: str = ""
    links: Sequence[tuple[str, str]] = ()


@dataclass(frozen=True, slots=True)
class Footer:
    """Why one gets it, and how to get no more: a page of the account, or the link of a marketing letter."""

    settings_url: str = ""
    unsubscribe_url: str = ""


@dataclass(frozen=True, slots=True)
class Rendered:
    """What is frozen in a letter."""

    subject: str
    text: str
    html: str = ""


def render(channel: Channel, words: Words, footer: Footer) -> Rendered:
    """Freeze the words for one channel, in the active language."""
    subject = one_line(words.subject)[:LONGEST_SUBJECT]
    if channel == Channel.PUSH:
        return Rendered(subject, one_line(words.lead)[:LONGEST_NOTICE])
    if channel == Channel.SMS:
        return Rendered(subject, one_line(f"{words.lead} {words.url} {footer.unsubscribe_url}")[:LONGEST_SMS])
    facts = {"words": words, "subject": subject, "footer": footer, "language": get_language(), "home": page("home")}
    text = render_to_string("emails/letter.txt", facts).strip() + "\n"
    return Rendered(subject, text, render_to_string("emails/letter.html", facts))


def one_line(text: str) -> str:
    """One line, whatever stands in the name of a shop: a subject with a line break would be two headers."""
    return " ".join("".join(letter if letter.isprintable() else " " for letter in text).split())


def page(name: str, *arguments: object) -> str:
    """The whole address of one of our pages; `home` is the first."""
    return settings.PUBLIC_URL + ("/" if name == "home" else reverse(name, args=arguments))
