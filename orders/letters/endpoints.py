"""Letters to whoever owns an account about its endpoints: the owners of a shop, or the person."""

from collections.abc import Collection, Mapping, Sequence
from functools import partial

from django.utils.translation import gettext as _
from django.utils.translation import ngettext

from notifications.letters.models import About, Channel
from notifications.letters.office import Draft
from notifications.letters.rendering import Words, page
from notifications.log import Heard
from notifications.webhooks import care
from notifications.webhooks.care import Failing
from orders.people import ShopStaff, User


def found_failing(refs: Collection[str]) -> Mapping[str, Failing | None]:
    """What is to be told of the endpoints with these public ids; None where one works again."""
    return {ref: care.failing(ref) for ref in refs}


def failing(event: Heard, found: Failing | None) -> Sequence[Draft]:
    """An endpoint has failed for an hour: to each owner in their language, by e-mail only."""
    if found is None:
        return []
    return [
        Draft(
            person=person.public_id, kind=event.type, about=About.SERVICE, language=person.language,
            say=partial(_failing, found), channels=(Channel.EMAIL,),
        )
        for person in owners_of(found.account)
    ]  # fmt: skip


def owners_of(account: str) -> list[User]:
    """The people behind a public id: a shop's owners, or the person with that id."""
    if not account.startswith("res_"):
        return list(User.objects.filter(public_id=account))
    staff = ShopStaff.objects.filter(shop__public_id=account, role=ShopStaff.Role.OWNER).select_related("user")
    return [one.user for one in staff]


def _failing(found: Failing, zone: str) -> Words:
    del zone
    subject = ngettext(
        "Your endpoint has failed for %(n)s hour", "Your endpoint has failed for %(n)s hours", found.hours
    ) % {"n": found.hours}
    lead = ngettext(
        "It does not take its messages. %(n)s message waits, it is not lost.",
        "It does not take its messages. %(n)s messages wait, none is lost.",
        found.waiting,
    ) % {"n": found.waiting}
    home = page("merchant:webhooks", found.account) if found.account.startswith("res_") else page("api:webhooks")
    return Words(
        subject=subject, lead=lead, more=[_("We keep trying, and stop after 5 days.")],
        facts=[(_("Endpoint"), found.url), (_("The last answer"), found.answer)],
        button=_("Everything about it, and every button"), url=home,
    )  # fmt: skip
