"""Passes one request on to the pages' server and its answer back; config/local/front.py decides which requests."""

import asyncio
from collections.abc import Awaitable, Callable
from urllib.parse import quote

from config.local.upload import Message, Upload
from config.local.upstream import Answer, Connection, Pool

Send = Callable[[Message], Awaitable[None]]

ANSWER_SECONDS = 120.0  # a page that computes longer than this is lost
SAFE = {"GET", "HEAD", "OPTIONS"}
DROPPED = {b"connection", b"keep-alive", b"proxy-connection", b"te", b"trailer", b"upgrade", b"expect"}
DROPPED |= {b"transfer-encoding", b"forwarded", b"date", b"server"}


async def ask(pool: Pool, scope: Message, upload: Upload, *, fresh: bool = False) -> tuple[Connection, Answer]:
    """Send the request and wait for the head of its answer. Raises ConnectionError, TimeoutError, TooLarge, Gone.

    Asked again only when an idle connection turned out dead and asking twice does no harm.
    """
    upload.require_fit()
    connection = await pool.take(fresh=fresh)
    try:
        await connection.write(request_head(scope, upload))
        return connection, await converse(connection, scope["method"], upload)
    except BaseException as error:
        connection.close()
        if isinstance(error, ConnectionError) and connection.used and scope["method"] in SAFE and not upload.exists:
            return await ask(pool, scope, upload, fresh=True)
        raise


async def converse(connection: Connection, method: str, upload: Upload) -> Answer:
    """Send the body while listening: a backend that refuses may answer before the body is sent."""
    if not upload.exists:
        async with asyncio.timeout(ANSWER_SECONDS):
            return await connection.answer(method)
    reading = asyncio.ensure_future(connection.answer(method))
    sending = asyncio.ensure_future(upload.pump(connection))
    try:
        await asyncio.wait({reading, sending}, return_when=asyncio.FIRST_COMPLETED)
        if not reading.done():
            await sending
        async with asyncio.timeout(ANSWER_SECONDS):
            return await reading
    finally:
        reading.cancel()
        sending.cancel()


async def relay(connection: Connection, answer: Answer, upload: Upload, send: Send) -> bool:
    """Pass the answer on; returns whether the connection may serve another request."""
    headers = [pair for pair in answer.headers if pair[0] not in DROPPED]
    if not upload.is_done:
        headers.append((b"connection", b"close"))
    await send({"type": "http.response.start", "status": answer.status, "headers": headers})
    try:
        async for piece in connection.body(answer):
            await send({"type": "http.response.body", "body": piece, "more_body": True})
    except (asyncio.IncompleteReadError, OSError):
        return False  # the server sees an unfinished answer and hangs up: the client learns that it is cut
    was_early = not upload.is_done
    await upload.discard()
    await send({"type": "http.response.body", "body": b""})
    return answer.keeps and not was_early


def request_head(scope: Message, upload: Upload) -> bytes:
    """Write the request line and headers; who asked is said by us, never by the client."""
    path = scope.get("raw_path") or quote(scope["path"]).encode()
    query = b"?" + scope["query_string"] if scope["query_string"] else b""
    headers = [pair for pair in scope["headers"] if passes(pair[0])]
    client = scope.get("client") or ("", 0)
    headers += [
        (b"x-forwarded-for", client[0].encode()),
        (b"x-forwarded-proto", scope["scheme"].encode()),
        (b"x-forwarded-host", dict(headers).get(b"host", b"")),
    ]
    if upload.chunked:
        headers.append((b"transfer-encoding", b"chunked"))
    lines = b"".join(b"%b: %b\r\n" % pair for pair in headers)
    return b"%b %b%b HTTP/1.1\r\n%b\r\n" % (scope["method"].encode(), path, query, lines)


def passes(name: bytes) -> bool:
    """Whether a client's header may reach the pages: WSGI cannot tell x_forwarded_for from x-forwarded-for."""
    return not (name in DROPPED or name.startswith(b"x-forwarded-") or b"_" in name or name == b"x-real-ip")
