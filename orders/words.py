"""The glossary of orders: what each audience calls each state, in both languages (the one table of these words).

A page embeds the table of its audience; live frames carry only the key (`word`), so a badge changes without
the server rendering anything.
"""

from dataclasses import replace
from typing import Any

from config.ground.word import Word
from orders.order.models import Fulfilment, Order
from orders.order.states import PaymentStatus, RejectKind, Status

AUDIENCES = ("customer", "merchant", "rider", "staff")

_UNSEEN = Word("–", "–")  # this audience never sees it


def _wait(en: str, zh: str, icon: str = "clock") -> Word:
    return Word(en, zh, "wait", icon)


def _move(en: str, zh: str, icon: str) -> Word:
    return Word(en, zh, "move", icon)


def _done(en: str, zh: str) -> Word:
    return Word(en, zh, "done", "check")


STATUS: dict[str, dict[str, Word]] = {
    "PENDING.UNPAID": {
        "customer": _wait("Waiting for payment", "待支付"),
        "merchant": _UNSEEN,
        "rider": _UNSEEN,
        "staff": _wait("Unpaid", "待支付"),
    },
    "PENDING.PROCESSING": {
        "customer": _wait("Checking your payment", "支付确认中"),
        "merchant": _UNSEEN,
        "rider": _UNSEEN,
        "staff": _wait("Payment in progress", "支付中"),
    },
    "PENDING.PAID": {
        "customer": _wait("Paid, waiting for the shop", "已支付，待商家接单"),
        "merchant": _wait("New, needs your answer", "新订单，待接单"),
        "rider": _UNSEEN,
        "staff": _wait("Paid, not accepted", "已支付待接单"),
    },
    "PENDING.DUE_ON_DELIVERY": {
        "customer": _wait("Waiting for the shop, cash", "待商家接单（货到付款）"),
        "merchant": _wait("New, cash", "新订单（现金）"),
        "rider": _UNSEEN,
        "staff": _wait("Not accepted, cash", "待接单，现金"),
    },
    "CONFIRMED": {
        "customer": _move("Shop accepted", "商家已接单", "check-ring"),
        "merchant": _move("Accepted, not started", "已接单，待制作", "check-ring"),
        "rider": _move("Accepted by the shop", "已接单", "check-ring"),
        "staff": _move("Confirmed", "已接单", "check-ring"),
    },
    "PREPARING.MEAL": {
        "customer": _move("Cooking", "备餐中", "pot"),
        "merchant": _move("Cooking", "制作中", "pot"),
        "rider": _move("Cooking, ready about {time}", "制作中，约 {time} 出餐", "pot"),
        "staff": _move("Preparing", "备餐中", "pot"),
    },
    "PREPARING.GROCERY": {
        "customer": _move("Picking, {n} of {m}", "拣货中 {n}/{m}", "basket"),
        "merchant": _move("Picking", "拣货中", "basket"),
        "rider": _move("Picking, ready about {time}", "拣货中，约 {time}", "basket"),
        "staff": _move("Picking", "拣货中", "basket"),
    },
    "PREPARING.DIGITAL": {
        "customer": _move("Issuing your keys", "发货中", "key"),
        "merchant": _move("Issuing", "自动发货中", "key"),
        "rider": _UNSEEN,
        "staff": _move("Issuing keys", "发货中", "key"),
    },
    "READY.OPEN": {
        "customer": _move("Packed, finding a rider", "已备好，正在安排骑手", "bag"),
        "merchant": _move("Ready, finding a rider", "待取，寻找骑手中", "bag"),
        "rider": _move("Job open", "可接单", "bag"),
        "staff": _move("Ready, unclaimed", "待分配", "bag"),
    },
    "READY.CLAIMED": {
        "customer": _move("Rider on the way to the shop", "骑手正前往商家", "bag"),
        "merchant": _move("Rider on the way", "骑手正前往本店", "bag"),
        "rider": _move("Go and collect", "去取货", "bag"),
        "staff": _move("Ready, claimed", "已接派", "bag"),
    },
    "READY.COLLECTION": {
        "customer": _move("Ready to collect", "可到店自取", "bag"),
        "merchant": _move("Waiting for the customer", "待自取", "bag"),
        "rider": _UNSEEN,
        "staff": _move("Ready for collection", "待自取", "bag"),
    },
    "ON_DELIVERY": {
        "customer": _move("On the way", "配送中", "bike"),
        "merchant": _move("On the way", "配送中", "bike"),
        "rider": _move("Deliver now", "去送货", "bike"),
        "staff": _move("On delivery", "配送中", "bike"),
    },
    "COMPLETED.DELIVERED": {
        "customer": _done("Delivered", "已送达"),
        "merchant": _done("Done", "已完成"),
        "rider": _done("Handed over", "已送达"),
        "staff": _done("Completed, delivered", "已完成（送达）"),
    },
    "COMPLETED.COLLECTED": {
        "customer": _done("Collected", "已自取"),
        "merchant": _done("Collected", "已自取"),
        "rider": _UNSEEN,
        "staff": _done("Completed, collected", "已完成（自取）"),
    },
    "COMPLETED.ISSUED": {
        "customer": _done("Keys issued", "已发货"),
        "merchant": _done("Issued", "已发货"),
        "rider": _UNSEEN,
        "staff": _done("Completed, issued", "已完成（发卡）"),
    },
    "CANCELLED": {
        "customer": Word("Cancelled", "已取消", "stop", "cross"),
        "merchant": Word("Cancelled", "已取消", "stop", "cross"),
        "rider": Word("Cancelled, nothing to do", "已取消，无需配送", "stop", "cross"),
        "staff": Word("Cancelled", "已取消", "stop", "cross"),
    },
}

