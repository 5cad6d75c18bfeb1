"""What can happen to an endpoint, one function each: pages, REST, admin and the sender call them.

Whatever a person does is told in the log (`webhook.…`, stream `webhook/ep_…`) with who did it, and so is what
happens by itself; the address and the secret are in no event. A secret leaves this module once, when it is made.
"""

from collections.abc import Callable
from datetime import timedelta
from typing import Any, NamedTuple

from django.db import connection, transaction
from django.utils.translation import gettext_lazy as _

from config.ground import clock, vault
from config.ground.problems import Refusal
from notifications import log
from notifications.outside import judging, signing
from notifications.webhooks import hosts, lanes
from notifications.webhooks.models import Circuit, Endpoint, RegisteredHost

State = Endpoint.State
MOST = 20  # endpoints of one account
LOCK = 0x3EB_0001  # advisory, with the account: who gives it an address
LONGEST_OVERLAP = timedelta(days=7)
DISABLED = frozenset({State.GONE, State.STOPPED})


class EndpointUnknown(Refusal):
    """There is none, or it is somebody else's: the same answer."""

    code = "not_found"
    status = 404
    message = _("There is no such endpoint.")


class EndpointThere(Refusal):
    """The account has that address already."""

    code = "webhook_exists"
    status = 409
    message = _("This address is registered already.")


class TooManyEndpoints(Refusal):
    """Enough is enough."""

    code = "webhook_too_many"
    status = 409
    message = _("One account can have {n} endpoints. Remove one first.")


class SecretChanged(Refusal):
    """Somebody made a new secret meanwhile, or this form was sent twice."""

    code = "webhook_secret_changed"
    status = 409
    message = _("A new secret was made meanwhile. Nothing was changed; make another one if you do not have it.")


class NotInThisState(Refusal):
    """It is no longer (or not yet) where this could be done."""

    code = "webhook_wrong_moment"
    status = 409
    message = _("Not done: the endpoint is in another state by now. Look again and decide.")


class By(NamedTuple):
    """Who does it: `role` and `account` as the log names them."""

    role: str
    account: str = ""


SYSTEM = By("system")


@transaction.atomic
def add(account: str, topic: str, url: str, *, hears_all: bool = True, by: By) -> tuple[Endpoint, str]:
    """Register an address and ask it to prove itself; returns it with its secret, which is never shown again.

    Refuses with `webhook_url_invalid`, `webhook_private`, `webhook_exists` or `webhook_too_many`.
    """
    host = hosts.check_endpoint(url)
    _one_at_a_time(account)
    mine = Endpoint.objects.filter(account=account).exclude(state=State.REMOVED)
    if mine.filter(url=url).exists():
        raise EndpointThere(field="url")
    if mine.count() >= MOST:
        raise TooManyEndpoints(n=MOST)
    endpoint = Endpoint(account=account, topic=topic, url=url, host=host, hears_all=hears_all, challenge_at=clock.now())
    secret = _give_secret(endpoint)
    endpoint.save()
    Circuit.objects.get_or_create(host=host)
    tell(endpoint, "webhook.added", by, host=host)
    return endpoint, secret


@transaction.atomic
def change_url(endpoint_id: str, url: str, *, by: By) -> Endpoint:
    """Move it to another address, which has to prove itself before anything is sent there; what waits goes there."""
    endpoint = found(endpoint_id)
    host = hosts.check_endpoint(url)
    if url == endpoint.url:
        return endpoint
    _one_at_a_time(endpoint.account)
    if Endpoint.objects.filter(account=endpoint.account, url=url).exclude(state=State.REMOVED).exists():
        raise EndpointThere(field="url")
    before = endpoint.host
    endpoint.url, endpoint.host, endpoint.state = url, host, State.UNPROVED
    endpoint.challenge_at, endpoint.challenge_error = clock.now(), ""
    _forget_failures(endpoint)
    endpoint.save()
    Circuit.objects.get_or_create(host=host)
    lanes.stop(endpoint)
    endpoint.messages.filter(url="", state="WAITING").update(host=host)
    _forget_host(endpoint.account, before)
    tell(endpoint, "webhook.changed", by, host=host)
    return endpoint


