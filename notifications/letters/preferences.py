"""Who wants which letters by which channel; the pages of orders/account, the writer and the sender ask.

Marketing needs a consent that was given explicitly; it is kept with its time and the version of its wording. The
link that takes it back works without signing in: the signature is the whole authority, and all it can do is say no.
"""

from collections.abc import Collection, Iterable, Mapping
from datetime import datetime, time
from zoneinfo import ZoneInfo

from django.core import signing
from django.db import transaction
from django.db.models import OuterRef, QuerySet, Subquery

from config.ground import clock
from notifications.letters.models import About, Channel, Consent, Preferences
from notifications.letters.quiet import held_until

WORDING = "2026-11"  # of the sentence beside the box on the preferences page; a new sentence gets a new version
DEFAULTS: Mapping[str, tuple[str, ...]] = {
    About.ORDER: (Channel.EMAIL, Channel.PUSH),
    About.REFUND: (Channel.EMAIL, Channel.PUSH),
    About.MARKETING: (Channel.EMAIL,),
}
SALT = "letters.unsubscribe"


def of(account: str) -> Preferences:
    """The preferences of an account, the defaults when it never chose."""
    return of_all([account])[account]


def of_all(accounts: Collection[str]) -> dict[str, Preferences]:
    """Account → its preferences, for each of them."""
    return {account: Preferences(account=account) for account in accounts} | Preferences.objects.in_bulk(accounts)


def wants(found: Preferences, about: str, channel: str) -> bool:
    """Whether these preferences let a letter about this go by this channel. Consent is asked for apart."""
    return about == About.SERVICE or channel in found.choices.get(about, DEFAULTS[about])


def save(
    account: str, choices: Mapping[str, Iterable[str]], *, zone: str, quiet: tuple[time, time], marketing: bool
) -> Preferences:
    """Keep what the person chose on the page. A changed answer to marketing is kept as a consent of its own."""
    kept = {str(about): [str(one) for one in channels] for about, channels in choices.items()}
    with transaction.atomic():
        found, _new = Preferences.objects.update_or_create(
            account=account,
            defaults={
                "choices": kept, "zone": zone, "quiet_from": quiet[0], "quiet_to": quiet[1], "saved_at": clock.now()
            },
        )  # fmt: skip
        say(account, given=marketing, how="page")
    return found


def say(account: str, *, given: bool, how: str) -> bool:
    """Keep a yes or no to marketing; whether it changed anything."""
    if has_consent(account) == given:
        return False
    Consent.objects.create(account=account, given=given, wording=WORDING, how=how)
    return True


def has_consent(account: str) -> bool:
    """Whether the account's last word on marketing was yes."""
    last = Consent.objects.filter(account=account).order_by("-id").values_list("given", flat=True).first()
    return bool(last)


def last_consent(account: str) -> Consent | None:
    """The last word on marketing, for the page."""
    return Consent.objects.filter(account=account).order_by("-id").first()


def consenting() -> QuerySet[Consent, str]:
    """The accounts whose last word on marketing was yes."""
    newest = Consent.objects.filter(account=OuterRef("account")).order_by("-id").values("pk")[:1]
    return Consent.objects.filter(pk=Subquery(newest), given=True).values_list("account", flat=True)


def quiet_until(found: Preferences, at: datetime) -> datetime:
    """When a marketing letter may go at the earliest: `at`, or the end of the quiet hours."""
    return held_until(at, found.quiet_from, found.quiet_to, ZoneInfo(found.zone))


class _Timeless(signing.TimestampSigner):
    """Signs without the moment, so that the link in a letter's text and the one in its headers are the same."""

    def timestamp(self) -> str:
        """No moment: nobody asks how old it is."""
        return "0"


def unsubscribe_token(account: str) -> str:
    """What stands in the link at the end of a marketing letter; an account's is always the same."""
    return _Timeless(salt=SALT).sign_object(account)


def account_of(token: str) -> str | None:
    """Whose token it is; None for a forged one. It never runs out: old letters must be able to say no."""
    try:
        found = signing.loads(token, salt=SALT)
    except signing.BadSignature:
        return None
    return found if isinstance(found, str) else None
