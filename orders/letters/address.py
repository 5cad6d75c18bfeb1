"""An e-mail address is asked for on the letters page and confirmed from its own mailbox; until then it gets no letter.

The link is bound to the account and the address and can do this one thing. No account learns whether an address is
another's: nothing here looks for it, and two accounts may have the same.
"""

from collections.abc import Collection, Mapping, Sequence
from enum import Enum

from django.core import signing
from django.db import transaction
from django.utils.crypto import constant_time_compare
from django.utils.translation import gettext as _

from config.ground import vault
from config.ground.limits import Limit, hold
from notifications import log
from notifications.letters.models import ASKED, About, Channel, Letter
from notifications.letters.office import Draft
from notifications.letters.rendering import Words, page
from notifications.log import Heard
from orders.people import User

KIND = "account.email_asked"
SALT = "account.email"
HOURS = 48  # how long a link counts
PACE = Limit(0.1, 3)  # three letters at once, then one in ten minutes: nobody's mailbox is filled from here


class Link(Enum):
    """What a link that we signed can still do."""

    READY = "ready"  # a press confirms the address
    DONE = "done"  # it is confirmed already
    OLD = "old"  # too old, or another address was asked for since


@transaction.atomic
def ask(user: User, typed: str) -> bool:
    """Take an address from the page; whether a letter goes there to confirm it. Raises TooMany.

    The confirmed one stays until the new one is confirmed; an empty text removes both.
    """
    row = _locked(user)
    if typed == (row.email_asked or row.email):
        return False
    is_new = typed not in {"", row.email}
    row.email_asked = typed if is_new else ""
    row.email = row.email if typed else ""
    row.save(update_fields=["email", "email_asked"])
    if is_new:
        _tell_asked(row)
    return is_new


@transaction.atomic
def ask_again(user: User) -> bool:
    """Write to the address that waits once more; whether one waits. Raises TooMany."""
    row = _locked(user)
    if row.email_asked:
        _tell_asked(row)
    return bool(row.email_asked)


def look(token: str) -> Link | None:
    """What a link can do; None when we never signed it."""
    return _judge(token)[0]


@transaction.atomic
def confirm(token: str) -> Link | None:
    """Confirm the address that the link was sent to; what `look` would say afterwards."""
    found, user = _judge(token, lock=True)
    if found is not Link.READY or user is None:
        return found
    user.email, user.email_asked = user.email_asked, ""
    user.save(update_fields=["email", "email_asked"])
    _tell(user, "account.email_confirmed")
    return Link.DONE


def token_of(user: User) -> str:
    """What stands in the link to the address that waits; the address itself is not in it."""
    return signing.dumps([user.public_id, _mark(user, user.email_asked)], salt=SALT)


def waiting(refs: Collection[str]) -> Mapping[str, User | None]:
    """The accounts with these public ids; None where no address waits any more."""
    users = User.objects.filter(public_id__in=refs, is_active=True).exclude(email_asked="")
    return dict.fromkeys(refs) | {user.public_id: user for user in users}


def asked(event: Heard, user: User | None) -> Sequence[Draft]:
    """The letter to the address that waits, and to no other."""
    if user is None:
        return []
    link = page("account:email", token_of(user))
    return [
        Draft(
            person=ASKED + user.public_id, kind=event.type, about=About.SERVICE, language=user.language,
            say=lambda zone: _words(link, zone), channels=(Channel.EMAIL,),
        )
    ]  # fmt: skip


def is_still_asked(letter: Letter) -> bool:
    """Whether its link still confirms the address that waits now; another may have been asked for since."""
    return look(letter.link.rstrip("/").rpartition("/")[2]) is Link.READY


def _words(link: str, zone: str) -> Words:
    del zone
    return Words(
        subject=_("Confirm your e-mail address"),
        lead=_("Somebody with an account at Lockstep gave this address for their letters."),
        more=[
            _("If that was you, open the page and press the button. The link counts for %(n)s hours.") % {"n": HOURS},
            _("If it was not you, do nothing: no other letter comes here."),
        ],
        button=_("Confirm this address"), url=link,
    )  # fmt: skip


def _judge(token: str, *, lock: bool = False) -> tuple[Link | None, User | None]:
    try:
        account, mark = signing.loads(token, salt=SALT, max_age=HOURS * 3_600)
    except signing.SignatureExpired:
        return Link.OLD, None
    except (signing.BadSignature, ValueError, TypeError):
        return None, None
    rows = User.objects.select_for_update(no_key=True) if lock else User.objects
    user = rows.filter(public_id=account, is_active=True).first()
    if user is None:
        return Link.OLD, None
    for address, found in ((user.email_asked, Link.READY), (user.email, Link.DONE)):
        if address and constant_time_compare(mark, _mark(user, address)):
            return found, user
    return Link.OLD, user


def _mark(user: User, address: str) -> str:
    return vault.fingerprint(address, f"email|{user.public_id}").hex()[:32]


def _locked(user: User) -> User:
    return User.objects.select_for_update(no_key=True).get(pk=user.pk)


def _tell_asked(user: User) -> None:
    hold(f"email:{user.public_id}", PACE)
    _tell(user, KIND)


def _tell(user: User, kind: str) -> None:
    """Append it; the caller holds the account's row. No address is in it."""
    user.version += 1
    user.save(update_fields=["version"])
    log.append(
        log.Envelope(
            stream=user.stream, version=user.version, type=kind, actor="customer", account=user.public_id,
        )
    )  # fmt: skip
