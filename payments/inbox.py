"""Keeping what gateways tell us, as it came: callbacks.py keeps notifications, services.py answers to queries."""

import logging
from collections.abc import Mapping
from datetime import timedelta
from typing import Any

import orjson
from django.db.models import CharField, Count, F, Func, Value

from config.ground import clock
from config.ground.limits import Limit, wait_ms
from payments.gateways.base import Seen
from payments.models import InboxEntry

KEPT_BYTES = 16_384  # of a body; a genuine one has less than 4 KiB
# Of what anybody may send: rows are never deleted, so a flood is counted in the log and must not fill the disk. At most
# 43,200 rows of 2 KiB a day and channel are kept.
FORGED = Limit(per_minute=30, burst=6_000)
FORGED_BYTES = 2_048  # of a refused body
# of the request's headers: the gateways' own and what says where it came from
KEPT_HEADERS = ("wechatpay-", "content-type", "user-agent", "x-forwarded-for")

logger = logging.getLogger(__name__)
Source = InboxEntry.Source


def keep(channel: str, dedupe_key: str, out_trade_no: str, headers: Mapping[str, str], body: bytes) -> InboxEntry:
    """Keep a verified notification; the one that is there already when the gateway repeats itself."""
    return _once(
        InboxEntry(
            channel=channel,
            source=Source.NOTIFY,
            dedupe_key=dedupe_key[:128],
            out_trade_no=out_trade_no[:32],  # ours have no more; another system's is an orphan here
            verified=True,
            headers=_headers(headers),
            body=body[:KEPT_BYTES],
        )
    )


def processed(entry: InboxEntry) -> None:
    """Say that what it told is written down; what stays without it is an orphan."""
    InboxEntry.objects.filter(pk=entry.pk, processed_at__isnull=True).update(processed_at=clock.now())


def refused_counts(since: timedelta = timedelta(days=1)) -> dict[str, int]:
    """How many notifications were refused lately, by channel and reason, such as {"WECHAT stale": 3}.

    Of a flood 6,000 are kept and then 30 a minute and channel, so it is told as at least so many.
    """
    refused = InboxEntry.objects.filter(verified=False, received_at__gte=clock.now() - since)
    reason = Func(F("reject_reason"), Value(":"), Value(1), function="split_part", output_field=CharField())
    rows = refused.annotate(reason=reason).values_list("channel", "reason").annotate(n=Count("pk"))
    return {f"{channel} {why}": count for channel, why, count in rows.order_by("channel", "reason")}


def keep_answer(channel: str, seen: Seen, source: str) -> InboxEntry:
    """Keep what the gateway answered (or a person told) about a payment: once for each state of it."""
    return _once(
        InboxEntry(
            channel=channel,
            source=source,
            dedupe_key=f"{seen.out_trade_no}:{seen.state}",
            out_trade_no=seen.out_trade_no,
            verified=True,
            body=orjson.dumps(dict(seen.raw), default=str)[:KEPT_BYTES],
        )
    )


def keep_response(channel: str, out_trade_no: str, raw: Mapping[str, Any]) -> None:
    """Keep what the gateway answered when a payment was opened."""
    _once(
        InboxEntry(
            channel=channel,
            source=Source.RESPONSE,
            dedupe_key=f"{out_trade_no}:create",
            out_trade_no=out_trade_no,
            verified=True,
            body=orjson.dumps(dict(raw), default=str)[:KEPT_BYTES],
        )
    )


def keep_forged(channel: str, reason: str, headers: Mapping[str, str], body: bytes) -> None:
    """Keep a notification that must not be believed."""
    logger.warning("%s: a notification was refused: %s", channel, reason)
    if wait_ms(f"forged:{channel}", FORGED):
        return
    InboxEntry.objects.create(
        channel=channel,
        source=Source.NOTIFY,
        verified=False,
        reject_reason=reason.replace("\x00", "")[:120],
        headers=_headers(headers),
        body=body[:FORGED_BYTES],
    )


def _once(entry: InboxEntry) -> InboxEntry:
    InboxEntry.objects.bulk_create([entry], ignore_conflicts=True)
    return InboxEntry.objects.get(
        channel=entry.channel, source=entry.source, dedupe_key=entry.dedupe_key, verified=True
    )


def _headers(headers: Mapping[str, str]) -> dict[str, Any]:
    return {name: value[:512] for name, value in headers.items() if name.lower().startswith(KEPT_HEADERS)}
