"""Everything that is said to a gateway about a payment, and nothing else: no database, so no transaction waits for it.

services/ and the clock's rounds call it, then write down what was heard. Many questions go side by side.
"""

import logging
from collections.abc import Callable, Mapping
from concurrent.futures import ThreadPoolExecutor, wait
from typing import NamedTuple, TypeVar

from django.conf import settings
from django.db import connection
from django.urls import reverse

from payments.gateways import GATEWAYS, notify_url
from payments.gateways.base import Create, Created, GatewayError, Seen
from payments.models import Attempt

THREADS = 16
Answer = TypeVar("Answer")

logger = logging.getLogger(__name__)


class Heard(NamedTuple):
    """What came of a question: what the gateway says, that it closed the payment, or why nobody knows."""

    seen: Seen | None = None
    was_closed: bool = False
    error: str = ""


def let_go() -> None:
    """Give this thread's database connection up before a gateway is asked: others need it while we wait.

    Called by whoever asks on a person's behalf, never inside a transaction and never while holding a session's lock.
    """
    if not connection.in_atomic_block:
        connection.close()


def create(attempt: Attempt) -> Created:
    """Open the payment at its gateway; the same number again is the same payment. Raises GatewayError."""
    order = attempt.order
    back = reverse("payments:pay", args=[order.public_id])
    return GATEWAYS[attempt.channel].create(  # type: ignore[index]
        Create(
            out_trade_no=attempt.out_trade_no,
            amount_minor=attempt.amount_minor,
            currency=attempt.currency,
            subject=f"{order.shop.name} #{order.number}",
            expires_at=attempt.gateway_expires_at,
            notify_url=notify_url(attempt.channel),  # type: ignore[arg-type]
            return_url=f"{settings.PUBLIC_URL}{back}",
            form=attempt.form,  # type: ignore[arg-type]
            client_ip=attempt.client_ip or "",
            payer=attempt.payer,
        )
    )


def query(attempt: Attempt) -> Heard:
    """Ask what happened."""
    try:
        return Heard(seen=GATEWAYS[attempt.channel].query(attempt.out_trade_no))  # type: ignore[index]
    except GatewayError as error:
        return Heard(error=str(error)[:300])


def close(attempt: Attempt) -> Heard:
    """Let nobody pay it any more; when money was faster, or when the gateway never heard of it, ask.

    ABSENT closes nothing: Alipay's signed address works until its deadline.
    """
    try:
        answer = GATEWAYS[attempt.channel].close(attempt.out_trade_no)  # type: ignore[index]
    except GatewayError as error:
        return Heard(error=str(error)[:300])
    return Heard(was_closed=True) if answer == "CLOSED" else query(attempt)


def try_create(attempt: Attempt) -> Created | GatewayError:
    """Open the payment; the error is an answer too."""
    try:
        return create(attempt)
    except GatewayError as error:
        return error


def side_by_side(questions: Mapping[int, Callable[[], Answer]], seconds: float) -> dict[int, Answer]:
    """Ask many at once, at most THREADS at a time; returns the answers that came within `seconds`.

    A question must not touch the database: its thread's connection would be nobody's.
    """
    if not questions:
        return {}
    pool = ThreadPoolExecutor(max_workers=min(THREADS, len(questions)), thread_name_prefix="gateway")
    asked = {key: pool.submit(question) for key, question in questions.items()}
    done = wait(asked.values(), timeout=seconds).done
    pool.shutdown(wait=False, cancel_futures=True)
    for question in done:
        if (error := question.exception()) is not None:
            logger.error("a question to a gateway broke", exc_info=error)
    return {key: answer.result() for key, answer in asked.items() if answer in done and answer.exception() is None}
