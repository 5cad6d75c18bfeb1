"""The words for letters: channels and states; the inbox, the admin and the preferences page draw them."""

from config.ground.word import Word

CHANNEL: dict[str, Word] = {
    "EMAIL": Word("E-mail", "邮件", "move", "message"),
    "PUSH": Word("Push", "推送", "move", "bell"),
    "SMS": Word("SMS", "短信", "move", "phone"),
}

STATE: dict[str, Word] = {
    "WAITING": Word("Waiting", "待发送", "wait", "clock"),
    "SENT": Word("Sent", "已发送", "done", "check"),
    "GIVEN_UP": Word("Given up", "已放弃", "bad", "triangle"),
    "DROPPED": Word("Not wanted any more", "已不需要", "stop", "cross"),
}
