"""The cashier: a buyer opens a payment, pays or declines it. For people, browser tests and the oracle.

server.py routes `/scan` and `/cashier/…` here; cashier_page.py writes what is seen.
"""

import re
from typing import Final
from urllib.parse import urlsplit

from payments.simulator import alipay_papers
from payments.simulator.book import Refused, Trade
from payments.simulator.cashier_page import Language, State, write
from payments.simulator.postman import Postman
from payments.simulator.world import Answer, Request, World, go_to

CODE: Final = re.compile(r"(?:.*[=/])?(?:wx)?([0-9a-f]{32})", re.DOTALL)


def scan(world: World, request: Request) -> Answer:
    """Lead from the text of a scanned code to its cashier page."""
    trade = find_code(world, request.query.get("code_url", ""))
    if trade is None:
        return write(None, "absent", _language(request), status=404)
    return go_to(f"/cashier/{trade.gateway.lower()}/{trade.token}")


def find_code(world: World, code_url: str) -> Trade | None:
    """Find the trade of a code (weixin://…, https://qr.alipay.com/…) or of a mini-program's package (prepay_id=…)."""
    found = CODE.fullmatch(code_url)
    try:
        return world.book.by_token(found[1]) if found else None
    except Refused:
        return None


async def serve(world: World, postman: Postman, request: Request, token: str) -> Answer:
    """Show a payment (GET) or do what the buyer decided (POST)."""
    language = _language(request)
    try:
        trade = world.book.by_token(token)
    except Refused:
        return write(None, "absent", language, status=404)
    world.book.open_up(trade)
    decision = request.form.get("decision") if request.method == "POST" else None
    if decision is not None:
        world.note("cashier", trade.no, decision=decision)
    state, status, keep = _state(trade), 200, _redirect_url(request)
    if decision == "pay":
        try:
            pay(world, postman, trade)
        except Refused:
            state, status = _state(trade), 409
        else:
            return go_to(_way_back(world, trade, keep) or f"{request.path}?lang={language}")
    elif decision is not None and state == "open":
        state = "declined"
    back = _way_back(world, trade, keep) if state == "paid" else keep or trade.return_url
    return write(trade, state, language, back, keep, status)


def pay(
    world: World,
    postman: Postman,
    trade: Trade,
    amount: int | None = None,
    coupon: int = 0,
    *,
    late: bool = False,
    silent: bool = False,
) -> None:
    """Take the buyer's money and set the notification going, which is lost when `silent`. Raises Refused.

    `late` takes it also when the trade is closed.
    """
    if amount is None and trade.state == "NOTPAY" and world.faults.strikes("amount_changed"):
        amount = trade.amount + 1
    letter = world.book.pay(trade, amount, coupon, late=late)
    if silent:
        world.faults.fired["lost"] += 1
        postman.lose(trade, letter)
    else:
        postman.send(trade, letter)


def close(world: World, postman: Postman, trade: Trade) -> None:
    """Close for the merchant. Raises Refused. A fault captures the money afterwards all the same."""
    world.book.close(trade)
    if world.faults.strikes("paid_after_close", "close"):
        trade.late_at = world.clock.now() + world.scaled("paid_after_close")
        world.book.save(trade)
        postman.run(capture_late(world, postman, trade))


def resume(world: World, postman: Postman) -> None:
    """Go on with the late captures that the last run left open."""
    for trade in world.book:
        if trade.late_at and trade.state == "CLOSED":
            postman.run(capture_late(world, postman, trade))


async def capture_late(world: World, postman: Postman, trade: Trade) -> None:
    """Take the money of a closed trade when its moment comes."""
    await world.clock.reach(trade.late_at)
    if trade.state != "SUCCESS":
        postman.send(trade, world.book.pay(trade, late=True))
        world.note("paid after close", trade.no)


def _state(trade: Trade) -> State:
    if trade.state == "SUCCESS":
        return "paid"
    if trade.state == "CLOSED":
        return "expired" if trade.is_expired else "closed"
    return "open"


def _way_back(world: World, trade: Trade, redirect_url: str) -> str:
    """Where a buyer who paid goes: Alipay signs the shop's address, WeChat Pay's h5 takes the one it was given."""
    return alipay_papers.way_back(world, trade) if trade.return_url else redirect_url


def _redirect_url(request: Request) -> str:
    """Read the address that a shop hung on to the h5_url; "" unless it leads into the web."""
    wanted = request.query.get("redirect_url", "")
    return wanted if urlsplit(wanted).scheme in {"http", "https"} else ""


def _language(request: Request) -> Language:
    """Choose what the link asks for, then what the browser prefers."""
    wanted = request.query.get("lang") or request.headers.get("accept-language", "")
    return "zh-Hans" if wanted.lower().startswith("zh") else "en"
