"""What payments and tracking tell on the order page: (template, facts) each; config/admin.py lists them."""

from datetime import datetime
from typing import Any, NamedTuple

from django.db.models import Q, Sum

from config.ground.figures import money
from config.ground.word import Word
from orders.catalog.models import Trade
from orders.order.models import Order
from orders.people import User
from orders.stock.models import KeyIssue, KeyReveal
from orders.words import CHANNEL
from payments.models import Attempt, InboxEntry, LedgerPosting, Refund, RefundProposal
from payments.words import ATTEMPT, DISPOSITION, PROPOSAL, REFUND_REASON, REFUND_STATE, WAY
from tracking.models import Delivery

SOURCE = {
    "NOTIFY": Word("notice in", "通知"),
    "QUERY": Word("answer to our question", "查询答复"),
    "RESPONSE": Word("answer to our request", "请求答复"),
    "BILL": Word("daily bill", "日账单"),
    "MANUAL": Word("told by a person", "人工录入"),
}
HANDLED = Word("good, recorded", "有效，已记录", "done", "check")
KEPT = Word("good, kept", "有效，已保存", "wait", "clock")
FORGED = Word("refused", "已拒绝", "bad", "triangle")


class Said(NamedTuple):
    """One line of the story with the gateway; `raw` is the message that can be looked at, `error` what went wrong."""

    at: datetime
    what: str
    number: str
    word: Word
    answer: str = ""
    error: str = ""
    raw: int | None = None


def payments(order: Order) -> tuple[str, dict[str, Any]]:
    """Every attempt, message and refund by time, and the ledger's entries of this order with their sum."""
    attempts = list(Attempt.objects.filter(order=order))
    returns = list(Refund.objects.filter(attempt__order=order).select_related("attempt"))
    story = [*map(_attempt, attempts), *map(_refund, returns), *map(_message, messages_about(order))]
    postings = LedgerPosting.objects.filter(entry__order_ref=order.public_id).select_related("entry", "account")
    facts = {
        "order": order,
        "story": sorted(story, key=lambda said: said.at),
        "attempts": attempts,
        "postings": list(postings.order_by("entry__booked_at", "pk")),
        "sum": postings.aggregate(total=Sum("amount_minor"))["total"] or 0,
    }
    return "admin/orders/order/_payments.html", facts


def messages_about(order: Order) -> list[InboxEntry]:
    """What gateways told us about this order's payments and refunds."""
    numbers = Attempt.objects.filter(order=order).values("out_trade_no")
    refunds = Refund.objects.filter(attempt__order=order).values("out_refund_no")
    return list(InboxEntry.objects.filter(Q(out_trade_no__in=numbers) | Q(out_trade_no__in=refunds)).order_by("pk"))


def proposals(order: Order) -> tuple[str, dict[str, Any]]:
    """Refunds above the limit of one person, the newest first; nothing when there are none."""
    rows = RefundProposal.objects.filter(order=order).select_related("proposed_by", "decided_by").order_by("-pk")
    return "admin/orders/order/_proposals.html", {"proposals": [(row, PROPOSAL[row.state]) for row in rows]}


def delivery(order: Order) -> tuple[str, dict[str, Any]]:
    """Every carrying of the order, the standing one last."""
    rows = Delivery.objects.filter(order=order).select_related("rider__user").order_by("pk")
    return "admin/orders/order/_delivery.html", {"order": order, "deliveries": list(rows)}


def card_keys(order: Order) -> tuple[str, dict[str, Any]]:
    """Which keys serve which line and who looked at them; never the keys themselves."""
    issues = KeyIssue.objects.none() if order.trade != Trade.DIGITAL else KeyIssue.objects.filter(order=order)
    reveals = list(KeyReveal.objects.filter(issue__in=issues).select_related("issue").order_by("at"))
    people = User.objects.filter(public_id__in={look.by for look in reveals})
    names = {person.public_id: person.name for person in people}
    looks = [(look, names.get(look.by, look.by)) for look in reveals]
    facts = {"order": order, "issues": list(issues.select_related("key")), "looks": looks}
    return "admin/orders/order/_keys.html", facts


def _channel(code: str) -> str:
    return CHANNEL[code].text if code in CHANNEL else code


def _attempt(attempt: Attempt) -> Said:
    paid = "" if attempt.paid_minor is None else money(attempt.paid_minor, attempt.paid_currency or attempt.currency)
    became = DISPOSITION[attempt.disposition]["staff"].text if attempt.disposition else ""
    what = f"{_channel(attempt.channel)} {attempt.form} {money(attempt.amount_minor, attempt.currency)}"
    answer = " → ".join(filter(None, (paid, became)))
    return Said(attempt.created_at, what, attempt.out_trade_no, ATTEMPT[attempt.state], answer, attempt.last_error)


def _refund(refund: Refund) -> Said:
    what = f"{REFUND_REASON[refund.reason]['staff'].text} {money(refund.amount_minor, refund.attempt.currency)}"
    by_hand = f"{WAY[refund.way].text} {refund.reference}" if refund.way else ""
    found = SOURCE[refund.found_by].text if refund.found_by else ""
    told = " · ".join(filter(None, (f"{refund.tries}×", refund.words and f"“{refund.words}”", by_hand, found)))
    word = REFUND_STATE[refund.state]["staff"]
    return Said(refund.requested_at, what, refund.out_refund_no, word, told, refund.last_error)


def _message(entry: InboxEntry) -> Said:
    word = FORGED if not entry.verified else HANDLED if entry.processed_at else KEPT
    what = f"{_channel(entry.channel)}: {SOURCE[entry.source].text}"
    return Said(entry.received_at, what, entry.dedupe_key.rpartition(":")[2], word, entry.reject_reason, "", entry.pk)