PAYMENT: dict[str, dict[str, Word]] = {
    "UNPAID": {
        "customer": _wait("Not paid yet", "未支付"),
        "merchant": _UNSEEN,
        "staff": _wait("Unpaid", "未支付"),
    },
    "PROCESSING": {
        "customer": _wait("Checking with {channel}", "正在向{channel}确认"),
        "merchant": _UNSEEN,
        "staff": _wait("Processing", "确认中"),
    },
    "PAID": {
        "customer": _done("Paid {amount}", "已支付 {amount}"),
        "merchant": _done("Paid", "已付款"),
        "staff": _done("Paid", "已支付"),
    },
    "DUE_ON_DELIVERY": {
        "customer": _wait("{amount} in cash at the door", "送达时付现金 {amount}", "cash"),
        "merchant": _wait("Cash", "现金", "cash"),
        "rider": _wait("Collect {amount} in cash", "收现金 {amount}", "cash"),
        "staff": _wait("Cash due", "货到付款", "cash"),
    },
    "PARTLY_REFUNDED": {
        "customer": Word("Paid, {amount} returned", "已支付，部分退款 {amount}", "money", "arrow-back"),
        "merchant": Word("Partly refunded", "部分退款", "money", "arrow-back"),
        "staff": Word("Partly refunded", "部分退款", "money", "arrow-back"),
    },
    "REFUNDED": {
        "customer": Word("All returned", "已全额退款", "money", "arrow-back"),
        "merchant": Word("Refunded", "已退款", "money", "arrow-back"),
        "staff": Word("Refunded", "已退款", "money", "arrow-back"),
    },
}

