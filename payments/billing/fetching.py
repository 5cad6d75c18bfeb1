"""Which bills are missing, fetching one, and what becomes of it. The hourly check and `manage.py bill` call it."""

import logging
from collections.abc import Callable, Iterator
from datetime import date, datetime, time, timedelta
from typing import Final, NamedTuple

from django.db.models import Q

from config.ground import clock
from payments import differences, ledger
from payments.aside import Counts, is_its_own_fault, reason
from payments.billing import comparing, explaining, loading
from payments.billing.comparing import Mismatch
from payments.billing.explaining import Verdict
from payments.differences import Found
from payments.gateways import GATEWAYS
from payments.gateways.base import Channel, Definitive, GatewayError
from payments.gateways.bills import BEIJING
from payments.models import Attempt, Bill, Difference, Refund
from payments.passes import Budget

READY_AT: Final[dict[Channel, time]] = {"WECHAT": time(10), "ALIPAY": time(9)}  # in Beijing, on the day after
FEE_PER_10000: Final[dict[str, int]] = {"WECHAT": 60, "ALIPAY": 60}  # as agreed with each gateway
DAYS = 7  # how far back the check looks for bills that it has not got
PATIENCE = timedelta(days=1)  # after the hour at which a bill should be there

logger = logging.getLogger(__name__)


def fetch_missing(budget: Budget) -> Counts:
    """Fetch and compare what is due of the last days, the oldest first; each fails for itself."""
    looked_at = repaired = left = 0
    for channel, day in _missing(clock.now()):
        if budget.is_spent:
            left += 1
            continue
        looked_at += 1
        before = _repaired()
        try:
            left += fetch(channel, day).state != Bill.State.COMPARED
        except Exception as error:
            logger.exception("the bill of %s %s broke off", channel, day)
            is_its_own_fault(error)
            left += 1
        repaired += _repaired() - before
    return Counts(looked_at, repaired, 0, left)


def fetch(channel: Channel, day: date) -> Bill:
    """Fetch, load and compare one bill, also one that was compared before; returns its row. Safe to repeat.

    A bill that is not there (yet), or that cannot be believed, is no error: its row says why. Raises Misconfigured
    when the channel has no keys.
    """
    account = GATEWAYS[channel].merchant_account
    bill, _made = Bill.objects.get_or_create(
        channel=channel, merchant_account=account, day=day, defaults={"why": "not asked for yet"}
    )
    Bill.objects.filter(pk=bill.pk).update(tries=bill.tries + 1, asked_at=clock.now())
    try:
        told = GATEWAYS[channel].fetch_bill(day)
        bill = loading.load(bill, told)
    except Definitive as no:
        return _not_there(bill, str(no))
    except GatewayError as error:
        return _missed(bill, Bill.State.FAILED, str(error))
    return compare(bill)


def compare(bill: Bill) -> Bill:
    """Compare a loaded bill with our books; returns its row in COMPARED."""
    told = [
        *_explained(bill, comparing.payments(bill), explaining.payment),
        *_explained(bill, comparing.refunds(bill), explaining.refund),
    ]
    broken = [one.error for one in told if one.error]
    if broken:
        return _missed(bill, Bill.State.FAILED, f"{len(broken)} lines could not be explained: {broken[0]}")
    explaining.settle_waiting(bill)
    explaining.settle_agreed(bill, [verdict for verdict in (*(one.verdict for one in told), _fees(bill)) if verdict])
    bill.state, bill.why, bill.compared_at = Bill.State.COMPARED, "", clock.now()
    bill.equal_count = bill.line_count - sum(one.is_of_a_line and one.verdict is not None for one in told)
    bill.save(update_fields=["state", "why", "compared_at", "equal_count"])
    return bill


def overdue(now: datetime) -> int:
    """How many bills should have been here a day ago: an alarm."""
    late = Bill.objects.filter(day__lt=(now.astimezone(BEIJING) - timedelta(days=2)).date())
    return late.exclude(state=Bill.State.COMPARED).count()


def _missing(now: datetime) -> Iterator[tuple[Channel, date]]:
    today = now.astimezone(BEIJING).date()
    days = [today - timedelta(days=back) for back in range(DAYS, 0, -1)]
    done = set(Bill.objects.filter(day__in=days, state=Bill.State.COMPARED).values_list("channel", "day"))
    for day in days:
        for channel in READY_AT:
            if (channel, day) not in done and now >= _ready_at(channel, day):
                yield channel, day


def _ready_at(channel: Channel, day: date) -> datetime:
    return datetime.combine(day + timedelta(days=1), READY_AT[channel], tzinfo=BEIJING)


class _Told(NamedTuple):
    is_of_a_line: bool
    verdict: Verdict | None  # None: no difference after all
    error: str = ""


def _explained(
    bill: Bill, mismatches: list[Mismatch], explain: Callable[[Bill, Mismatch], Verdict | None]
) -> Iterator[_Told]:
    """Explain each; one that breaks stops none of the others, and the bill is looked at again."""
    for mismatch in mismatches:
        try:
            yield _Told(mismatch.line is not None, explain(bill, mismatch))
        except Exception as error:
            logger.exception("%s: %s cannot be explained", bill, mismatch)
            is_its_own_fault(error)
            yield _Told(mismatch.line is not None, None, reason(error))


def _fees(bill: Bill) -> Verdict | None:
    """Book what the gateway kept, and tell when it is not what was agreed."""
    ref = f"fee:{bill.channel}:{bill.day.isoformat()}"
    ledger.book_fee(bill.channel, bill.day, bill.fee_minor, ref=ref)
    fees = comparing.fees(bill, FEE_PER_10000[bill.channel])
    if fees.wrong:
        facts = {
            "bill": bill.day.isoformat(),
            "lines": fees.wrong,
            "trades": fees.trades,
            "per10000": FEE_PER_10000[bill.channel],
        }
        found = Found(kind=Difference.Kind.FEE, subject=ref, channel=bill.channel, day=bill.day,
                      ours_minor=fees.agreed_minor, theirs_minor=fees.taken_minor, facts=facts)  # fmt: skip
        differences.report(found)
    return Verdict(Difference.Kind.FEE, ref, Difference.State.OPEN) if fees.wrong else None


def _not_there(bill: Bill, why: str) -> Bill:
    """Not yet, or never: a day on which nothing was paid has no bill."""
    is_late = clock.now() >= _ready_at(bill.channel, bill.day) + PATIENCE  # type: ignore[arg-type]
    if is_late and not _had_money(bill):
        return compare(bill)
    if is_late:
        logger.error("the bill of %s has not come for a day: %s", bill, why)
    return _missed(bill, Bill.State.WAITING, why)


def _missed(bill: Bill, state: Bill.State, why: str) -> Bill:
    if state == Bill.State.FAILED:
        logger.error("the bill of %s failed: %s", bill, why)
    bill.state, bill.why = state, " ".join(why.split())[:300]
    bill.save(update_fields=["state", "why"])
    return bill


def _had_money(bill: Bill) -> bool:
    day = datetime.combine(bill.day, time.min, tzinfo=BEIJING)
    paid = Attempt.objects.filter(channel=bill.channel, bill_date=bill.day, state=Attempt.State.SUCCESS)
    back = Refund.objects.filter(
        Q(state=Refund.State.SUCCESS, succeeded_at__gte=day, succeeded_at__lt=day + timedelta(days=1), way=""),
        attempt__channel=bill.channel,
    )
    return paid.exists() or back.exists()


def _repaired() -> int:
    return Difference.objects.filter(state=Difference.State.AUTO_FIXED).count()
