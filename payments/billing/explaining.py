"""What a mismatch between a bill and our books means: nothing, a repair, tomorrow's bill, or a person's decision.

Called by fetching.py for each mismatch of a bill, outside transactions; each is safe to repeat.
"""

from collections.abc import Iterable
from dataclasses import replace
from datetime import timedelta
from typing import NamedTuple

from django.db.models import Q

from payments import differences, refunds, settle
from payments.billing.comparing import Mismatch
from payments.differences import Found
from payments.gateways.base import Seen
from payments.inbox import keep_answer
from payments.models import Attempt, Bill, BillLine, Difference, InboxEntry, Refund

DAY = timedelta(days=1)
Kind = Difference.Kind
State = Difference.State


class Verdict(NamedTuple):
    """A difference that was reported, or repaired and written down."""

    kind: str
    subject: str
    state: str


def payment(bill: Bill, mismatch: Mismatch) -> Verdict | None:
    """Explain one payment; None: there is no difference after all."""
    line = BillLine.objects.filter(pk=mismatch.line).first() if mismatch.line else None
    if line is None:
        return _not_in_the_bill(bill, Attempt.objects.select_related("order").get(pk=mismatch.ours or 0))
    attempt = Attempt.objects.select_related("order").filter(
        channel=bill.channel, merchant_account=bill.merchant_account, out_trade_no=line.out_trade_no
    ).first()  # fmt: skip
    if attempt is None or (mismatch.nth or 1) > 1:
        again = f"#{mismatch.nth}" if (mismatch.nth or 1) > 1 else ""
        return _put(bill, Kind.GATEWAY_ONLY, f"{bill.channel}:{line.out_trade_no}{again}", line, attempt)
    if attempt.state != Attempt.State.SUCCESS:
        return _record(bill, line, attempt)
    subject = f"{bill.channel}:{line.out_trade_no}"
    if attempt.paid_minor != line.amount_minor:
        return _put(bill, Kind.AMOUNT, subject, line, attempt)
    if attempt.gateway_txn_no != line.gateway_txn_no:
        return _put(bill, Kind.STATE, subject, line, attempt)
    _belongs_here(bill, attempt, subject)
    return None


def refund(bill: Bill, mismatch: Mismatch) -> Verdict | None:
    """Explain one refund; None: there is no difference after all."""
    line = BillLine.objects.filter(pk=mismatch.line).first() if mismatch.line else None
    if line is None:
        ours = Refund.objects.select_related("attempt__order").get(pk=mismatch.ours or 0)
        return _refund_not_in_the_bill(bill, ours)
    known = _ours(bill, line)
    subject = f"refund:{line.out_refund_no or line.gateway_refund_no}"
    if (mismatch.nth or 1) > 1:
        attempt = known.attempt if known else None
        return _put(bill, Kind.REFUND_ONLY_GATEWAY, f"{subject}#{mismatch.nth}", line, attempt)
    if known is not None and known.amount_minor != line.amount_minor:
        return _put(bill, Kind.REFUND_AMOUNT, subject, line, known.attempt, ours=known.amount_minor)
    if known is not None and (known.state == Refund.State.SUCCESS or line.state == "PROCESSING"):
        return _returned_twice(bill, line, known, subject)  # if not: of another day, or still on its way
    if line.state != "SUCCESS":
        attempt = known.attempt if known else None
        return _put(bill, Kind.REFUND_STATE, subject, line, attempt, ours=known.amount_minor if known else None)
    return _adopt(bill, line, known, subject)


def _ours(bill: Bill, line: BillLine) -> Refund | None:
    """The refund of the line: by our number, or by the gateway's when its console returned it in the place of ours."""
    rows = Refund.objects.select_related("attempt__order").filter(attempt__channel=bill.channel)
    known = rows.filter(out_refund_no=line.out_refund_no).first()
    if known is None and (theirs := line.gateway_refund_no or line.out_refund_no):
        rows = rows.filter(attempt__out_trade_no=line.out_trade_no).exclude(found_by="")
        known = rows.filter(gateway_refund_no=theirs).first()
    return known


