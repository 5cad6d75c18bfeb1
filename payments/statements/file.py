"""A statement as a file for spreadsheets and bookkeeping programs, streamed line by line. Called by payments/merchant/.

UTF-8 with a byte order mark (spreadsheets ask for it), CRLF, commas, a head line. Columns:

`time`       when it was booked, ISO 8601 with the offset of the shop's zone: 2026-11-20T18:42:07+08:00
`order`      the short number of the order; empty for fees and hand-ins
`order_id`   its public id, `ord_…`
`kind`       paid, refund, fee or cash
`way`        WECHAT, ALIPAY, RIDER (cash by a rider), TILL (cash at the counter), BANK
`amount`     what the shop earned by it, a decimal such as 84.00, minus for what went back
`till`       by how much the cash in the shop's till changed, in the same form
`currency`   ISO 4217
`reference`  unique for each movement, never reused
"""

import csv
from collections.abc import Iterator
from datetime import tzinfo

from config.ground.figures import decimal
from config.ground.sheets import plain
from orders.span import Span
from payments.statements.reading import Line, every_line

BOM = "\ufeff"
COLUMNS = ("time", "order", "order_id", "kind", "way", "amount", "till", "currency", "reference")


class _Echo:
    """A file that hands back what is written to it, so that csv formats without keeping."""

    def write(self, text: str) -> str:
        return text


def file_of(span: Span) -> Iterator[str]:
    """The file in pieces: mark and head, then one piece for each movement."""
    writer = csv.writer(_Echo())
    yield BOM + writer.writerow(COLUMNS)
    for line in every_line(span):
        yield writer.writerow(cells(line, span.shop.tz, span.shop.currency))


def cells(line: Line, zone: tzinfo, currency: str) -> list[str]:
    """One movement in the order of COLUMNS. Amounts are figures; whatever else looks like a formula becomes text."""
    amounts = [decimal(line.amount_minor), decimal(line.till_minor)]
    number = "" if line.number is None else str(line.number)
    before = [line.at.astimezone(zone).isoformat(timespec="seconds"), number, line.order_ref, line.kind, line.way]
    return [*map(plain, before), *amounts, *map(plain, (currency, line.ref))]
