"""The daily bills of WeChat Pay and Alipay, read into the port's lines and checked against their own summaries.

The two adapters call it with the unpacked text. A bill that does not add up raises Unknown: half a bill would turn
every missing line into a difference.
"""

import csv
from collections.abc import Iterator
from datetime import UTC, date, datetime, timedelta, timezone
from decimal import Decimal, InvalidOperation
from typing import Final

from payments.gateways.base import Bill, BillLine, Unknown

BEIJING: Final = timezone(timedelta(hours=8))


def read_wechat(day: date, text: str) -> Bill:
    """Read a WeChat Pay trade bill (ALL): cells start with a back-tick, two summary rows end it."""
    rows = list(csv.reader(text.splitlines()))
    if len(rows) < 3:
        raise Unknown("the WeChat Pay bill is too short")
    head, body, total = rows[0], rows[1:-2], dict(zip(rows[-2], _bare(rows[-1]), strict=False))
    lines = tuple(_wechat_line(dict(zip(head, _bare(row), strict=False))) for row in body)
    told = (int(total["总交易单数"]), _fen(total["订单总金额"]), _fen(total["申请退款总金额"]))
    return _checked(day, lines, told)


def read_alipay(day: date, text: str) -> Bill:
    """Read an Alipay business detail bill: comment rows start with #, the last ones state the totals."""
    rows = [[cell.strip() for cell in row] for row in csv.reader(text.splitlines()) if row]
    table = [row for row in rows if not row[0].startswith("#")]
    if not table:
        raise Unknown("the Alipay bill has no table")
    lines = tuple(_alipay_line(dict(zip(table[0], row, strict=False))) for row in table[1:])
    return _checked(day, lines, _alipay_total(rows))


def _wechat_line(row: dict[str, str]) -> BillLine:
    is_refund = row["交易状态"] == "REFUND"
    return BillLine(
        kind="refund" if is_refund else "payment",
        out_trade_no=row["商户订单号"],
        gateway_txn_no=row["微信订单号"],
        out_refund_no=row["商户退款单号"] if is_refund else "",
        amount_minor=_fen(row["申请退款金额"] if is_refund else row["订单金额"]),
        fee_minor=_fen(row["手续费"]),
        at=_moment(row["交易时间"]),
    )


def _alipay_line(row: dict[str, str]) -> BillLine:
    is_refund = row["业务类型"] == "退款"
    return BillLine(
        kind="refund" if is_refund else "payment",
        out_trade_no=row["商户订单号"],
        gateway_txn_no=row["支付宝交易号"],
        out_refund_no=row["退款批次号/请求号"] if is_refund else "",
        amount_minor=abs(_fen(row["订单金额（元）"])),
        fee_minor=-_fen(row["服务费（元）"]),  # the bill shows what was taken as a negative amount
        at=_moment(row["完成时间"]),
    )


def _alipay_total(rows: list[list[str]]) -> tuple[int, int, int]:
    """Count, paid and refunded as the rows "#交易合计" and "#退款合计" state them."""
    count, sums = 0, {"#交易合计": 0, "#退款合计": 0}
    for name, found in _totals(rows):
        count += int(found[0])
        sums[name] = abs(_fen(found[1]))
    return count, sums["#交易合计"], sums["#退款合计"]


def _totals(rows: list[list[str]]) -> Iterator[tuple[str, list[str]]]:
    for row in rows:
        name, _, rest = "，".join(row).partition("：")
        if name in {"#交易合计", "#退款合计"}:
            digits = "".join(letter if letter in "0123456789.-" else " " for letter in rest)
            yield name, digits.split()


def _checked(day: date, lines: tuple[BillLine, ...], told: tuple[int, int, int]) -> Bill:
    paid = sum(line.amount_minor for line in lines if line.kind == "payment")
    refunded = sum(line.amount_minor for line in lines if line.kind == "refund")
    found = (len(lines), paid, refunded)
    if found != told:
        message = f"the bill of {day} does not add up: lines say {found}, its summary {told}"
        raise Unknown(message)
    return Bill(day=day, lines=lines, paid_minor=paid, refunded_minor=refunded)


def _bare(row: list[str]) -> list[str]:
    return [cell.removeprefix("`") for cell in row]


def _fen(yuan: str) -> int:
    """Turn "12.34" into 1234; fees come with five decimals and round to the nearest fen."""
    try:
        return int((Decimal(yuan or "0") * 100).to_integral_value())
    except InvalidOperation as error:
        message = f"{yuan!r} in a bill is no amount"
        raise Unknown(message) from error


def _moment(text: str) -> datetime:
    return datetime.strptime(text, "%Y-%m-%d %H:%M:%S").replace(tzinfo=BEIJING).astimezone(UTC)