def _returned_twice(bill: Bill, line: BillLine, known: Refund, subject: str) -> Verdict | None:
    """A person gave it back by hand, and the gateway returned it too."""
    if not known.way or line.state != "SUCCESS":
        return None
    return _put(bill, Kind.REFUND_STATE, subject, line, known.attempt, ours=known.amount_minor)


def settle_waiting(bill: Bill) -> None:
    """End what waited for this bill: it is in it (or in another one by now), or a person decides."""
    waiting = Difference.objects.filter(channel=bill.channel, state=State.WAIT_NEXT_DAY, day__lt=bill.day)
    for difference in waiting.order_by("pk"):
        facts = difference.facts
        lines = BillLine.objects.filter(bill__channel=bill.channel, bill__merchant_account=bill.merchant_account)
        number = facts.get("outRefundNo") or facts.get("outTradeNo") or ""
        if difference.kind == Kind.REFUND_ONLY_LOCAL:
            found = lines.filter(kind="refund", out_refund_no=number).select_related("bill").first()
        else:
            found = lines.filter(kind="payment", out_trade_no=number).select_related("bill").first()
        if found is not None and difference.kind in {Kind.LOCAL_ONLY, Kind.REFUND_ONLY_LOCAL}:
            differences.repaired(difference, f"in the bill of {found.bill.day}")
        else:
            differences.reopened(difference, f"the bill of {bill.day} does not explain it")


def settle_agreed(bill: Bill, verdicts: Iterable[Verdict]) -> None:
    """End what an earlier comparison of this bill found and this one did not: it was corrected, here or there."""
    still = {(verdict.kind, verdict.subject) for verdict in verdicts}
    known = Difference.objects.filter(channel=bill.channel, day=bill.day, state__in=Difference.UNDECIDED)
    for difference in known.filter(facts__bill=bill.day.isoformat()).order_by("pk"):
        if (difference.kind, difference.subject) not in still:
            differences.repaired(difference, "bill and books agree by now")


def _record(bill: Bill, line: BillLine, attempt: Attempt) -> Verdict:
    """The gateway was paid by an attempt of ours and we never heard of it: now we do, and the usual rule applies."""
    seen = Seen(
        out_trade_no=line.out_trade_no,
        state="SUCCESS",
        gateway_txn_no=line.gateway_txn_no,
        amount_minor=line.amount_minor,
        currency=attempt.currency,
        paid_at=line.at,
        merchant_account=bill.merchant_account,
        raw={"bill": bill.day.isoformat(), "line": line.line_no},
    )
    was = attempt.state
    settle.record_fact(bill.channel, seen, keep_answer(bill.channel, seen, InboxEntry.Source.BILL))
    applied = settle.apply(attempt.public_id)
    found = _found(bill, Kind.GATEWAY_ONLY, f"{bill.channel}:{line.out_trade_no}", line, attempt, was=was)
    return _told(found, State.AUTO_FIXED, f"recorded from the bill: {applied.disposition}")


def _belongs_here(bill: Bill, attempt: Attempt, subject: str) -> None:
    """The same money, kept by us under a neighbour's day: the gateway's bill says which day it is."""
    Attempt.objects.filter(pk=attempt.pk).update(bill_date=bill.day)
    for waiting in Difference.objects.filter(kind=Kind.LOCAL_ONLY, subject=subject, state__in=Difference.UNDECIDED):
        differences.repaired(waiting, f"in the bill of {bill.day}")


def _not_in_the_bill(bill: Bill, attempt: Attempt) -> Verdict | None:
    """Ours, and not in the bill of its day: look into the neighbours before calling it a difference."""
    lines = BillLine.objects.filter(bill__channel=bill.channel, bill__merchant_account=bill.merchant_account)
    line = lines.filter(kind="payment", out_trade_no=attempt.out_trade_no).select_related("bill").first()
    subject = f"{bill.channel}:{attempt.out_trade_no}"
    if line is not None and line.amount_minor == attempt.paid_minor:
        _belongs_here(line.bill, attempt, subject)
        return None
    return _put(bill, Kind.LOCAL_ONLY, subject, None, attempt, state=_wait_or_decide(bill))


