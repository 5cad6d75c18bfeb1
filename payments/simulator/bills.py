"""Daily trade bills: which movements of money a day had, and the faults of the gateways that list them.

wechat.py and alipay.py offer a bill, server.py serves the file; bill_papers.py writes it in the gateway's own format.
A day is a day in Beijing, and only past days have a bill. What is offered is what is served: a fault strikes once.
"""

import hashlib
import time
from collections.abc import Iterator
from dataclasses import replace
from datetime import date, datetime, timedelta
from typing import Final

from payments.simulator import bill_papers as papers
from payments.simulator import crypto
from payments.simulator.bill_papers import BEIJING, Line
from payments.simulator.book import GatewayName, Trade
from payments.simulator.world import Answer, Request, World, as_json

DAYS_BACK: Final = 90
LINK_SECONDS: Final[dict[GatewayName, float]] = {"WECHAT": 300.0, "ALIPAY": 30.0}  # of real time
KINDS: Final = ("ALL", "SUCCESS", "REFUND")
LINKS: Final = 64  # kept at most


class NoBill(Exception):
    """There is none: `code` is WeChat Pay's word for why."""

    def __init__(self, code: str, words: str) -> None:
        super().__init__(code)
        self.code = code
        self.words = words


def offer_wechat(world: World, request: Request) -> Answer:
    """Answer GET /v3/bill/tradebill: where the bill lies and its SHA-1."""
    asked = request.query
    kind, packing = asked.get("bill_type", "ALL"), asked.get("tar_type", "")
    if kind not in KINDS or packing not in {"", "GZIP"}:
        raise ValueError("bill_type, tar_type")
    try:
        lines = _bill(world, "WECHAT", date.fromisoformat(asked["bill_date"]))
    except NoBill as none:
        return as_json({"code": none.code, "message": none.words}, 400)
    if not lines:
        return as_json({"code": "NO_STATEMENT_EXIST", "message": "账单文件不存在"}, 400)
    text = papers.wechat([line for line in lines if kind in {"ALL", "REFUND" if line.refund else "SUCCESS"}]).encode()
    digest = hashlib.sha1(text, usedforsecurity=False).hexdigest()
    link = _keep(world, "WECHAT", papers.gzipped(text) if packing else text)
    url = f"{request.base}/v3/billdownload/file?token={link}"
    return as_json({"download_url": url, "hash_type": "SHA1", "hash_value": digest})


def offer_alipay(world: World, request: Request, day: date) -> str:
    """Say where the bill lies, "" when there is none."""
    try:
        lines = _bill(world, "ALIPAY", day)
    except NoBill:
        return ""
    if not lines:
        return ""
    link = _keep(world, "ALIPAY", papers.alipay(world.keys.names.seller_id, day, lines))
    return f"{request.base}/alipay/bill?token={link}"


def wechat_file(world: World, request: Request) -> Answer:
    """Serve a bill that was offered; the answer itself is not signed."""
    packed = _kept(world, request)
    if packed is None:
        return as_json({"code": "INVALID_REQUEST", "message": "请重新获取账单地址"}, 400)
    return Answer(body=packed, content_type="application/octet-stream")


def alipay_file(world: World, request: Request) -> Answer:
    """Serve a bill that was offered."""
    packed = _kept(world, request)
    if packed is None:
        return Answer(status=403, body=b"expired", content_type="text/plain")
    return Answer(body=packed, content_type="application/zip")


def _bill(world: World, gateway: GatewayName, day: date) -> list[Line]:
    today = datetime.fromtimestamp(world.clock.now(), tz=BEIJING).date()
    if not today - timedelta(days=DAYS_BACK) <= day < today:
        raise NoBill("NO_STATEMENT_EXIST", "账单文件不存在")
    if world.faults.strikes("bill_late", "bill"):
        raise NoBill("STATEMENT_CREATING", "账单生成中")
    return _altered(world, gateway, list(_lines(world, gateway, day)), day)


def _lines(world: World, gateway: GatewayName, day: date) -> Iterator[Line]:
    start = datetime(day.year, day.month, day.day, tzinfo=BEIJING).timestamp()
    for trade in world.book:
        if trade.gateway != gateway or trade.state != "SUCCESS":
            continue
        moves = [Line(trade, None, trade.paid_at, trade.captured)]
        moves += [Line(trade, back, back.done_at, back.amount) for back in trade.refunds if back.ends == "SUCCESS"]
        yield from (line for line in moves if start <= line.at < start + 86400)


def _altered(world: World, gateway: GatewayName, lines: list[Line], day: date) -> list[Line]:
    """Let the faults of bills strike; the log names the trade each one hit."""
    if lines and world.faults.strikes("bill_short", "bill"):
        world.note("bill_short", lines.pop(0).trade.no)
    if lines and world.faults.strikes("bill_off_by_one", "bill"):
        last = lines.pop()
        lines.append(last._replace(amount=last.amount + 1))
        world.note("bill_off_by_one", last.trade.no)
    if world.faults.strikes("bill_extra", "bill"):
        at = datetime(day.year, day.month, day.day, 12, tzinfo=BEIJING).timestamp()
        trade = _nobodys(world, gateway, at)
        lines.append(Line(trade, None, at, trade.captured))
        world.note("bill_extra", trade.no)
    return lines


def _nobodys(world: World, gateway: GatewayName, at: float) -> Trade:
    """Make up a paid trade that is in nobody's books."""
    names = world.keys.names
    merchant, app = (names.mchid, names.appid) if gateway == "WECHAT" else (names.seller_id, names.app_id)
    trade = Trade(gateway, f"extra{crypto.digits(16)}", merchant, app, 888, "CNY", "?", "native", "", "", at, at)
    return replace(trade, state="SUCCESS", captured=888, paid_at=at, txn_no=crypto.digits(28))


def _keep(world: World, gateway: GatewayName, packed: bytes) -> str:
    link = crypto.token()
    world.links[link] = (time.time() + LINK_SECONDS[gateway], packed)
    while len(world.links) > LINKS:
        del world.links[next(iter(world.links))]
    return link


def _kept(world: World, request: Request) -> bytes | None:
    until, packed = world.links.get(request.query.get("token", ""), (0.0, b""))
    return packed if time.time() < until else None
