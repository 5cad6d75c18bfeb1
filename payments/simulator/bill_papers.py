"""How the gateways write a trade bill; bills.py says what stands in it.

WeChat Pay: CSV in UTF-8, cells with a back-tick, two summary rows, gzip when asked for.
Alipay: a zip of two GBK files, details and summary, both with comment rows.
"""

import csv
import gzip
import io
import zipfile
from collections.abc import Iterable, Sequence
from datetime import date, datetime, timedelta, timezone
from typing import Final, NamedTuple

from payments.simulator.book import Refund, Trade

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
ALIPAY_SUMMARY_HEAD: Final = (
    "门店编号,门店名称,交易订单总笔数,退款订单总笔数,订单金额（元）,商家实收（元）,支付宝优惠（元）,商家优惠（元）,"
    "卡消费金额（元）,服务费（元）,分润（元）,实收净额（元）"
)
WECHAT_TYPES: Final = {"native": "NATIVE", "jsapi": "JSAPI", "h5": "MWEB"}
UNFIT: Final = frozenset(',`"')


class Line(NamedTuple):
    """One movement of money on a day."""

    trade: Trade
    refund: Refund | None
    at: float
    amount: int  # fen paid or given back

    @property
    def fee(self) -> int:
        """Fen the gateway took, or returned with a refund (negative)."""
        fee = (self.amount * FEE_PER_10000 + 5000) // 10000
        return -fee if self.refund else fee


def wechat(lines: Sequence[Line]) -> str:
    """Write a WeChat Pay bill."""
    paid = sum(line.amount for line in lines if not line.refund)
    back = sum(line.amount for line in lines if line.refund)
    total = [str(len(lines)), _yuan(paid), _yuan(back), "0.00", f"{_yuan(sum(line.fee for line in lines))}000"]
    total += [_yuan(paid), _yuan(back)]
    text = "\r\n".join([WECHAT_HEAD, *(_ticked(_wechat_row(line)) for line in lines), WECHAT_TOTAL, _ticked(total)])
    return f"\ufeff{text}\r\n"


def gzipped(text: bytes) -> bytes:
    """Pack a WeChat Pay bill."""
    return gzip.compress(text, mtime=0)


def alipay(seller: str, day: date, lines: Sequence[Line]) -> bytes:
    """Write and pack an Alipay bill: the details and the summary."""
    name = f"{seller}_{day:%Y%m%d}_业务明细"
    packed = io.BytesIO()
    with zipfile.ZipFile(packed, "w", zipfile.ZIP_DEFLATED) as files:
        files.writestr(_GbkInfo(f"{name}.csv"), _alipay_text(seller, day, lines).encode("gbk", "replace"))
        files.writestr(_GbkInfo(f"{name}(汇总).csv"), _alipay_summary(seller, day, lines).encode("gbk"))
    return packed.getvalue()


class _GbkInfo(zipfile.ZipInfo):
    """A zip entry whose name is GBK without the UTF-8 flag, as Alipay's are."""

    def _encodeFilenameFlags(self) -> tuple[bytes, int]:  # noqa: N802 - zipfile's own hook
        return self.filename.encode("gbk"), self.flag_bits & ~0x800


def _wechat_row(line: Line) -> list[str]:
    trade, refund = line.trade, line.refund
    yuan, none = _yuan(line.amount), _yuan(0)
    row = [_moment(line.at), trade.app, trade.merchant, "0", "", trade.txn_no, trade.no, trade.payer]
    row += [WECHAT_TYPES.get(trade.form, "NATIVE"), "REFUND" if refund else "SUCCESS", "OTHERS", "CNY"]
    if refund:
        row += [none, none, refund.refund_no, refund.no, yuan, none, "ORIGINAL", "SUCCESS"]
    else:
        row += [yuan, _yuan(trade.coupon), "0", "0", none, none, "", ""]
    row += [_plain(trade.subject), "", f"{_yuan(line.fee)}000", "0.60%"]
    return [*row, none if refund else yuan, yuan if refund else none, ""]


def _alipay_text(seller: str, day: date, lines: Sequence[Line]) -> str:
    paid = [line.amount for line in lines if not line.refund]
    back = [line.amount for line in lines if line.refund]
    table = _table(ALIPAY_HEAD, (_alipay_row(line) for line in lines))
    return (
        f"#支付宝业务明细查询\r\n{_alipay_head(seller, day)}"
        f"#{'业务明细列表':-^96}\r\n{table}#{'业务明细列表结束':-^96}\r\n"
        f"#交易合计：{len(paid)}笔，商家实收共{_yuan(sum(paid))}元，商家优惠共0.00元\r\n"
        f"#退款合计：{len(back)}笔，商家实收退款共{_yuan(-sum(back))}元，商家优惠退款共0.00元\r\n"
    )


def _alipay_summary(seller: str, day: date, lines: Sequence[Line]) -> str:
    paid = sum(line.amount for line in lines if not line.refund)
    back = sum(line.amount for line in lines if line.refund)
    refunds, fee = sum(1 for line in lines if line.refund), sum(line.fee for line in lines)
    moved, none = _yuan(paid - back), _yuan(0)
    row = ["合计", "", str(len(lines) - refunds), str(refunds), moved, moved, none, none, none]
    table = _table(ALIPAY_SUMMARY_HEAD, [[*row, _yuan(-fee), none, _yuan(paid - back - fee)]])
    return (
        f"#支付宝业务汇总查询\r\n{_alipay_head(seller, day)}"
        f"#{'业务汇总列表':-^96}\r\n{table}#{'业务汇总列表结束':-^96}\r\n"
    )


def _alipay_head(seller: str, day: date) -> str:
    return (
        f"#账号：[{seller}0156]\r\n"
        f"#起始日期：[{day:%Y年%m月%d日} 00:00:00]   终止日期：[{day + timedelta(days=1):%Y年%m月%d日} 00:00:00]\r\n"
    )


def _alipay_row(line: Line) -> list[str]:
    trade, refund, none = line.trade, line.refund, _yuan(0)
    moved = _yuan(-line.amount if refund else line.amount)
    row = [f"{trade.txn_no}\t", f"{trade.no}\t", "退款" if refund else "交易", _plain(trade.subject)]
    row += [_moment(trade.created_at), _moment(line.at), "", "", "", "", "buy***@sim", moved, moved]
    row += [none, none, none if refund else _yuan(trade.coupon), none, none, "", none, none]
    return [*row, refund.no if refund else "", _yuan(-line.fee), none, ""]


def _table(head: str, rows: Iterable[Sequence[str]]) -> str:
    table = io.StringIO()
    writer = csv.writer(table)
    writer.writerow(head.split(","))
    writer.writerows(rows)
    return table.getvalue()


def _ticked(row: list[str]) -> str:
    return ",".join(f"`{cell}" for cell in row)


def _plain(text: str) -> str:
    """Keep a subject in its cell."""
    return "".join(" " if letter in UNFIT or not letter.isprintable() else letter for letter in text)


def _yuan(fen: int) -> str:
    return f"{'-' if fen < 0 else ''}{abs(fen) // 100}.{abs(fen) % 100:02d}"


def _moment(at: float) -> str:
    return f"{datetime.fromtimestamp(at, tz=BEIJING):%Y-%m-%d %H:%M:%S}"