def _refund_not_in_the_bill(bill: Bill, ours: Refund) -> Verdict | None:
    lines = BillLine.objects.filter(bill__channel=bill.channel, kind="refund", out_trade_no=ours.attempt.out_trade_no)
    number = Q(out_refund_no=ours.out_refund_no)
    if theirs := ours.found_by and ours.gateway_refund_no:  # the console's refund in the place of ours
        number |= Q(gateway_refund_no=theirs) | Q(out_refund_no=theirs)
    if lines.filter(number).exists():
        return None  # the gateway lists it on the day on which it was asked for
    subject, state = f"refund:{ours.out_refund_no}", _wait_or_decide(bill)
    found = _found(bill, Kind.REFUND_ONLY_LOCAL, subject, None, ours.attempt, outRefundNo=ours.out_refund_no)
    return _told(replace(found, ours_minor=ours.amount_minor), state)


def _adopt(bill: Bill, line: BillLine, known: Refund | None, subject: str) -> Verdict:
    """A refund that was made at the gateway's console, or of whose end we have not heard yet."""
    adopted = refunds.adopt(
        bill.channel,
        line.out_trade_no,
        out_refund_no=line.out_refund_no,
        gateway_refund_no=line.gateway_refund_no,
        amount_minor=line.amount_minor,
        at=line.at,
        source=InboxEntry.Source.BILL,
    )
    if adopted is None:
        return Verdict(Kind.REFUND_ONLY_GATEWAY, subject, State.OPEN)  # and said so
    kind = Kind.REFUND_STATE if known else Kind.REFUND_ONLY_GATEWAY
    found = _found(bill, kind, subject, line, adopted.attempt)
    return _told(found, State.AUTO_FIXED, "booked from the bill")


def _wait_or_decide(bill: Bill) -> State:
    """A movement close to midnight may stand in the next day's bill: wait for it, once."""
    following = Bill.objects.filter(
        channel=bill.channel, merchant_account=bill.merchant_account, day=bill.day + DAY, state=Bill.State.COMPARED
    )
    return State.OPEN if following.exists() else State.WAIT_NEXT_DAY


def _put(
    bill: Bill,
    kind: Kind,
    subject: str,
    line: BillLine | None,
    attempt: Attempt | None,
    *,
    ours: int | None = None,
    state: State = State.OPEN,
) -> Verdict:
    found = _found(bill, kind, subject, line, attempt)
    return _told(found if ours is None else replace(found, ours_minor=ours), state)


def _told(found: Found, state: State, remark: str = "") -> Verdict:
    differences.report(found, state, remark)
    return Verdict(found.kind, found.subject, state)


def _found(bill: Bill, kind: Kind, subject: str, line: BillLine | None, attempt: Attempt | None, **more: str) -> Found:
    facts: dict[str, object] = {
        "bill": bill.day.isoformat(),
        "outTradeNo": line.out_trade_no if line else attempt and attempt.out_trade_no,
    }
    if line is not None:
        facts |= {"at": line.at.isoformat(), "gatewayTxnNo": line.gateway_txn_no, "fee": line.fee_minor,
                  "theirState": line.state, "outRefundNo": line.out_refund_no}  # fmt: skip
    if attempt is not None:
        facts |= {"attempt": attempt.public_id, "ourState": attempt.state, "order": attempt.order.status}
    return Found(
        kind=kind,
        subject=subject,
        channel=bill.channel,
        day=bill.day,
        order_ref=attempt.order.public_id if attempt else "",
        ours_minor=attempt.paid_minor if attempt else None,
        theirs_minor=line.amount_minor if line else None,
        facts=facts | more,
    )
