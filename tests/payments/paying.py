"""What tests of paying share: an order with an open attempt, people who press at the same moment, readers by hand."""

import threading
from collections.abc import Callable
from typing import Any

import httpx
from django.db import connection

from notifications.log import Heard
from notifications.models import Event
from payments import handlers
from payments.models import Attempt, InboxEntry, LedgerEntry, Refund
from payments.services import start_payment


def at_once(*works: Callable[[], Any]) -> list[Any]:
    """Run all at the same moment, each in its own thread; what one raises is its result."""
    barrier, results = threading.Barrier(len(works)), [None] * len(works)

    def run(index: int, work: Callable[[], Any]) -> None:
        try:
            barrier.wait(timeout=20)
            results[index] = work()
        except Exception as error:  # noqa: BLE001 - the test looks at it
            results[index] = error
        finally:
            connection.close()

    threads = [threading.Thread(target=run, args=pair) for pair in enumerate(works)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(timeout=60)
    return results


def start(order: Any, channel: str = "WECHAT") -> Attempt:
    return start_payment(order.public_id, channel=channel)


def deliver(door: str, channel: str, letter: tuple[dict[str, str], bytes]) -> httpx.Response:
    headers, body = letter
    return httpx.post(f"{door}/callbacks/{channel.lower()}", headers=headers, content=body, timeout=20, trust_env=False)


def hear(order: Any, *types: str) -> None:
    """Let payments hear the order's events, as the relay would."""
    for event in Event.objects.filter(stream=order.stream, type__in=types).order_by("version"):
        heard = Heard(
            event.version, event.stream, event.version, event.type, event.data, event.only, event.actor,
            event.account, event.at, "",
        )  # fmt: skip
        for handler in (handlers.refund_what_is_owed, handlers.close_what_is_open):
            if event.type in handler.hears:
                handler(heard)


def types_of(order: Any) -> list[str]:
    return list(Event.objects.filter(stream=order.stream).order_by("version").values_list("type", flat=True))


def fresh(thing: Any) -> Any:
    return type(thing).objects.get(pk=thing.pk)


def refunds_of(attempt: Attempt) -> list[Refund]:
    return list(Refund.objects.filter(attempt=attempt))


def booked(attempt: Attempt) -> dict[str, int]:
    """What the ledger says of the attempt's payment."""
    entry = LedgerEntry.objects.get(ref=f"payment:{attempt.public_id}")
    return dict(entry.postings.values_list("account__name", "amount_minor"))


def refused_letters() -> list[str]:
    return list(InboxEntry.objects.filter(verified=False).values_list("reject_reason", flat=True))
