"""What we think of a difference, and the one step that we propose for it. The desk's page and services/decide.py ask.

REMEDIES is the table: kind → how it is explained, what the button says, and what pressing it does besides the record.
"""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from django.utils.functional import Promise
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from config.ground.figures import money
from config.ground.problems import Refusal
from config.ground.word import Word
from orders.order.states import Status
from orders.words import CHANNEL
from payments import refunds
from payments.models import Attempt, Difference, InboxEntry, Refund
from payments.services.ask import ask_gateway
from payments.words import ATTEMPT, REFUND_STATE

Kind = Difference.Kind


class NotExplained(Refusal):
    """The gateway was asked, and what it says does not end the difference."""

    code = "not_explained"
    status = 409
    message = gettext_lazy("{channel} says: {told}. That does not explain it; decide by hand or wait.")


@dataclass(frozen=True)
class Remedy:
    """`thinks` explains, `label` is the button, `act` (None: only the record) runs outside transactions."""

    thinks: str
    label: str | Promise
    act: Callable[[Difference], None] | None = None


def remedy_of(difference: Difference) -> Remedy:
    """The one step proposed for it."""
    return REMEDIES[difference.kind](difference)


def attempt_of(difference: Difference) -> Attempt | None:
    """The payment of ours that it is about."""
    rows = Attempt.objects.select_related("order__shop")
    facts = difference.facts
    if facts.get("attempt", "").startswith("pay_"):
        return rows.filter(public_id=facts["attempt"]).first()
    number = facts.get("outTradeNo") or difference.subject.partition(":")[2].partition("#")[0]
    return rows.filter(channel=difference.channel, out_trade_no=number).first() if number else None


def refund_of(difference: Difference) -> Refund | None:
    """The refund of ours that it is about."""
    prefix, _colon, number = difference.subject.partition(":")
    rows = Refund.objects.select_related("attempt__order__shop")
    return rows.filter(out_refund_no=number).first() if prefix == "refund" else None


def _gateway_only(difference: Difference) -> Remedy:
    attempt = attempt_of(difference)
    if "#" in difference.subject:
        return Remedy(_("The bill lists this payment twice. Ask the gateway which of them is real."), DECIDED)
    if attempt is None:
        return Remedy(_("No payment of ours has this number. Return it at the gateway’s console."), DECIDED)
    if attempt.state == Attempt.State.SUCCESS:
        return Remedy(_("It has been recorded since. Nothing is left to do."), DECIDED)
    amount = money(difference.theirs_minor or 0)
    if attempt.order.status == Status.CANCELLED:
        thinks = _("Paid, the notice never came, the order was closed. Record it; all of it goes back.")
        return Remedy(thinks, _("Record and refund %(amount)s") % {"amount": amount}, _record)
    thinks = _("Paid, and the notice never came. Record it; the order goes on.")
    return Remedy(thinks, _("Record %(amount)s") % {"amount": amount}, _record)


def _local_only(difference: Difference) -> Remedy:
    attempt = attempt_of(difference)
    if attempt is None:
        return Remedy(_("The order says paid, and no payment was applied to it. Find out who marked it."), DECIDED)
    thinks = _("Neither in its own bill nor in its neighbours. Ask %(channel)s.") % {"channel": _channel(difference)}
    return Remedy(thinks, _ask_label(difference), _ask_payment)


def _amount(difference: Difference) -> Remedy:
    gap = money(abs((difference.theirs_minor or 0) - (difference.ours_minor or 0)))
    if difference.subject in {"ledger", "suspense"}:
        return Remedy(
            _("The books do not add up by %(gap)s. Look at the entries since the last check.") % {"gap": gap}, DECIDED
        )
    if difference.channel == "CASH":
        thinks = _("Whoever received the cash counted %(gap)s more or less than the books say. Ask both, then decide.")
        return Remedy(thinks % {"gap": gap}, DECIDED)
    thinks = _("The sides differ by %(gap)s. Compare totals, not what the payer paid after coupons.") % {"gap": gap}
    return Remedy(thinks, DECIDED)


def _state(difference: Difference) -> Remedy:
    if "gatewayTxnNo" in difference.facts:
        return Remedy(_("The gateway lists it under another number of its own. Ask which is right."), DECIDED)
    return Remedy(_("Money was applied, and the order does not say so."), DECIDED)


def _refund_only_gateway(difference: Difference) -> Remedy:
    if "#" in difference.subject:
        return Remedy(_("The bill lists this refund twice. Ask the gateway which of them is real."), DECIDED)
    if attempt_of(difference) is None or not difference.theirs_minor:
        return Remedy(_("Returned at the gateway, for a payment that is not ours or has less left."), DECIDED)
    label = _("Book the refund of %(amount)s") % {"amount": money(difference.theirs_minor)}
    return Remedy(_("Returned at the gateway’s console. Book it, so that the books say so too."), label, _book_refund)


def _refund_only_local(difference: Difference) -> Remedy:
    thinks = _("We think it went back, the bill does not show it. Ask %(channel)s.") % {"channel": _channel(difference)}
    return Remedy(thinks, _ask_label(difference), _ask_refund)


def _refund_amount(difference: Difference) -> Remedy:
    gap = money(abs((difference.theirs_minor or 0) - (difference.ours_minor or 0)))
    return Remedy(_("The gateway returned %(gap)s more or less than we asked for.") % {"gap": gap}, DECIDED)


