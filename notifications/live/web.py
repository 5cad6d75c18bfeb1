"""Plain HTTP for the transports that have no socket: what was asked, and answers that are no stream."""

import asyncio
from http import HTTPStatus
from typing import Any
from urllib.parse import parse_qs

import orjson

from config.ground.problems import MEDIA_TYPE, problem
from notifications.live import protocol
from notifications.live.asgi import Message, Receive, Send
from notifications.live.protocol import Close, Refused, Subscribe

PRIVATE = (b"cache-control", b"no-store")
STATUS = {
    Close.BAD_MESSAGE: HTTPStatus.BAD_REQUEST,
    Close.SIGN_IN: HTTPStatus.UNAUTHORIZED,
    Close.FORBIDDEN: HTTPStatus.NOT_FOUND,  # nobody learns that another's order exists
    Close.IDLE: HTTPStatus.REQUEST_TIMEOUT,
    Close.TOO_LARGE: HTTPStatus.REQUEST_ENTITY_TOO_LARGE,
    Close.TOO_MANY: HTTPStatus.TOO_MANY_REQUESTS,
    Close.TRY_LATER: HTTPStatus.SERVICE_UNAVAILABLE,
    Close.GOING: HTTPStatus.SERVICE_UNAVAILABLE,
}
CODES = {HTTPStatus.NOT_FOUND: "not_found", HTTPStatus.TOO_MANY_REQUESTS: "too_many_connections"}
BODY_SECONDS = 10.0
PAUSE = b"5"  # seconds after which a refused program may come again


def asked(scope: Message) -> dict[str, list[str]]:
    """The parameters of the address. Raises Refused for more than anybody needs."""
    try:
        return parse_qs(scope["query_string"].decode("latin-1"), max_num_fields=2 * protocol.STREAM_TOPICS)
    except ValueError:
        raise Refused(Close.BAD_MESSAGE, f"name 1 to {protocol.STREAM_TOPICS} topics, and little else") from None


def wishes(scope: Message, cursor: str) -> list[Subscribe]:
    """The topics that an address names, from `cursor` on when it is not empty. Raises Refused."""
    try:
        return protocol.wishes(asked(scope).get("topic", []), cursor)
    except protocol.BadMessage as error:
        raise Refused(Close.BAD_MESSAGE, str(error)) from None


async def refuse(send: Send, refused: Refused) -> None:
    """Answer with a problem document."""
    status = STATUS.get(refused.code, HTTPStatus.BAD_REQUEST)
    code = CODES.get(status, status.phrase.lower().replace(" ", "_"))
    headers = [(b"retry-after", PAUSE)] if status >= HTTPStatus.TOO_MANY_REQUESTS else []
    document = problem(code, status, f"{refused.words[:1].upper()}{refused.words[1:]}.")
    await answer(send, status, document, MEDIA_TYPE, headers)


async def answer(
    send: Send,
    status: int,
    document: Any,
    kind: str = "application/json",
    headers: list[tuple[bytes, bytes]] | None = None,
) -> None:
    """Answer with one document; None for an empty body."""
    body = b"" if document is None else orjson.dumps(document)
    heads = [(b"content-type", kind.encode()), (b"content-length", str(len(body)).encode()), PRIVATE]
    await send({"type": "http.response.start", "status": int(status), "headers": [*heads, *(headers or [])]})
    await send({"type": "http.response.body", "body": body})


async def gone(receive: Receive) -> None:
    """Wait until the other end has hung up; what else it sends is not read."""
    message = await receive()
    while message["type"] != "http.disconnect":
        message = await receive()


async def body_of(receive: Receive, most: int) -> str:
    """Read a short body. Raises Refused when it is longer than `most` bytes, or drips."""
    body, more = b"", True
    try:
        async with asyncio.timeout(BODY_SECONDS):
            while more:
                message = await receive()
                body += message.get("body", b"")
                more = message.get("more_body", False)
                if len(body) > most:
                    raise Refused(Close.TOO_LARGE, f"at most {most} bytes")
    except TimeoutError:
        raise Refused(Close.IDLE, "the body did not come in time") from None
    return body.decode("utf-8", "replace")
