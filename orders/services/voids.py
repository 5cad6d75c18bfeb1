"""Taking keys out of sale: one, a list, a whole batch. Recorded with who and why; called by the shop's key pages.

A reserved key is taken too: its order gets another one when it is paid, or its money back. A key that is with its
buyer already stays theirs; support replaces it (orders/services/replace.py).
"""

from collections.abc import Iterable

from django.db import transaction
from django.db.models import QuerySet
from django.utils.translation import gettext_lazy as _

from config.ground import clock
from config.ground.problems import Refusal
from orders.actors import Actor
from orders.services.keyfile import path_of
from orders.services.pools import tell_pool
from orders.services.refusals import Required
from orders.stock.imports import KeyImport
from orders.stock.masking import masked, without_keys
from orders.stock.models import Key, KeyPool, KeyVoiding

Kind = KeyVoiding.Kind
State = Key.State
MOST = 10_000  # keys in one list; more than that is a batch
UNSOLD = (State.AVAILABLE, State.RESERVED)


class NothingToVoid(Refusal):
    """None of them is unsold in this pool."""

    code = "nothing_to_void"
    status = 422
    message = _("None of these is for sale in this pool: never imported, with a buyer, or void already.")


class ListTooLong(Refusal):
    """More than MOST."""

    code = "list_too_long"
    status = 422
    message = _("{n} keys are too many for one list; {most} at most. Make the whole batch void instead.")


def void_texts(pool: KeyPool, texts: Iterable[str], *, reason: str, actor: Actor) -> KeyVoiding:
    """Take the keys with these texts out of the pool.

    The shop pastes the keys it means: nobody can list keys, so nobody can pick them from a list. Raises NothingToVoid,
    ListTooLong, Required (no reason).
    """
    wanted = {text.strip() for text in texts} - {""}
    if not wanted:
        raise Required(field="keys")
    if len(wanted) > MOST:
        raise ListTooLong(field="keys", n=f"{len(wanted):,}", most=f"{MOST:,}")
    why = without_keys(_without(wanted, _sentence(reason)), pool.shop_id)
    with transaction.atomic():
        marks = [pool.mark(text) for text in wanted]
        rows = list(_locked(pool).filter(fingerprint__in=marks).values_list("pk", "state"))
        kind = Kind.ONE if len(wanted) == 1 else Kind.LIST
        made = _void(pool, rows, kind, why, actor)
    tell_pool(pool)
    return made


def void_batch(batch: KeyImport, *, reason: str, actor: Actor) -> KeyVoiding:
    """Take every unsold key of one file out of its pool, and end its import if that still runs.

    Raises NothingToVoid, Required (no reason).
    """
    why = without_keys(_sentence(reason), batch.pool.shop_id)
    with transaction.atomic():
        running = KeyImport.objects.select_for_update(no_key=True).filter(pk=batch.pk)
        running.filter(state__in=[KeyImport.State.WAITING, KeyImport.State.RUNNING]).update(
            state=KeyImport.State.STOPPED, ended_at=clock.now()
        )
        rows = list(_locked(batch.pool).filter(batch=batch).values_list("pk", "state"))
        made = _void(batch.pool, rows, Kind.BATCH, why, actor, batch)
    path_of(batch).unlink(missing_ok=True)
    tell_pool(batch.pool)
    return made


def _locked(pool: KeyPool) -> QuerySet[Key]:
    """The pool's keys, locked in their order; what is asked of it narrows that."""
    return Key.objects.select_for_update(no_key=True).filter(pool=pool).order_by("pk")


def _void(
    pool: KeyPool, rows: list[tuple[int, str]], kind: Kind, reason: str, actor: Actor, batch: KeyImport | None = None
) -> KeyVoiding:
    unsold = [key for key, state in rows if state in UNSOLD]
    if not unsold:
        raise NothingToVoid(field="keys")
    kept = sum(state == State.USED for _key, state in rows)
    made = KeyVoiding.objects.create(
        pool=pool, kind=kind, batch=batch, count=len(unsold), kept=kept, reason=reason, by=actor.account
    )
    Key.objects.filter(pk__in=unsold).update(state=State.VOID, voiding=made)
    return made


def _sentence(reason: str) -> str:
    sentence = " ".join(reason.split())[:200]
    if not sentence:
        raise Required(field="reason")
    return sentence


def _without(texts: Iterable[str], sentence: str) -> str:
    """The reason, should somebody have pasted a key into it, without the key."""
    for text in texts:
        sentence = sentence.replace(text, masked(text))
    return sentence