@transaction.atomic
def challenge(endpoint_id: str, *, by: By) -> Endpoint:
    """Ask the address to prove itself (again); the sender does so within a second."""
    endpoint = found(endpoint_id)
    if endpoint.state != State.UNPROVED:
        raise NotInThisState
    endpoint.challenge_at, endpoint.challenge_error = clock.now(), ""
    endpoint.save(update_fields=["challenge_at", "challenge_error"])
    tell(endpoint, "webhook.challenged", by)
    return endpoint


@transaction.atomic
def answer_challenge(pk: int, asked_url: str, error: str) -> None:
    """What the challenge came to: `error` empty, and it works from now on. An address left meanwhile proves nothing."""
    endpoint = lanes.locked(pk)
    if endpoint.state != State.UNPROVED or endpoint.url != asked_url:
        return
    endpoint.challenge_at, endpoint.challenge_error = None, error[:200]
    if not error:
        endpoint.state, endpoint.proved_at = State.WORKING, clock.now()
        RegisteredHost.objects.get_or_create(account=endpoint.account, host=endpoint.host)
        Circuit.objects.filter(host=endpoint.host).update(failures=0, openings=0, open_until=None)
    endpoint.save()
    if not error:
        lanes.start(endpoint)
    tell(endpoint, "webhook.unproved" if error else "webhook.proved", SYSTEM)


@transaction.atomic
def pause(endpoint_id: str, *, by: By) -> Endpoint:
    """Send nothing until it is resumed; messages keep waiting."""
    endpoint = found(endpoint_id)
    if endpoint.state != State.WORKING:
        raise NotInThisState
    endpoint.state = State.PAUSED
    endpoint.save(update_fields=["state"])
    lanes.stop(endpoint)
    tell(endpoint, "webhook.paused", by)
    return endpoint


@transaction.atomic
def resume(endpoint_id: str, *, by: By) -> Endpoint:
    """Go on where it stopped. One that was disabled has to prove itself again first."""
    endpoint = found(endpoint_id)
    if endpoint.state == State.PAUSED:
        endpoint.state = State.WORKING
    elif endpoint.state in DISABLED:
        endpoint.state, endpoint.challenge_at, endpoint.challenge_error = State.UNPROVED, clock.now(), ""
    else:
        raise NotInThisState
    _forget_failures(endpoint)
    endpoint.save()
    if endpoint.is_working:
        lanes.start(endpoint)
    tell(endpoint, "webhook.resumed", by)
    return endpoint


@transaction.atomic
def remove(endpoint_id: str, *, by: By) -> None:
    """Take it away with what still waits; its host may no longer be named by orders unless another endpoint has it."""
    endpoint = found(endpoint_id)
    endpoint.state, endpoint.challenge_at = State.REMOVED, None
    endpoint.secret_sealed, endpoint.old_secret_sealed, endpoint.old_signs_until = b"", b"", None
    endpoint.save()
    now = clock.now()
    waiting = endpoint.messages.filter(state="WAITING")
    dropped = waiting.update(state="GIVEN_UP", next_at=None, sending_until=None, settled_at=now)
    endpoint.replays.filter(ended_at=None).update(ended_at=now)
    _forget_host(endpoint.account, endpoint.host)
    tell(endpoint, "webhook.removed", by, dropped=dropped)


