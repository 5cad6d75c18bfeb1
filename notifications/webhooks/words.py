"""What an endpoint and a message are called, in both languages; pages, API documents and admin use these."""

import re

from config.ground.word import Word

ENDPOINT = {
    "WORKING": Word("Working", "正常", "done", "check"),
    "FAILING": Word("Failing since {time}", "自 {time} 起连续失败", "wait", "triangle"),
    "PROVING": Word("Being asked for its proof", "正在验证", "move", "ring"),
    "UNPROVED": Word("Not proved yet", "尚未验证", "wait", "clock"),
    "PAUSED": Word("Paused", "已暂停", "stop", "pause"),
    "GONE": Word("Disabled by its answer 410", "已停用（410）", "bad", "cross"),
    "STOPPED": Word("Disabled after 5 days", "已停用（5 天）", "bad", "cross"),
    "REMOVED": Word("Removed", "已移除", "stop", "cross"),
}
MESSAGE = {
    "DUE": Word("Due", "待发送", "wait", "clock"),
    "SENDING": Word("Sending", "发送中", "move", "ring"),
    "DONE": Word("Done", "已送达", "done", "check"),
    "RETRY": Word("Next try {time}", "将于 {time} 重试", "wait", "clock"),
    "HELD": Word("Held behind an earlier one", "排在前一条之后", "stop", "pause"),
    "KEPT": Word("Waits for the endpoint", "等待接收地址恢复", "stop", "pause"),
    "GIVEN_UP": Word("Given up after {n}", "已放弃（{n} 次）", "bad", "cross"),
}

# What stood in the way of a try, as transport.py and proving.py write it down; anything else is a system's own words.
ERRORS = (
    (r"no answer in (\S+) s", Word("no answer in {0} s", "{0} 秒内无应答")),
    (r"no connection|All connection attempts failed", Word("no connection", "无法连接")),
    (r"not a public address: (.+)", Word("not a public address: {0}", "不是公网地址：{0}")),
    (
        r"answered (\d+), but not with the challenge",
        Word("answered {0}, but not with the challenge", "应答 {0}，但未返回质询"),
    ),
    (r"answered (\d+)", Word("answered {0}", "应答 {0}")),
    (
        r"Server disconnected without sending a response\.|the connection was closed without an answer",
        Word("hung up without an answer", "未应答即断开"),
    ),
    (r"the answer is too long", Word("the answer is too long", "应答过长")),
    (r"the connection broke", Word("the connection broke", "连接中断")),
    (
        r"the name has no address|\[Errno -\d+\] .*|Name or service not known",
        Word("the name is not known", "无法解析域名"),
    ),
)


def error_in_words(error: str) -> str:
    """An attempt's error in the active language."""
    for pattern, word in ERRORS:
        if found := re.fullmatch(pattern, error):
            return word.text.format(*found.groups())
    return error