CANCEL: dict[str, dict[str, Word]] = {
    "PAYMENT_TIMEOUT": {
        "customer": Word("Not paid in time. Nothing was charged.", "超时未支付，已取消，未扣款"),
        "merchant": _UNSEEN,
        "rider": _UNSEEN,
        "staff": Word("Payment timeout", "支付超时"),
    },
    "CUSTOMER": {
        "customer": Word("You cancelled", "您已取消订单"),
        "merchant": Word("Cancelled by the customer", "顾客取消"),
        "rider": Word("Customer cancelled", "顾客已取消"),
        "staff": Word("Customer", "顾客取消"),
    },
    "MERCHANT_REJECTED.SOLD_OUT": {
        "customer": Word("The shop is out of something you ordered", "商家缺货，未能接单"),
        "merchant": Word("Rejected: sold out", "你以“缺货”拒单"),
        "rider": _UNSEEN,
        "staff": Word("Rejected, sold out", "拒单：缺货"),
    },
    "MERCHANT_REJECTED.BUSY": {
        "customer": Word("The kitchen is full right now", "商家当前爆单"),
        "merchant": Word("Rejected: too many orders", "拒单：太忙"),
        "rider": _UNSEEN,
        "staff": Word("Rejected, busy", "拒单：太忙"),
    },
    "MERCHANT_REJECTED.CLOSING": {
        "customer": Word("The shop is closing", "商家已打烊"),
        "merchant": Word("Rejected: closing", "拒单：打烊"),
        "rider": _UNSEEN,
        "staff": Word("Rejected, closing", "拒单：打烊"),
    },
    "MERCHANT_REJECTED.TOO_FAR": {
        "customer": Word("The shop cannot deliver to you", "超出商家配送范围"),
        "merchant": Word("Rejected: cannot deliver there", "拒单：送不到"),
        "rider": _UNSEEN,
        "staff": Word("Rejected, area", "拒单：超范围"),
    },
    "MERCHANT_REJECTED.OTHER": {
        "customer": Word("The shop could not take it: “{words}”", "商家未能接单：“{words}”"),
        "merchant": Word("Rejected: other", "拒单：其他"),
        "rider": _UNSEEN,
        "staff": Word("Rejected, other", "拒单：其他"),
    },
    "MERCHANT_REJECTED.NO_ANSWER": {
        "customer": Word("The shop did not answer in time", "商家未及时接单"),
        "merchant": Word("Nobody answered, rejected by itself", "超时未接，已自动拒单"),
        "rider": _UNSEEN,
        "staff": Word("Auto-rejected", "超时未接"),
    },
    "SOLD_OUT": {
        "customer": Word("Everything you ordered sold out", "商品售罄"),
        "merchant": Word("All lines struck out", "全部缺货"),
        "rider": Word("Shop sold out", "商家缺货"),
        "staff": Word("Sold out", "售罄"),
    },
    "UNFULFILLABLE": {
        "customer": Word("The last keys were sold a moment earlier", "卡密库存不足"),
        "merchant": Word("Keys short", "卡密不足"),
        "rider": _UNSEEN,
        "staff": Word("Unfulfillable", "无法履约"),
    },
    "DELIVERY_FAILED": {
        "customer": Word("We could not deliver: {words}", "未能送达：{words}"),
        "merchant": Word("Delivery failed", "配送失败"),
        "rider": Word("Delivery failed", "配送失败"),
        "staff": Word("Delivery failed", "配送失败"),
    },
    "STAFF": {
        "customer": Word("Cancelled by our support: {words}", "客服已取消：{words}"),
        "merchant": Word("Cancelled by support", "客服取消"),
        "rider": Word("Cancelled by support, we call you", "客服取消，致电说明"),
        "staff": Word("Staff", "客服取消"),
    },
}

CHANNEL: dict[str, Word] = {
    "WECHAT": Word("WeChat Pay", "微信支付", "money", "card"),
    "ALIPAY": Word("Alipay", "支付宝", "money", "card"),
    "CASH": Word("Cash", "现金", "money", "cash"),
}

# What the time line says about each event: the past, in the customer's words.
EVENT: dict[str, Word] = {
    "order.placed": Word("Order placed", "已下单", "done", "check"),
    "order.payment_started": Word("Payment started", "开始支付", "wait", "clock"),
    "order.payment_claimed": Word("Checking your payment", "支付确认中", "wait", "clock"),
    "order.payment_released": Word("Not paid yet", "尚未支付", "wait", "clock"),
    "order.paid": Word("Paid", "已支付", "money", "card"),
    "order.confirmed": Word("Shop accepted", "商家已接单", "done", "check"),
    "order.preparing": Word("Started", "开始制作/拣货", "done", "check"),
    "order.ready": Word("Packed", "已备好", "done", "check"),
    "order.delayed": Word("A little later", "稍有延迟", "wait", "clock"),
    "delivery.claimed": Word("Rider took the job", "骑手已接单", "done", "check"),
    "delivery.released": Word("Finding another rider", "正在加派骑手", "wait", "clock"),
    "order.picked_up": Word("Collected from the shop", "已取货", "done", "check"),
    "order.completed": Word("Completed", "已完成", "done", "check"),
    "order.completed.DELIVERED": Word("Delivered", "已送达", "done", "check"),
    "order.completed.COLLECTED": Word("Collected", "已自取", "done", "check"),
    "order.completed.ISSUED": Word("Keys issued", "已发卡", "done", "check"),
    "order.cancelled": Word("Cancelled", "已取消", "stop", "cross"),
    "line.struck_out": Word("{item} struck out", "划掉 {item}", "bad", "cross"),
    "line.picked": Word("{item} picked", "已拣 {item}", "move", "basket"),
    "refund.requested": Word("Refund started", "退款已发起", "money", "arrow-back"),
    "refund.submitted": Word("Refund asked for", "退款已申请", "money", "arrow-back"),
    "refund.processing": Word("Refund on its way", "退款处理中", "money", "arrow-back"),
    "refund.succeeded": Word("Refunded", "已退款", "money", "arrow-back"),
    "refund.abnormal": Word("Refund held up", "退款受阻", "bad", "triangle"),
    "payment.late": Word("A payment came late", "付款晚到", "money", "arrow-back"),
    "payment.duplicate": Word("Paid twice", "重复支付", "money", "arrow-back"),
    "payment.mismatch": Word("The amount did not match", "金额不符", "bad", "triangle"),
    "payment.unfulfillable": Word("Sold out before we could deliver", "库存不足", "bad", "triangle"),
    "key.replaced": Word("Our support replaced a key", "客服已更换一张卡密", "done", "check"),
    "key.inspected": Word("Our support looked at a key", "客服查看了一张卡密", "stop", "eye"),
    "key.reported": Word("You reported a key", "您反馈了一张卡密", "wait", "triangle"),
    "staff.noted": Word("Support wrote a note", "客服备注", "stop", "eye"),
}

