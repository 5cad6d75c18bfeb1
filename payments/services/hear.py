"""Hearing a verified notification: keep it, record the fact, apply it. Called by callbacks.py."""

import logging
from collections.abc import Mapping

from payments import inbox, refunds, settle
from payments.gateways.base import Notification
from payments.models import Attempt

logger = logging.getLogger(__name__)


def hear_notification(channel: str, notice: Notification, headers: Mapping[str, str], body: bytes) -> None:
    """Make true what a genuine notification says. Raises when the fact could not be kept: then it must come again.

    A fact that was kept and could not be applied does not raise: `apply_unapplied` repairs that.
    """
    told = notice.payment or notice.refund
    if told is None:
        return
    entry = inbox.keep(channel, notice.dedupe_key, told.out_trade_no, headers, body)
    if notice.refund is not None:
        refunds.record_refund(notice.refund, entry)
        return
    if notice.payment is not None:
        attempt = settle.record_fact(channel, notice.payment, entry)
        if attempt is not None and attempt.state == Attempt.State.SUCCESS and attempt.applied_at is None:
            apply_kept(attempt)


def apply_kept(attempt: Attempt) -> bool:
    """Apply money whose fact is safe; a failure is logged and left to the next round."""
    try:
        settle.apply(attempt.public_id)
    except Exception:
        logger.exception("%s is recorded and waits to be applied", attempt)
        return False
    return True
