"""Writing a gateway's bill into our tables by COPY, in one transaction. Called by fetching.py."""

from collections.abc import Iterator
from itertools import count

from django.db import connection, transaction

from config.ground import clock
from payments.gateways import base
from payments.models import Bill

COPY = (
    "COPY payments_billline (bill_id, line_no, kind, state, out_trade_no, out_refund_no, gateway_txn_no,"
    " gateway_refund_no, amount_minor, fee_minor, at) FROM STDIN"
)
LONGEST = 64  # characters of a number
MANY = 5_000  # lines after which the planner has to hear of them


@transaction.atomic
def load(bill: Bill, told: base.Bill) -> Bill:
    """Replace the bill's lines by those that were fetched; returns the fresh row in FETCHED.

    Lines that do not add up to the bill's own summary raise Unknown, and nothing is kept.
    """
    row = Bill.objects.select_for_update(no_key=True).get(pk=bill.pk)
    row.line_count = row.paid_minor = row.refunded_minor = row.fee_minor = row.equal_count = 0
    with connection.cursor() as cursor:
        cursor.execute("DELETE FROM payments_billline WHERE bill_id = %s", [row.pk])
        with cursor.copy(COPY) as copy:
            for values in _rows(row, told):
                copy.write_row(values)
        if row.line_count > MANY:
            cursor.execute("ANALYZE payments_billline")
    row.paid_minor, row.refunded_minor, row.sha256 = told.paid_minor, told.refunded_minor, told.sha256
    row.state, row.why, row.fetched_at, row.compared_at = Bill.State.FETCHED, "", clock.now(), None
    row.save()
    return row


def _rows(bill: Bill, told: base.Bill) -> Iterator[tuple[object, ...]]:
    numbers = count(1)
    for line in told.lines:
        bill.line_count = next(numbers)
        bill.fee_minor += line.fee_minor
        yield (
            bill.pk, bill.line_count, line.kind, line.state[:12], line.out_trade_no[:LONGEST],
            line.out_refund_no[:LONGEST], line.gateway_txn_no[:LONGEST], line.gateway_refund_no[:LONGEST],
            line.amount_minor, line.fee_minor, line.at,
        )  # fmt: skip
