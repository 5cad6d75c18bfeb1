"""The daily bills of WeChat Pay and Alipay, read line by line and checked against their own summaries.

The two adapters call it with the packed file. It is unpacked to a temporary file and read from there, so a bill of a
million lines costs a disk's space and no memory. A bill that does not add up raises Unknown when it is read to its
end: half a bill would turn every missing line into a difference.
"""

import csv
import gzip
import hashlib
import io
import tempfile
import zipfile
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta, timezone
from decimal import Decimal, InvalidOperation
from typing import IO, Final, NamedTuple

from payments.gateways.base import Bill, BillLine, Unknown

BEIJING: Final = timezone(timedelta(hours=8))
CHUNK: Final = 1 << 20
MOST: Final = 4 << 30  # bytes unpacked; a million lines have 0.4 GB
TAIL: Final = 16_384  # bytes in which the summary stands
GZIP: Final = b"\x1f\x8b"
WECHAT_END: Final = "总交易单数"
ALIPAY_PAID: Final = "#交易合计"
ALIPAY_BACK: Final = "#退款合计"


class Told(NamedTuple):
    """What the summary states: lines, fen paid, fen given back."""

    lines: int
    paid: int
    back: int


@dataclass(frozen=True)
class Lines:
    """A bill's lines, read from its file each time they are asked for. Raises Unknown, at the latest at the end."""

    day: date
    told: Told
    read: Callable[[], Iterator[BillLine]]

    def __iter__(self) -> Iterator[BillLine]:
        count = paid = back = 0
        for line in self.read():
            count += 1
            if line.kind == "payment":
                paid += line.amount_minor
            else:
                back += line.amount_minor
            yield line
        if (found := Told(count, paid, back)) != self.told:
            raise Unknown(f"the bill of {self.day} does not add up: lines say {found}, its summary {self.told}")


def read_wechat(day: date, packed: bytes, sha1: str) -> Bill:
    """Read a WeChat Pay trade bill (ALL): cells start with a back-tick, two summary rows end it.

    `sha1` is what the signed answer says of the unpacked file.
    """
    try:
        with gzip.open(io.BytesIO(packed)) if packed.startswith(GZIP) else io.BytesIO(packed) as source:
            file, found, sha256 = _unpacked(source)
    except (OSError, EOFError) as error:
        raise Unknown("the WeChat Pay bill arrived damaged") from error
    if found != sha1.lower():
        raise Unknown("the WeChat Pay bill does not match its hash")
    rows = [row for row in _tail(file, "utf-8") if row.strip()]
    if len(rows) < 2 or not rows[-2].startswith(WECHAT_END):
        raise Unknown("the WeChat Pay bill has no summary")
    total = dict(zip(rows[-2].split(","), _cells(rows[-1]), strict=False))
    told = Told(int(total[WECHAT_END]), _fen(total["订单总金额"]), _fen(total["申请退款总金额"]))
    return _bill(day, told, lambda: _wechat_lines(file), sha256)


def read_alipay(day: date, packed: bytes) -> Bill:
    """Read an Alipay business detail bill: a zip of GBK files; comment rows start with #, the last state the totals."""
    try:
        with zipfile.ZipFile(io.BytesIO(packed), metadata_encoding="gbk") as files:
            detail = next(name for name in files.namelist() if name.endswith("业务明细.csv"))
            with files.open(detail) as source:
                file, _sha1, sha256 = _unpacked(source)
    except (OSError, EOFError, zipfile.BadZipFile, StopIteration) as error:
        raise Unknown("the Alipay bill arrived damaged") from error
    return _bill(day, _alipay_told(_tail(file, "gbk")), lambda: _alipay_lines(file), sha256)


def _bill(day: date, told: Told, read: Callable[[], Iterator[BillLine]], sha256: str) -> Bill:
    return Bill(day=day, lines=Lines(day, told, read), paid_minor=told.paid, refunded_minor=told.back, sha256=sha256)


def _unpacked(source: IO[bytes] | gzip.GzipFile) -> tuple[IO[bytes], str, str]:
    """Copy to a temporary file; returns it with its SHA-1 and SHA-256."""
    file = tempfile.TemporaryFile()  # noqa: SIM115 - it lives as long as the bill and goes with it
    sha1, sha256, size = hashlib.sha1(usedforsecurity=False), hashlib.sha256(), 0
    while chunk := source.read(CHUNK):
        size += len(chunk)
        if size > MOST:
            raise Unknown("the bill is too large")
        file.write(chunk)
        sha1.update(chunk)
        sha256.update(chunk)
    return file, sha1.hexdigest(), sha256.hexdigest()


