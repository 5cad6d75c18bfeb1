"""The oracle: what tests, the soak and the load simulator may ask and do behind the gateways' backs.

server.py routes `/oracle/…` here. All bodies and answers are JSON.

    GET  /oracle/trades[?gateway=]     every trade          GET  /oracle/trades/{no}    one, with captured and refunded
    GET  /oracle/totals                sums per gateway, letters under way
    GET  /oracle/log[?out_trade_no=]   calls and notifications, oldest first
    GET  /oracle/codes?code_url=       the trade behind a code
    GET  /oracle/faults                rules and how often each fault fired
    POST /oracle/faults                replace the rules: {"lost": 0.1, "latency": {"rate": 1, "seconds": 2}}
    POST /oracle/pay                   pay as the customer: {"out_trade_no" or "code_url", "amount"?, "coupon"?,
                                       "late"?: true also when it is closed,
                                       "silent"?: true loses its notification}
    POST /oracle/request_payment       what a mini-program hands to wx.requestPayment: checks its paySign, then pays
    POST /oracle/console_refund        refund at the gateway's own console: {"out_trade_no", "amount", "notify"?}
    POST /oracle/finish_refund         end a stuck or ABNORMAL one: {"out_trade_no", "out_refund_no", "state"?}
    POST /oracle/notify                write a notification: {"out_trade_no", "as"?, "refund"?} → {"headers", "body"}
    POST /oracle/rotate                a new key of WeChat Pay beside the old: {"hand_over"?: false to keep it from the
                                       shop}; {"retire": true}: the old ones are valid no longer
    POST /oracle/clock                 move business time: {"advance": seconds}
    POST /oracle/reset                 forget trades, letters, log, faults, the moved clock and old keys
"""

import time
from collections.abc import Callable
from dataclasses import asdict
from typing import Any, Final, get_args

import orjson

from payments.simulator import cashier, crypto, refunds, wechat
from payments.simulator.book import End, Letter, Refused, Trade
from payments.simulator.faults import NoSuchFault
from payments.simulator.postman import Postman, Variant
from payments.simulator.world import Answer, Request, World, as_json

Ask = dict[str, Any]
MOST_FEN: Final = 10**11
MOST_AHEAD_SECONDS: Final = 20 * 365 * 86400.0


def serve(world: World, postman: Postman, request: Request, path: str) -> Answer:
    """Answer one question, or 4xx with an "error"."""
    verb, _, part = path.partition("/")
    door = DOORS.get((request.method, verb))
    if door is None:
        return as_json({"error": f"no such door: {request.method} /oracle/{path}"}, 404)
    try:
        ask = orjson.loads(request.body) if request.method == "POST" and request.body else dict(request.query)
        return as_json(door(world, postman, {**ask, "part": part}))
    except Refused as no:
        return as_json({"error": no.why}, 404 if no.why == "absent" else 409)
    except (NoSuchFault, KeyError, ValueError, TypeError, AttributeError, OverflowError) as error:
        return as_json({"error": f"{type(error).__name__}: {error}"}, 400)


def find(world: World, ask: Ask) -> Trade:
    """Find a trade by out_trade_no (of "gateway", if both use it) or by code_url. Raises Refused("absent")."""
    if "code_url" in ask:
        trade = cashier.find_code(world, ask["code_url"])
        if trade is None:
            raise Refused("absent")
        return trade
    no = ask.get("out_trade_no") or ask["part"]
    if ask.get("gateway") == "ALIPAY":
        return world.book.find("ALIPAY", no)
    try:
        return world.book.find("WECHAT", no)
    except Refused:
        return world.book.find("ALIPAY", no)


def _whole(ask: Ask, name: str, least: int, most: int) -> int:
    """Read a whole number; ValueError names it when it is none or out of range."""
    number = int(ask[name])
    if not least <= number <= most:
        message = f"{name} is not between {least} and {most}"
        raise ValueError(message)
    return number


def _told(trade: Trade) -> dict[str, Any]:
    told = asdict(trade)
    no, page = told.pop("no"), f"/cashier/{trade.gateway.lower()}/{trade.token}"
    return {"out_trade_no": no, **told, "refunded": trade.refunded, "cashier": page}


def _trades(world: World, _postman: Postman, ask: Ask) -> Any:
    if ask["part"]:
        return _told(find(world, ask))
    return {"trades": [_told(trade) for trade in world.book if ask.get("gateway", trade.gateway) == trade.gateway]}


def _totals(world: World, postman: Postman, _ask: Ask) -> Any:
    sums = {name: {"trades": 0, "captured": 0, "refunded": 0} for name in ("WECHAT", "ALIPAY")}
    for trade in world.book:
        sums[trade.gateway]["trades"] += 1
        sums[trade.gateway]["captured"] += trade.captured
        sums[trade.gateway]["refunded"] += trade.refunded
    return {**sums, "letters_under_way": postman.pending}


def _log(world: World, _postman: Postman, ask: Ask) -> Any:
    no = ask.get("out_trade_no")
    return {"log": [line for line in world.log if no in {None, line["out_trade_no"]}]}


