"""The glossary's words for payments: attempts, what became of money, refunds, differences; one cell per audience.

Pages draw them with `{% badge %}` and `{% words %}`; the order's own words stand in orders/words.py.
"""

from config.ground.word import Word
from orders.catalog.models import in_language
from payments.models import Refund

PLACE: dict[str, Word] = {  # where money returns to, as in “Back in your …”
    "WECHAT": Word("WeChat balance", "微信零钱"),
    "ALIPAY": Word("Alipay balance", "支付宝余额"),
    "CASH": Word("hands, in cash", "手中（现金）"),
    "BANK": Word("bank account", "银行账户"),
}

ATTEMPT: dict[str, Word] = {  # support only
    "CREATED": Word("Created", "已创建", "wait", "clock"),
    "PENDING": Word("Waiting", "待付款", "wait", "clock"),
    "UNKNOWN": Word("Unknown, being asked", "结果未知，持续查询", "wait", "clock"),
    "CLOSING": Word("Closing", "关闭中", "stop", "square"),
    "CLOSED": Word("Closed", "已关闭", "stop", "cross"),
    "EXPIRED": Word("Expired", "已过期", "stop", "cross"),
    "SUCCESS": Word("Success", "成功", "done", "check"),
}

DISPOSITION: dict[str, dict[str, Word]] = {
    "APPLIED": {
        "customer": Word("Paid", "已支付", "done", "check"),
        "staff": Word("Applied", "已入账", "done", "check"),
    },
    "LATE": {
        "customer": Word("Your payment came late, all of it goes back", "付款晚到，正全额退回", "money", "arrow-back"),
        "staff": Word("Late, refunded", "晚到退款", "money", "arrow-back"),
    },
    "DUPLICATE": {
        "customer": Word("Paid twice, the second goes back", "重复支付，第二笔正退回", "money", "arrow-back"),
        "staff": Word("Duplicate", "重复支付", "money", "arrow-back"),
    },
    "MISMATCH": {
        "customer": Word(
            "The amount did not match, all of it goes back", "金额不符，正全额退回", "money", "arrow-back"
        ),
        "staff": Word("Amount mismatch", "金额不符", "bad", "triangle"),
    },
    "UNFULFILLABLE": {
        "customer": Word(
            "Sold out before we could deliver, all of it goes back", "库存不足，正全额退回", "money", "arrow-back"
        ),
        "staff": Word("Cannot be fulfilled", "无法履约", "bad", "triangle"),
    },
}

REFUND_REASON: dict[str, dict[str, Word]] = {
    "CUSTOMER": {
        "customer": Word("You cancelled", "您取消了订单"),
        "merchant": Word("Customer cancelled", "顾客取消"),
        "staff": Word("Customer", "顾客"),
    },
    "MERCHANT_REJECT": {
        "customer": Word("The shop could not take it", "商家未接单"),
        "merchant": Word("Rejected", "拒单"),
        "staff": Word("Merchant reject", "拒单"),
    },
    "LATE": {"customer": Word("Payment came late", "付款晚到"), "staff": Word("Late", "晚到")},
    "DUPLICATE": {"customer": Word("Paid twice", "重复支付"), "staff": Word("Duplicate", "重复")},
    "MISMATCH": {"customer": Word("Amount did not match", "金额不符"), "staff": Word("Mismatch", "不符")},
    "OUT_OF_STOCK": {
        "customer": Word("Sold out", "库存不足"),
        "merchant": Word("Out of stock", "缺货"),
        "staff": Word("Out of stock", "缺货"),
    },
    "STRUCK_OUT": {
        "customer": Word("{item} was sold out", "{item} 缺货"),
        "merchant": Word("{item} struck out", "划掉 {item}"),
        "staff": Word("Struck out", "划单"),
    },
    "MERCHANT": {
        "customer": Word("From the shop: {words}", "商家退款：{words}"),
        "merchant": Word("Returned by the shop: {words}", "商家退款：{words}"),
        "staff": Word("By the shop", "商家退款"),
    },
    "MANUAL": {
        "customer": Word("From our support: {words}", "客服退款：{words}"),
        "merchant": Word("By support", "客服退款"),
        "staff": Word("Manual", "人工"),
    },
}

WAY: dict[str, Word] = {  # how a person gave it back where no gateway did; shop and support
    "CASH": Word("Counted out in cash", "现金点清退还", "money", "cash"),
    "BANK": Word("Bank transfer", "银行转账", "money", "arrow-back"),
}

# What a person returned without a word, or what was made at the gateway's own console.
WORDLESS: dict[str, Word] = {
    "MERCHANT": Word("From the shop", "商家退款"),
    "MANUAL": Word("From our support", "客服退款"),
}