@transaction.atomic
def rotate(endpoint_id: str, *, overlap: timedelta, count: int, by: By) -> tuple[Endpoint, str]:
    """Make a new secret; the old one also signs for so long. `count` is the number of the secret being replaced.

    Returns the endpoint and the new secret, which is never shown again. Refuses with `webhook_secret_changed` when
    another one was made since, so that a form sent twice replaces once.
    """
    endpoint = found(endpoint_id)
    if endpoint.secret_count != count:
        raise SecretChanged
    endpoint.old_secret_sealed = bytes(endpoint.secret_sealed) if overlap else b""
    endpoint.old_signs_until = clock.now() + min(overlap, LONGEST_OVERLAP) if overlap else None
    endpoint.secret_count += 1
    secret = _give_secret(endpoint)
    endpoint.save()
    tell(endpoint, "webhook.secret_rotated", by)
    return endpoint, secret


def signer_for(account: str, url: str) -> Endpoint | None:
    """Whose secret signs what one order of this account asked to be told at `url`; None: its host is not registered.

    That very address if it is an endpoint, else the account's oldest endpoint on that host. A host that support
    registered by hand gets an endpoint that only signs.
    """
    host = judging.judge(url).host
    if not RegisteredHost.objects.filter(account=account, host=host).exists():
        return None
    if known := _proved_at(account, host, url):
        return known
    _one_at_a_time(account)
    if known := _proved_at(account, host, url):
        return known
    scheme = url.partition("://")[0]
    endpoint = Endpoint(
        account=account, topic=f"customer/{account}", url=f"{scheme}://{host}/", host=host, hears_all=False,
        state=State.WORKING, proved_at=clock.now(),
    )  # fmt: skip
    _give_secret(endpoint)
    endpoint.save()
    Circuit.objects.get_or_create(host=host)
    return endpoint


def found(endpoint_id: str) -> Endpoint:
    """The endpoint, locked. Raises EndpointUnknown."""
    rows = Endpoint.objects.select_for_update(no_key=True).exclude(state=State.REMOVED)
    endpoint = rows.filter(public_id=endpoint_id).first()
    if endpoint is None:
        raise EndpointUnknown
    return endpoint


def tell(endpoint: Endpoint, kind: str, by: By, **facts: Any) -> None:
    """Append what happened to the log; the caller holds the endpoint's lock."""
    endpoint.version += 1
    endpoint.save(update_fields=["version"])
    log.append(
        log.Envelope(
            stream=endpoint.stream,
            version=endpoint.version,
            type=kind,
            data={"state": endpoint.state, **facts},
            topics=(f"webhooks/{endpoint.account}",),
            actor=by.role,
            account=by.account,
        )
    )


def _proved_at(account: str, host: str, url: str) -> Endpoint | None:
    mine = Endpoint.objects.filter(account=account, host=host, proved_at__isnull=False).exclude(state=State.REMOVED)
    known = list(mine.order_by("id"))
    return next((one for one in known if one.url == url), known[0] if known else None)


def _one_at_a_time(account: str) -> None:
    """Let nobody else give this account an address until the transaction ends: two at once would both count too few."""
    with connection.cursor() as cursor:
        cursor.execute("SELECT pg_advisory_xact_lock(%s, hashtext(%s))", [LOCK, account])


def _give_secret(endpoint: Endpoint, make: Callable[[], str] = signing.new_secret) -> str:
    secret = make()
    endpoint.secret_sealed = vault.seal(secret, Endpoint.secret_place(endpoint.public_id))
    endpoint.secret_tail = secret.rstrip("=")[-3:]
    return secret


def _forget_failures(endpoint: Endpoint) -> None:
    endpoint.failing_since, endpoint.failures, endpoint.told_at, endpoint.last_answer = None, 0, None, ""


def _forget_host(account: str, host: str) -> None:
    """The account gave the host up, unless another proved endpoint of its own is there."""
    others = Endpoint.objects.filter(account=account, host=host, proved_at__isnull=False)
    if not others.exclude(state__in=[State.REMOVED, State.UNPROVED]).exists():
        RegisteredHost.objects.filter(account=account, host=host).delete()
