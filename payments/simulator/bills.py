"""Daily trade bills in the gateways' own formats; wechat.py and alipay.py offer them, server.py serves the files.

WeChat Pay: CSV in UTF-8, cells with a back-tick, two summary rows, gzip, SHA-1 of the plain file in the signed answer.
Alipay: a zip of two GBK files with comment rows. A day is a day in Beijing, and only past days have a bill.
"""

import csv
import gzip
import hashlib
import io
import zipfile
from collections.abc import Iterator
from datetime import date, datetime, timedelta, timezone
from typing import Final, NamedTuple

from payments.simulator.book import GatewayName, Refund, Trade
from payments.simulator.world import Answer, Request, World, as_json

BEIJING: Final = timezone(timedelta(hours=8))
FEE_PER_10000: Final = 60  # 0.6 %, what both gateways take from a small shop
WECHAT_HEAD: Final = (
    "交易时间,公众账号ID,商户号,特约商户号,设备号,微信订单号,商户订单号,用户标识,交易类型,交易状态,付款银行,货币种类,"
    "应结订单金额,代金券金额,微信退款单号,商户退款单号,退款金额,充值券退款金额,退款类型,退款状态,商品名称,商户数据包,"
    "手续费,费率,订单金额,申请退款金额,费率备注"
)
WECHAT_TOTAL: Final = "总交易单数,应结订单总金额,退款总金额,充值券退款总金额,手续费总金额,订单总金额,申请退款总金额"
ALIPAY_HEAD: Final = (
    "支付宝交易号,商户订单号,业务类型,商品名称,创建时间,完成时间,门店编号,门店名称,操作员,终端号,对方账户,订单金额（元）,"
    "商家实收（元）,支付宝红包（元）,集分宝（元）,支付宝优惠（元）,商家优惠（元）,券核销金额（元）,券名称,商家红包消费金额（元）,"
    "卡消费金额（元）,退款批次号/请求号,服务费（元）,分润（元）,备注"
)


class Line(NamedTuple):
    """One movement of money on a day."""

    trade: Trade
    refund: Refund | None
    at: float

    @property
    def amount(self) -> int:
        """Fen paid or given back."""
        return self.refund.amount if self.refund else self.trade.captured

    @property
    def fee(self) -> int:
        """Fen the gateway took, or returned with a refund (negative)."""
        fee = (self.amount * FEE_PER_10000 + 5000) // 10000
        return -fee if self.refund else fee


def offer_wechat(world: World, request: Request) -> Answer:
    """Answer GET /v3/bill/tradebill: where the bill lies and its SHA-1."""
    day = date.fromisoformat(request.query["bill_date"])
    if not _is_past(world, day):
        return as_json({"code": "NO_STATEMENT_EXIST", "message": "账单文件不存在"}, 400)
    digest = hashlib.sha1(wechat_text(world, day).encode(), usedforsecurity=False).hexdigest()
    url = f"{request.base}/v3/billdownload/file?token={day.isoformat()}"
    return as_json({"download_url": url, "hash_type": "SHA1", "hash_value": digest})


def offer_alipay(world: World, request: Request, day: date) -> str:
    """Say where the bill lies, "" when there is none."""
    return f"{request.base}/alipay/bill?day={day.isoformat()}" if _is_past(world, day) else ""


def wechat_file(world: World, request: Request) -> Answer:
    """Serve the packed bill."""
    text = wechat_text(world, date.fromisoformat(request.query["token"]))
    return Answer(body=gzip.compress(text.encode()), content_type="application/octet-stream")


def alipay_file(world: World, request: Request) -> Answer:
    """Serve the zip with the detail and the summary file."""
    day = date.fromisoformat(request.query["day"])
    name = f"{world.keys.names.seller_id}_{day:%Y%m%d}_业务明细"
    packed = io.BytesIO()
    with zipfile.ZipFile(packed, "w", zipfile.ZIP_DEFLATED) as files:
        files.writestr(_GbkInfo(f"{name}.csv"), _alipay_text(world, day).encode("gbk"))
        files.writestr(_GbkInfo(f"{name}(汇总).csv"), "#支付宝业务汇总查询\r\n".encode("gbk"))
    return Answer(body=packed.getvalue(), content_type="application/zip")