def _refund_state(difference: Difference) -> Remedy:
    refund = refund_of(difference)
    if refund is not None and refund.way:
        return Remedy(_("It went back by hand, and the gateway returned it too. Ask for one of them back."), DECIDED)
    return Remedy(
        _("Ask again: a bank is slow, or the account of the payer is closed."), _ask_label(difference), _ask_refund
    )


def _fee(difference: Difference) -> Remedy:
    facts = {"n": difference.facts.get("lines", 0), "rate": f"{difference.facts.get('per10000', 0) / 100:.2f}"}
    thinks = (
        _("%(n)s lines cost more or less than the agreed %(rate)s %%. It is booked as the gateway took it.") % facts
    )
    return Remedy(thinks, gettext_lazy("Accept the fee"))


DECIDED = gettext_lazy("Decided by hand")
REMEDIES: dict[str, Callable[[Difference], Remedy]] = {
    Kind.GATEWAY_ONLY: _gateway_only,
    Kind.LOCAL_ONLY: _local_only,
    Kind.AMOUNT: _amount,
    Kind.STATE: _state,
    Kind.REFUND_ONLY_GATEWAY: _refund_only_gateway,
    Kind.REFUND_ONLY_LOCAL: _refund_only_local,
    Kind.REFUND_AMOUNT: _refund_amount,
    Kind.REFUND_STATE: _refund_state,
    Kind.FEE: _fee,
}


def _record(difference: Difference) -> None:
    """Ask the gateway; when it says paid, the usual road records and applies it."""
    attempt = attempt_of(difference)
    if attempt is not None:
        asked = ask_gateway(attempt)
        if asked.state != Attempt.State.SUCCESS:
            _unexplained(difference, ATTEMPT[asked.state], asked.last_error)


def _ask_payment(difference: Difference) -> None:
    """LOCAL_ONLY is explained when the gateway confirms amount and number."""
    attempt = attempt_of(difference)
    if attempt is None:
        return
    before = Difference.objects.filter(kind=Kind.AMOUNT, subject=f"{attempt.channel}:{attempt.out_trade_no}").count()
    asked = ask_gateway(attempt)
    after = Difference.objects.filter(kind=Kind.AMOUNT, subject=f"{attempt.channel}:{attempt.out_trade_no}").count()
    confirmed = InboxEntry.objects.filter(
        channel=attempt.channel, source=InboxEntry.Source.QUERY, dedupe_key=f"{attempt.out_trade_no}:SUCCESS"
    )
    if asked.last_error or after > before or not confirmed.exists():
        _unexplained(difference, ATTEMPT[asked.state], asked.last_error)


def _ask_refund(difference: Difference) -> None:
    refund = refund_of(difference)
    if refund is None:
        return
    if refund.state != Refund.State.SUCCESS:
        refunds.push(refund)
    fresh = Refund.objects.get(pk=refund.pk)
    if fresh.state != Refund.State.SUCCESS:
        _unexplained(difference, REFUND_STATE[fresh.state]["staff"], fresh.last_error)


def _book_refund(difference: Difference) -> None:
    facts, attempt = difference.facts, attempt_of(difference)
    if attempt is None:
        return
    booked = refunds.adopt(
        difference.channel or attempt.channel,
        attempt.out_trade_no,
        out_refund_no=difference.subject.partition(":")[2],
        gateway_refund_no=str(facts.get("gatewayRefundNo", "")),
        amount_minor=difference.theirs_minor or 0,
        at=datetime.fromisoformat(facts["at"]) if "at" in facts else difference.found_at,
        source=InboxEntry.Source.MANUAL,
    )
    if booked is None:
        _unexplained(difference, REFUND_STATE["SUCCESS"]["staff"], "")


def _unexplained(difference: Difference, word: Word, error: str) -> None:
    raise NotExplained(channel=_channel(difference), told=error or word.text)


def _channel(difference: Difference) -> str:
    return CHANNEL[difference.channel].text if difference.channel in CHANNEL else _("the gateway")


def _ask_label(difference: Difference) -> str:
    return _("Ask %(channel)s now") % {"channel": _channel(difference)}


def sides_of(difference: Difference) -> dict[str, list[str]]:
    """Both sides as staff read them, line by line: `theirs` from the bill or answer, `ours` as it is now."""
    facts: dict[str, Any] = difference.facts
    theirs = [
        facts.get("at", "")[:19].replace("T", " "),
        facts.get("gatewayTxnNo", ""),
        facts.get("gatewayRefundNo", ""),
    ]
    state = facts.get("theirState") or facts.get("state", "")
    amount = "–" if difference.theirs_minor is None else money(difference.theirs_minor)
    theirs.append(" ".join(part for part in (str(state), amount) if part))
    if "fee" in facts:
        theirs.append(f"fee {money(int(facts['fee']))}")
    return {"theirs": [line for line in theirs if line], "ours": _ours(difference)}


def _ours(difference: Difference) -> list[str]:
    refund = refund_of(difference)
    attempt = refund.attempt if refund else attempt_of(difference)
    amount = "–" if difference.ours_minor is None else money(difference.ours_minor)
    if attempt is None:
        return [amount]
    lines = [f"attempt {attempt.out_trade_no}", f"{attempt.state} {attempt.disposition}".rstrip()]
    lines += [f"refund {refund.out_refund_no}", refund.state] if refund else []
    order = attempt.order
    return [*lines, f"order {order.status} {order.payment_status} {order.cancel_reason}".rstrip(), amount]