def _tail(file: IO[bytes], encoding: str) -> list[str]:
    size = file.seek(0, io.SEEK_END)
    file.seek(max(0, size - TAIL))
    return file.read().decode(encoding, errors="ignore").splitlines()


def _rows(file: IO[bytes], encoding: str) -> Iterator[str]:
    file.seek(0)
    text = io.TextIOWrapper(file, encoding, newline="")
    try:
        for row in text:  # noqa: UP028 - `yield from` would close the file with the iteration
            yield row
    except UnicodeDecodeError as error:
        raise Unknown("the bill arrived damaged") from error
    finally:
        text.detach()


def _wechat_lines(file: IO[bytes]) -> Iterator[BillLine]:
    rows = _rows(file, "utf-8-sig")
    head = next(rows, "").strip().split(",")
    at = {name: head.index(name) for name in head}
    try:
        for row in rows:
            if row.startswith(WECHAT_END):
                return
            if row.strip():
                yield _wechat_line(at, _cells(row))
    except (KeyError, IndexError, ValueError) as error:
        message = f"a line of the WeChat Pay bill cannot be read: {error!r}"
        raise Unknown(message) from error


def _wechat_line(at: dict[str, int], row: list[str]) -> BillLine:
    is_refund = row[at["交易状态"]] in {"REFUND", "REVOKED"}
    return BillLine(
        kind="refund" if is_refund else "payment",
        state=row[at["退款状态"]] or "SUCCESS" if is_refund else "SUCCESS",
        out_trade_no=row[at["商户订单号"]],
        gateway_txn_no=row[at["微信订单号"]],
        out_refund_no=row[at["商户退款单号"]] if is_refund else "",
        gateway_refund_no=row[at["微信退款单号"]] if is_refund else "",
        amount_minor=_fen(row[at["申请退款金额" if is_refund else "订单金额"]]),
        fee_minor=_fen(row[at["手续费"]]),
        at=_moment(row[at["交易时间"]]),
    )


def _alipay_lines(file: IO[bytes]) -> Iterator[BillLine]:
    table = (row for row in _rows(file, "gbk") if not row.startswith("#"))
    rows = csv.reader(table)
    head = [cell.strip() for cell in next(rows, [])]
    at = {name: head.index(name) for name in head}
    try:
        for row in rows:
            if row:
                yield _alipay_line(at, [cell.strip() for cell in row])
    except (KeyError, IndexError, ValueError, csv.Error) as error:
        message = f"a line of the Alipay bill cannot be read: {error!r}"
        raise Unknown(message) from error


def _alipay_line(at: dict[str, int], row: list[str]) -> BillLine:
    is_refund = row[at["业务类型"]] == "退款"
    return BillLine(
        kind="refund" if is_refund else "payment",
        out_trade_no=row[at["商户订单号"]],
        gateway_txn_no=row[at["支付宝交易号"]],
        out_refund_no=row[at["退款批次号/请求号"]] if is_refund else "",
        amount_minor=abs(_fen(row[at["订单金额（元）"]])),
        fee_minor=-_fen(row[at["服务费（元）"]]),  # the bill shows what was taken as a negative amount
        at=_moment(row[at["完成时间"]]),
    )


def _alipay_told(rows: list[str]) -> Told:
    """Count, paid and refunded as the rows "#交易合计" and "#退款合计" state them."""
    found: dict[str, list[str]] = {}
    for row in rows:
        name, _, rest = row.replace(",", "，").partition("：")
        if name in {ALIPAY_PAID, ALIPAY_BACK}:
            found[name] = "".join(letter if letter in "0123456789.-" else " " for letter in rest).split()
    if len(found) != 2:
        raise Unknown("the Alipay bill has no summary")
    paid, back = found[ALIPAY_PAID], found[ALIPAY_BACK]
    return Told(int(paid[0]) + int(back[0]), abs(_fen(paid[1])), abs(_fen(back[1])))


def _cells(row: str) -> list[str]:
    """The cells of a row of WeChat Pay: a back-tick begins each, so a comma inside one is no border."""
    return row.rstrip("\r\n").removeprefix("`").split(",`")


def _fen(yuan: str) -> int:
    """Turn "12.34" into 1234; fees come with five decimals and round to the nearest fen."""
    whole, _point, rest = yuan.partition(".")
    if len(rest) == 2 and rest.isdecimal() and whole.isdecimal():
        return int(whole + rest)
    try:
        return int((Decimal(yuan or "0") * 100).to_integral_value())
    except (InvalidOperation, ValueError, OverflowError) as error:
        message = f"{yuan!r} in a bill is no amount"
        raise Unknown(message) from error


def _moment(text: str) -> datetime:
    return datetime.fromisoformat(text).replace(tzinfo=BEIJING).astimezone(UTC)