def wechat_text(world: World, day: date) -> str:
    """Write a WeChat Pay bill."""
    lines = list(_lines(world, "WECHAT", day))
    rows = [_wechat_row(line) for line in lines]
    paid = sum(line.amount for line in lines if not line.refund)
    back = sum(line.amount for line in lines if line.refund)
    total = [str(len(lines)), _yuan(paid), _yuan(back), "0.00", f"{sum(line.fee for line in lines) / 100:.5f}"]
    total += [_yuan(paid), _yuan(back)]
    text = "\r\n".join([WECHAT_HEAD, *map(_ticked, rows), WECHAT_TOTAL, _ticked(total)])
    return f"\ufeff{text}\r\n"


class _GbkInfo(zipfile.ZipInfo):
    """A zip entry whose name is GBK without the UTF-8 flag, as Alipay's are."""

    def _encodeFilenameFlags(self) -> tuple[bytes, int]:  # noqa: N802 - zipfile's own hook
        return self.filename.encode("gbk"), self.flag_bits & ~0x800


def _wechat_row(line: Line) -> list[str]:
    trade, refund = line.trade, line.refund
    yuan, none = _yuan(line.amount), "0.00"
    row = [_moment(line.at), trade.app, trade.merchant, "0", "", trade.txn_no, trade.no, f"o{trade.token[:27]}"]
    row += ["NATIVE", "REFUND" if refund else "SUCCESS", "OTHERS", "CNY", none if refund else yuan, none]
    row += (
        [refund.refund_no, refund.no, yuan, none, "ORIGINAL", "SUCCESS"] if refund else ["0", "0", none, none, "", ""]
    )
    row += [trade.subject.replace(",", " "), "", f"{line.fee / 100:.5f}", "0.60%"]
    return [*row, none if refund else yuan, yuan if refund else none, ""]


def _alipay_text(world: World, day: date) -> str:
    lines = list(_lines(world, "ALIPAY", day))
    table = io.StringIO()
    writer = csv.writer(table)
    writer.writerow(ALIPAY_HEAD.split(","))
    writer.writerows(_alipay_row(line) for line in lines)
    paid = [line.amount for line in lines if not line.refund]
    back = [line.amount for line in lines if line.refund]
    return (
        f"#支付宝业务明细查询\r\n#账号：[{world.keys.names.seller_id}0156]\r\n"
        f"#起始日期：[{day:%Y年%m月%d日} 00:00:00]   终止日期：[{day + timedelta(days=1):%Y年%m月%d日} 00:00:00]\r\n"
        f"#{'业务明细列表':-^96}\r\n{table.getvalue()}#{'业务明细列表结束':-^96}\r\n"
        f"#交易合计：{len(paid)}笔，商家实收共{_yuan(sum(paid))}元，商家优惠共0.00元\r\n"
        f"#退款合计：{len(back)}笔，商家实收退款共-{_yuan(sum(back))}元，商家优惠退款共0.00元\r\n"
    )


def _alipay_row(line: Line) -> list[str]:
    trade, refund = line.trade, line.refund
    moved = f"{'-' if refund else ''}{_yuan(line.amount)}"
    row = [f"{trade.txn_no}\t", f"{trade.no}\t", "退款" if refund else "交易", trade.subject, _moment(trade.created_at)]
    row += [_moment(line.at), "", "", "", "", "buy***@sim", moved, moved]
    row += ["0.00", "0.00", "0.00", "0.00", "0.00", "", "0.00", "0.00", refund.no if refund else ""]
    return [*row, f"{-line.fee / 100:.2f}", "0.00", ""]


def _lines(world: World, gateway: GatewayName, day: date) -> Iterator[Line]:
    start = datetime(day.year, day.month, day.day, tzinfo=BEIJING).timestamp()
    for trade in world.book:
        if trade.gateway != gateway:
            continue
        moves = [Line(trade, None, trade.paid_at), *(Line(trade, refund, refund.done_at) for refund in trade.refunds)]
        yield from (line for line in moves if start <= line.at < start + 86400)


def _is_past(world: World, day: date) -> bool:
    return day < datetime.fromtimestamp(world.clock.now(), tz=BEIJING).date()


def _ticked(row: list[str]) -> str:
    return ",".join(f"`{cell}" for cell in row)


def _yuan(fen: int) -> str:
    return f"{fen / 100:.2f}"


def _moment(at: float) -> str:
    return f"{datetime.fromtimestamp(at, tz=BEIJING):%Y-%m-%d %H:%M:%S}"
