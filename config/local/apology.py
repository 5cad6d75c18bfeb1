"""What the front door says when it must answer by itself: a short page for people, problem+json for programs."""

import json
from typing import NamedTuple

from config.local.upstream import Headers


class Apology(NamedTuple):
    """One answer of the door: stable code, and the sentence in both languages."""

    code: str
    english: str
    chinese: str
    again_seconds: int = 0  # when trying again makes sense


APOLOGIES = {
    413: Apology("body_too_large", "That is more data than this address takes.", "提交的数据超过了此地址允许的大小。"),
    502: Apology("starting", "Lockstep is starting. Try again in a moment.", "系统正在启动，请稍后重试。", 2),
    504: Apology("too_slow", "That took too long. Try again in a moment.", "处理时间过长，请稍后重试。", 2),
}
PAGE = (
    '<!doctype html><html lang="en"><meta charset="utf-8"><meta name="viewport" content="width=device-width">'
    '{refresh}<title>Lockstep</title><h1>Lockstep</h1><p>{english}</p><p lang="zh-Hans">{chinese}</p></html>'
)


def apology(status: int, *, for_people: bool, is_read: bool) -> tuple[Headers, bytes]:
    """Return headers and body; a page that was read (GET) tries again by itself."""
    said = APOLOGIES[status]
    if for_people:
        refresh = (
            f'<meta http-equiv="refresh" content="{said.again_seconds}">' if said.again_seconds and is_read else ""
        )
        kind = b"text/html; charset=utf-8"
        body = PAGE.format(refresh=refresh, english=said.english, chinese=said.chinese).encode()
    else:
        kind = b"application/problem+json"
        problem = {"type": f"/problems/{said.code}", "title": said.code.replace("_", " "), "status": status}
        body = json.dumps(problem | {"code": said.code, "detail": said.english}).encode()
    headers = [(b"content-type", kind), (b"content-length", b"%d" % len(body)), (b"cache-control", b"no-store")]
    if said.again_seconds:
        headers.append((b"retry-after", b"%d" % said.again_seconds))
    return headers, body
