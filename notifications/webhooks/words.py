"""What an endpoint and a message are called, in both languages; pages, API documents and admin use these."""

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
