"""The words of statements and of cash: kinds of movement, the way money came, how a hand-in stands."""

from config.ground.word import Word

KIND: dict[str, Word] = {
    "paid": Word("Paid", "收款", "done", "check"),
    "refund": Word("Refunded", "退款", "money", "arrow-back"),
    "fee": Word("Gateway’s fee", "渠道手续费", "money", "card"),
    "cash": Word("Cash moved", "现金交接", "money", "cash"),
}

WAY: dict[str, Word] = {
    "WECHAT": Word("WeChat Pay", "微信支付"),
    "ALIPAY": Word("Alipay", "支付宝"),
    "RIDER": Word("Cash, by a rider", "现金（骑手）"),
    "TILL": Word("Cash, at the counter", "现金（柜台）"),
    "BANK": Word("Bank", "银行"),
}

HAND_IN: dict[str, Word] = {
    "COUNTED": Word("Waits to be received", "待接收", "wait", "clock"),
    "CONFIRMED": Word("Received", "已接收", "done", "check"),
    "WITHDRAWN": Word("Taken back", "已撤回", "stop", "cross"),
}

# What the holder is told about the other person's count; nothing is ever corrected in silence.
OUTCOME: dict[str, Word] = {
    "equal": Word(
        "{name} counted {amount}, exactly what the books say.", "{name} 清点为 {amount}，与账面一致。", "done", "check"
    ),
    "short": Word(
        "{name} counted {amount}: {difference} is missing. It says: “{words}”. Our support looks at it with you.",
        "{name} 清点为 {amount}，短缺 {difference}。说明：“{words}”。客服会与你一起核对。",
        "bad",
        "triangle",
    ),
    "over": Word(
        "{name} counted {amount}: {difference} too much. It says: “{words}”. Our support looks at it with you.",
        "{name} 清点为 {amount}，多出 {difference}。说明：“{words}”。客服会与你一起核对。",
        "wait",
        "triangle",
    ),
}