_HELD = Word(
    "Held up at {channel}; support is on it, your money is safe",
    "退款受阻，客服正在处理，款项不会丢",
    "bad",
    "triangle",
)
REFUND_STATE: dict[str, dict[str, Word]] = {
    "REQUESTED": {
        "customer": Word("Refund started", "退款已发起", "money", "arrow-back"),
        "staff": Word("Requested", "已发起", "money", "arrow-back"),
    },
    "SUBMITTED": {
        "customer": Word("We asked {channel} to return it", "已向{channel}申请", "money", "arrow-back"),
        "staff": Word("Submitted", "已提交", "money", "arrow-back"),
    },
    "UNKNOWN": {
        "customer": Word(
            "Waiting for {channel}; it is returned once", "等待{channel}答复，不会重复退", "money", "clock"
        ),
        "staff": Word("Unknown, same number retried", "未知，同号重试", "money", "clock"),
    },
    "PROCESSING": {
        "customer": Word(
            "{channel} is returning it, minutes; bank cards 1–3 working days",
            "{channel}处理中，通常几分钟，银行卡 1–3 个工作日",
            "money",
            "arrow-back",
        ),
        "staff": Word("Processing", "处理中", "money", "arrow-back"),
    },
    "SUCCESS": {
        "customer": Word("Back in your {place}", "已退回{place}", "money", "check"),
        "staff": Word("Success", "成功", "money", "check"),
    },
    "ABNORMAL": {"customer": _HELD, "staff": Word("Abnormal, needs a person", "异常，需人工", "bad", "triangle")},
    "FAILED": {"customer": _HELD, "staff": Word("Failed, needs a person", "失败，需人工", "bad", "triangle")},
}

# A refund of cash that nobody has counted out yet: to its customer, to its shop.
CASH_DUE = Word("To be given back in cash", "待现金退还", "money", "cash")
CASH_WAITS = Word("Yours in cash, from the shop", "现金退款，请到店领取", "money", "cash")

PROPOSAL: dict[str, Word] = {  # support only
    "OPEN": Word("Waits for a second person", "待第二人审批", "wait", "clock"),
    "APPROVED": Word("Approved", "已批准", "done", "check"),
    "DECLINED": Word("Declined", "已拒绝", "stop", "cross"),
    "EXPIRED": Word("Expired", "已过期", "stop", "clock"),
}

DIFFERENCE: dict[str, Word] = {  # support only
    "GATEWAY_ONLY": Word("Only at the gateway", "仅渠道有", "bad", "diamond"),
    "LOCAL_ONLY": Word("Only in our books", "仅我方有", "bad", "diamond"),
    "AMOUNT": Word("Amount differs", "金额不符", "bad", "triangle"),
    "STATE": Word("State differs", "状态不符", "bad", "triangle"),
    "FEE": Word("Fee differs", "手续费不符", "bad", "triangle"),
    "REFUND_ONLY_GATEWAY": Word("Refund only at the gateway", "退款仅渠道有", "bad", "diamond"),
    "REFUND_ONLY_LOCAL": Word("Refund only in our books", "退款仅我方有", "bad", "diamond"),
    "REFUND_AMOUNT": Word("Refund amount differs", "退款金额不符", "bad", "triangle"),
    "REFUND_STATE": Word("Refund state differs", "退款状态不符", "bad", "triangle"),
}

DIFFERENCE_STATE: dict[str, Word] = {
    "OPEN": Word("To decide", "待处理", "wait", "clock"),
    "WAIT_NEXT_DAY": Word("Waits for tomorrow’s bill", "等次日账单", "wait", "clock"),
    "AUTO_FIXED": Word("Repaired by itself", "已自动修复", "done", "check"),
    "MANUAL": Word("Decided by {name}", "已人工处理", "done", "check"),
    "IGNORED": Word("Not a difference: {remark}", "已忽略：{remark}", "stop", "square"),
}


def reason_of(refund: Refund, audience: str) -> str:
    """Why money goes back, in this audience's words and the active language."""
    item = in_language(refund.item["en"], refund.item["zh"]) if refund.item else ""
    words = refund.words
    if refund.reason == Refund.Reason.MERCHANT:
        words = " · ".join(filter(None, (item, words)))
    if not words and audience == "customer" and refund.reason in WORDLESS:
        return WORDLESS[refund.reason].text
    return (
        REFUND_REASON[refund.reason].get(audience, REFUND_REASON[refund.reason]["staff"]).format(item=item, words=words)
    )


def place_of(refund: Refund) -> str:
    """Where it arrives, as in “Back in your …”."""
    return PLACE[refund.way or refund.attempt.channel].text


RUN_PASS: dict[str, Word] = {  # what the hourly check does, in its order
    "apply": Word("Paid, not applied", "已收款未入账"),
    "ask": Word("Asked gateways", "向渠道查询"),
    "refunds": Word("Refunds", "退款"),
    "orders": Word("Orders against payments", "订单与支付核对"),
    "bills": Word("Daily bills", "日账单"),
    "books": Word("Sums of the ledger", "账簿合计"),
}

BILL_STATE: dict[str, Word] = {
    "WAITING": Word("Not there yet", "账单未出", "wait", "clock"),
    "FETCHED": Word("Fetched", "已下载", "move", "check"),
    "COMPARED": Word("Compared", "已核对", "done", "check"),
    "FAILED": Word("Failed: {why}", "失败：{why}", "bad", "triangle"),
}

DIFFERENCE_STEP: dict[str, Word] = {
    "found": Word("Found", "发现", "bad", "diamond"),
    "taken": Word("Taken charge of", "已接手", "move", "person"),
    "asked": Word("Gateway asked", "已查询渠道", "wait", "clock"),
    "waits": Word("Waits for tomorrow’s bill", "等次日账单", "wait", "clock"),
    "reopened": Word("Still there in the next bill", "次日账单仍有差异", "bad", "diamond"),
    "repaired": Word("Repaired by itself", "已自动修复", "done", "check"),
    "decided": Word("Decided", "已人工处理", "done", "check"),
    "ignored": Word("Not a difference", "不是差异", "stop", "square"),
}