PEOPLE: dict[str, Word] = {
    "customer": Word("customer", "顾客"),
    "merchant": Word("shop", "商家"),
    "rider": Word("rider", "骑手"),
    "system": Word("system", "系统"),
    "gateway": Word("gateway", "支付渠道"),
    "staff": Word("support", "客服"),
}


def status_key(order: Order) -> str:
    """The key of STATUS that fits an order now."""
    status = order.status
    if status == Status.PENDING:
        money = order.payment_status
        known = {PaymentStatus.UNPAID, PaymentStatus.PROCESSING, PaymentStatus.DUE_ON_DELIVERY}
        return f"PENDING.{money if money in known else PaymentStatus.PAID}"
    if status == Status.PREPARING:
        return f"PREPARING.{order.trade}"
    if status == Status.READY:
        if order.fulfilment == Fulfilment.COLLECTION:
            return "READY.COLLECTION"
        return "READY.CLAIMED" if order.carrier_id else "READY.OPEN"
    if status == Status.COMPLETED:
        return f"COMPLETED.{order.completed_how}"
    return str(status)


def facts_of(order: Order) -> dict[str, Any]:
    """What the placeholders of a status word stand for: `time` ready by (shop's zone), `n` of `m` lines picked.

    A line that was struck out is not waited for: it counts on neither side.
    """
    facts: dict[str, Any] = {"time": "", "n": 0, "m": 0}
    if order.ready_by:
        facts["time"] = order.ready_by.astimezone(order.shop.tz).strftime("%H:%M")
    if order.status == Status.PREPARING and order.trade == "GROCERY":
        states = [line.state for line in order.lines.all() if line.state != "STRUCK"]
        facts |= {"n": states.count("PICKED"), "m": len(states)}
    return facts


def status_word(order: Order, audience: str) -> Word:
    """What this audience calls the order's state, placeholders filled."""
    return _filled(STATUS[status_key(order)][audience], facts_of(order))


def payment_word(order: Order, audience: str, *, amount: str, channel: str = "") -> Word:
    """What this audience calls the money's state; `amount` and `channel` fill the placeholders."""
    return _filled(PAYMENT[order.payment_status][audience], {"amount": amount, "channel": channel})


def cancel_word(order: Order, audience: str) -> Word:
    """Why it was cancelled, in this audience's words."""
    key = order.cancel_reason
    if key == "MERCHANT_REJECTED":
        key = f"{key}.{order.cancel_detail or RejectKind.OTHER}"
    return _filled(CANCEL[key][audience], {"words": order.cancel_words})


def event_word(type_: str, data: dict[str, Any], *, item: str = "") -> Word:
    """What the time line says about one event."""
    how = data.get("how", "")
    return _filled(EVENT.get(f"{type_}.{how}", EVENT[type_]), {"item": item})


def table(audience: str) -> dict[str, dict[str, str]]:
    """Status labels of one audience in the active language, for live pages: key → text, family, icon."""
    return {
        key: {"text": words[audience].text, "family": words[audience].family, "icon": words[audience].icon}
        for key, words in STATUS.items()
    }


def _filled(word: Word, facts: dict[str, Any]) -> Word:
    if "{" not in word.en:
        return word
    return replace(word, en=word.en.format(**facts), zh=word.zh.format(**facts))
