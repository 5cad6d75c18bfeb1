"""The cashier: the page on which a buyer sees the amount and pays or declines. For people and for browser tests.

server.py routes `/scan` and `/cashier/…` here. Stable hooks: `#state[data-state]`, `#amount`, `#subject`, the buttons
`#pay` and `#decline` (name `decision`), the link `#back`.
"""

from html import escape
from typing import Final

from payments.simulator import alipay_papers
from payments.simulator.book import Refused, Trade
from payments.simulator.postman import Postman
from payments.simulator.world import Answer, Request, World, go_to

NAMES: Final = {"WECHAT": "WeChat Pay 微信支付", "ALIPAY": "Alipay 支付宝"}
SAID: Final = {
    "open": "Please check the amount, then pay. 请核对金额后付款。",
    "declined": "You declined. Nothing was paid. 您已取消，没有扣款。",
    "paid": "Paid. You can return to the shop. 支付成功，请返回商家页面。",
    "closed": "This payment was closed by the shop. 商家已关闭此订单。",
    "expired": "This payment has expired. 订单已过期。",
    "absent": "There is no such payment. 订单不存在。",
}
STYLE: Final = """
:root{color-scheme:light dark;--c:#07803c}
[data-gateway=ALIPAY]{--c:#0b63ce}
body{font:1rem/1.5 system-ui,sans-serif;margin:0;display:grid;justify-items:center}
.banner{width:100%;background:#8a4b00;color:#fff;text-align:center;padding:.5rem 0}
main{box-sizing:border-box;width:min(26rem,100%);padding:1rem;text-align:center;overflow-wrap:anywhere}
#amount{font-size:2.5rem;font-variant-numeric:tabular-nums;margin:.5rem 0}
button,#back{font:inherit;display:block;box-sizing:border-box;width:100%;min-height:3rem;margin:.75rem 0;
border-radius:.5rem;border:1px solid currentcolor;background:transparent;color:inherit;cursor:pointer}
#back{line-height:3rem;text-decoration:none}
#pay{background:var(--c);border-color:var(--c);color:#fff;font-weight:600}
:focus-visible{outline:3px solid #d18b00;outline-offset:2px}
"""


def scan(world: World, request: Request) -> Answer:
    """Lead from the text of a scanned code to its cashier page."""
    trade = find_code(world, request.query.get("code_url", ""))
    return go_to(f"/cashier/{trade.gateway.lower()}/{trade.token}") if trade else _page(None, "absent", 404)


def find_code(world: World, code_url: str) -> Trade | None:
    """Find the trade that a code (weixin://… or https://qr.alipay.com/…) belongs to."""
    try:
        return world.book.by_token(code_url.rpartition("=")[2].rpartition("/")[2])
    except Refused:
        return None


async def serve(world: World, postman: Postman, request: Request, token: str) -> Answer:
    """Show a payment (GET) or do what the buyer decided (POST)."""
    try:
        trade = world.book.by_token(token)
    except Refused:
        return _page(None, "absent", 404)
    if not trade.was_opened:
        trade.was_opened = True
        world.book.save(trade)
    if request.method != "POST":
        return _page(trade, _state(trade))
    decision = request.form.get("decision")
    world.note("cashier", trade.no, decision=decision)
    if decision != "pay":
        return _page(trade, "declined" if trade.state == "NOTPAY" else _state(trade))
    try:
        pay(world, postman, trade)
    except Refused:
        return _page(trade, _state(trade), 409)
    return go_to(alipay_papers.way_back(world, trade) if trade.return_url else request.path)


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


def _state(trade: Trade) -> str:
    if trade.state == "SUCCESS":
        return "paid"
    if trade.state == "CLOSED":
        return "expired" if trade.is_expired else "closed"
    return "open"


def _page(trade: Trade | None, state: str, status: int = 200) -> Answer:
    name = NAMES[trade.gateway] if trade else "Cashier 收银台"
    gateway = trade.gateway if trade else ""
    html = (
        f'<!doctype html><html lang="en"><head><meta charset="utf-8"><title>{name}</title>'
        '<meta name="viewport" content="width=device-width, initial-scale=1">'
        f'<style>{STYLE}</style></head><body data-gateway="{gateway}">'
        '<header class="banner">simulator: no money moves · 模拟器，不会产生真实扣款</header>'
        f"<main><h1>{name}</h1>{_order(trade)}"
        f'<p id="state" role="status" data-state="{state}">{SAID[state]}</p>'
        f"{_buttons(trade, state)}</main></body></html>"
    )
    return Answer(status=status, body=html.encode(), content_type="text/html; charset=utf-8")


def _order(trade: Trade | None) -> str:
    if trade is None:
        return ""
    fen = trade.captured or trade.amount
    return (
        f'<p id="subject">{escape(trade.subject)}</p><p id="amount">¥{fen // 100}.{fen % 100:02d}</p>'
        f'<p>No. <span id="number">{escape(trade.no)}</span></p>'
    )


def _buttons(trade: Trade | None, state: str) -> str:
    if trade is None:
        return ""
    back = f'<a id="back" href="{escape(trade.return_url)}">Back to the shop 返回商家</a>' if trade.return_url else ""
    if state not in {"open", "declined"}:
        return back
    return (
        '<form method="post"><button id="pay" name="decision" value="pay">Pay 确认付款</button>'
        f'<button id="decline" name="decision" value="decline">Decline 取消</button></form>{back}'
    )
