"""What the cashier shows: one page per state of a payment, in English or Chinese, without scripts.

cashier.py calls it. Stable hooks for browser tests: `#state[data-state]`, `#amount`, `#subject`, `#number`, the
buttons `#pay` and `#decline` (name `decision`), the links `#back` and `#language`.
"""

from datetime import datetime
from html import escape
from typing import Final, Literal
from urllib.parse import urlencode

from payments.simulator.bill_papers import BEIJING
from payments.simulator.book import Trade
from payments.simulator.world import Answer

State = Literal["open", "declined", "paid", "closed", "expired", "absent"]
Language = Literal["en", "zh-Hans"]
OTHER: Final[dict[Language, Language]] = {"en": "zh-Hans", "zh-Hans": "en"}
OWN_NAME: Final[dict[Language, str]] = {"en": "English", "zh-Hans": "中文"}
WORDS: Final[dict[Language, dict[str, str]]] = {
    "en": {
        "banner": "simulator: no money moves",
        "WECHAT": "WeChat Pay",
        "ALIPAY": "Alipay",
        "": "Cashier",
        "total": "Amount",
        "number": "Payment number",
        "until": "Pay before (Beijing time)",
        "open": "Check the amount, then pay.",
        "declined": "You declined. Nothing was paid; you may still pay.",
        "paid": "Paid. The shop is told; you can close this page.",
        "closed": "The shop closed this payment. Nothing can be paid here any more.",
        "expired": "The time to pay is over. Nothing can be paid here any more.",
        "absent": "There is no such payment.",
        "pay": "Pay {amount}",
        "decline": "Decline",
        "back": "Back to the shop",
    },
    "zh-Hans": {
        "banner": "模拟收银台：不会真的扣款",
        "WECHAT": "微信支付",
        "ALIPAY": "支付宝",
        "": "收银台",
        "total": "金额",
        "number": "支付单号",
        "until": "支付截止（北京时间）",
        "open": "请核对金额，然后付款。",
        "declined": "您已取消，没有扣款；仍可继续付款。",
        "paid": "支付成功，已通知商家，可以关闭此页。",
        "closed": "商家已关闭这笔支付，无法再付款。",
        "expired": "支付时间已过，无法再付款。",
        "absent": "没有这笔支付。",
        "pay": "支付 {amount}",
        "decline": "取消",
        "back": "返回商家",
    },
}
STYLE: Final = """
:root{color-scheme:light dark;--brand:#07803c;--page:#f6f6f4;--card:#fff;--ink:#1d1d1b;--soft:#5b5b57;--line:#8a8a85}
[data-gateway=ALIPAY]{--brand:#0b63ce}
@media (prefers-color-scheme:dark){:root{--page:#161615;--card:#222220;--ink:#f2f2ee;--soft:#b6b6b0;--line:#7d7d78}}
*{box-sizing:border-box}
body{margin:0;font:1rem/1.5 system-ui,"Noto Sans CJK SC",sans-serif;background:var(--page);color:var(--ink)}
.banner{background:#8a4b00;color:#fff;text-align:center;padding:.5rem 1rem;font-weight:600}
main{width:min(26rem,100% - 2rem);margin:1.5rem auto;background:var(--card);border-radius:.75rem;padding:1.5rem;
overflow-wrap:anywhere;border-top:.375rem solid var(--brand)}
h1{font-size:1.25rem;margin:0 0 1rem}
dl{margin:0;display:grid;gap:.25rem}
dt{color:var(--soft);font-size:.875rem}
dd{margin:0 0 .5rem}
#amount{font-size:2.5rem;line-height:1.2;font-variant-numeric:tabular-nums;font-weight:600}
#state{margin:1rem 0;padding:.75rem 1rem;border:1px solid var(--line);border-radius:.5rem}
#state[data-state=paid]{border-color:var(--brand);border-width:2px}
button,#back{font:inherit;display:block;width:100%;min-height:3rem;margin:.75rem 0 0;padding:.625rem 1rem;
border-radius:.5rem;border:1px solid var(--line);background:transparent;color:inherit;cursor:pointer;text-align:center}
#back{text-decoration:none}
#pay{background:var(--brand);border-color:var(--brand);color:#fff;font-weight:600}
:focus-visible{outline:3px solid #d18b00;outline-offset:2px}
nav{text-align:center;margin:0 0 2rem}
nav a{color:inherit;display:inline-block;padding:.75rem}
"""


def write(
    trade: Trade | None, state: State, language: Language, back: str = "", keep: str = "", status: int = 200
) -> Answer:
    """Write the page; `back` leads to the shop, "" for nowhere, and `keep` is what the language link carries on."""
    words, gateway = WORDS[language], trade.gateway if trade else ""
    name = words[gateway]
    link = urlencode({**({"redirect_url": keep} if keep else {}), "lang": OTHER[language]})
    html = (
        f'<!doctype html><html lang="{language}"><head><meta charset="utf-8"><title>{name}</title>'
        '<meta name="viewport" content="width=device-width, initial-scale=1">'
        f'<style>{STYLE}</style></head><body data-gateway="{gateway}">'
        f'<header class="banner">{words["banner"]}</header>'
        f"<main><h1>{name}</h1>{_order(trade, state, words)}"
        f'<p id="state" role="status" data-state="{state}">{words[state]}</p>'
        f"{_buttons(trade, state, words, back)}</main>"
        f'<nav><a id="language" lang="{OTHER[language]}" href="?{escape(link)}">{OWN_NAME[OTHER[language]]}</a></nav>'
        "</body></html>"
    )
    headers = {"cache-control": "no-store", "referrer-policy": "no-referrer"}
    return Answer(status, html.encode(), "text/html; charset=utf-8", headers)


def _order(trade: Trade | None, state: State, words: dict[str, str]) -> str:
    if trade is None:
        return ""
    until = f"{datetime.fromtimestamp(trade.expires_at, tz=BEIJING):%Y-%m-%d %H:%M:%S}"
    deadline = f"<dt>{words['until']}</dt><dd>{until}</dd>" if state in {"open", "declined"} else ""
    return (
        f'<dl><dt>{words["total"]}</dt><dd id="amount">{_yuan(trade)}</dd>'
        f'<dd id="subject">{escape(trade.subject)}</dd>'
        f'<dt>{words["number"]}</dt><dd id="number">{escape(trade.no)}</dd>{deadline}</dl>'
    )


def _buttons(trade: Trade | None, state: State, words: dict[str, str], back: str) -> str:
    link = f'<a id="back" href="{escape(back)}">{words["back"]}</a>' if back else ""
    if trade is None or state not in {"open", "declined"}:
        return link
    pay = words["pay"].format(amount=_yuan(trade))
    return (
        f'<form method="post"><button id="pay" name="decision" value="pay">{pay}</button>'
        f'<button id="decline" name="decision" value="decline">{words["decline"]}</button></form>{link}'
    )


def _yuan(trade: Trade) -> str:
    fen = trade.captured or trade.amount
    return f"¥{fen // 100}.{fen % 100:02d}"