def _codes(world: World, _postman: Postman, ask: Ask) -> Any:
    return _told(find(world, {"code_url": ask["code_url"]}))


def _faults(world: World, _postman: Postman, _ask: Ask) -> Any:
    return world.faults.report()


def _set_faults(world: World, _postman: Postman, ask: Ask) -> Any:
    world.faults.set({name: rule for name, rule in ask.items() if name != "part"})
    return world.faults.report()


def _pay(world: World, postman: Postman, ask: Ask) -> Any:
    trade = find(world, ask)
    fen = None if ask.get("amount") is None else _whole(ask, "amount", 1, MOST_FEN)
    coupon = _whole({"coupon": 0, **ask}, "coupon", 0, (fen or trade.amount) - 1)
    late, silent = bool(ask.get("late")), bool(ask.get("silent"))
    cashier.pay(world, postman, trade, fen, coupon, late=late, silent=silent)
    return _told(trade)


def _request_payment(world: World, postman: Postman, ask: Ask) -> Any:
    """Pay as WeChat does when a mini-program asks: the package must be the merchant's, signed and fresh."""
    lines = "".join(f"{ask[name]}\n" for name in ("appId", "timeStamp", "nonceStr", "package"))
    is_signed = ask["signType"] == "RSA" and crypto.verifies(
        world.keys.wechat_merchant.public_key(), lines.encode(), ask["paySign"]
    )
    is_fresh = abs(time.time() - int(ask["timeStamp"])) < wechat.LIFETIME_SECONDS
    if not (is_signed and is_fresh and ask["appId"] == world.keys.names.appid):
        raise ValueError("paySign")
    trade = find(world, {"code_url": ask["package"]})
    if trade.form != "jsapi":
        raise Refused("absent")
    cashier.pay(world, postman, trade)
    return {"errMsg": "requestPayment:ok", "out_trade_no": trade.no}


def _console_refund(world: World, postman: Postman, ask: Ask) -> Any:
    trade = find(world, ask)
    is_told = bool(ask.get("notify", trade.gateway == "ALIPAY"))  # what each gateway does by itself
    refund = refunds.at_the_console(world, postman, trade, _whole(ask, "amount", 1, MOST_FEN), is_told=is_told)
    return {"out_refund_no": refund.no, "gateway_refund_no": refund.refund_no, "amount": refund.amount}


def _finish_refund(world: World, postman: Postman, ask: Ask) -> Any:
    trade, end = find(world, ask), ask.get("state", "SUCCESS")
    refund = trade.find_refund(ask["out_refund_no"])
    if end not in get_args(End):
        message = f"a refund does not end as {end!r}"
        raise ValueError(message)
    if refund is None:
        raise Refused("absent")
    refunds.finish(world, postman, trade, refund, end)
    return _told(trade)


def _notify(world: World, postman: Postman, ask: Ask) -> Any:
    trade = find(world, ask)
    variant: Variant = ask.get("as", "")
    if variant not in get_args(Variant):
        message = f"there is no variant {variant!r}"
        raise ValueError(message)
    refund = ask.get("refund", "")
    known = [letter for letter in trade.letters if letter.refund == refund]
    if not known:
        raise Refused("unpaid")
    envelope = postman.write(trade, Letter(id=known[0].id, refund=refund), variant)
    return {"headers": envelope.headers, "body": envelope.body.decode()}


def _clock(world: World, _postman: Postman, ask: Ask) -> Any:
    ahead = world.clock.ahead + float(ask["advance"])
    if not abs(ahead) <= MOST_AHEAD_SECONDS:
        raise ValueError("advance")
    world.clock.set_ahead(ahead)
    return {"ahead": world.clock.ahead}


def _rotate(world: World, _postman: Postman, ask: Ask) -> Any:
    platform = world.keys.wechat_platform
    if ask.get("retire"):
        platform.retire()
    else:
        platform.rotate()
    if ask.get("hand_over", True):
        world.publish()
    return {"newest": platform.newest_id, "valid": list(platform.valid)}


def _reset(world: World, postman: Postman, _ask: Ask) -> Any:
    postman.drop_all()
    world.book.clear()
    world.log.clear()
    world.faults.clear()
    world.clock.set_ahead(0.0)
    world.links.clear()
    world.keys.wechat_platform.retire()
    world.publish()
    return {"reset": True}


DOORS: Final[dict[tuple[str, str], Callable[[World, Postman, Ask], Any]]] = {
    ("GET", "trades"): _trades,
    ("GET", "totals"): _totals,
    ("GET", "log"): _log,
    ("GET", "codes"): _codes,
    ("GET", "faults"): _faults,
    ("POST", "faults"): _set_faults,
    ("POST", "pay"): _pay,
    ("POST", "request_payment"): _request_payment,
    ("POST", "console_refund"): _console_refund,
    ("POST", "finish_refund"): _finish_refund,
    ("POST", "notify"): _notify,
    ("POST", "clock"): _clock,
    ("POST", "rotate"): _rotate,
    ("POST", "reset"): _reset,
}
