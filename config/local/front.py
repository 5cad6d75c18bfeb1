"""The one address without a proxy: /live stays in this process, the rest goes to the pages' server on loopback.

config/asgi.py wraps the live application with `front`; in production a proxy splits the paths and this is absent.
"""

import re
from collections.abc import Awaitable, Callable

from config.local.apology import apology
from config.local.forward import SAFE, Send, ask, relay
from config.local.upload import Gone, Message, Receive, TooLarge, Upload
from config.local.upstream import Pool

Application = Callable[[Message, Receive, Send], Awaitable[None]]

MIB = 1_048_576
LIMITS = (  # (path, largest body in bytes); the first that fits counts
    (re.compile(r"/merchant/[^/]+/keys(/|$)"), 200 * MIB),  # imports of card keys, read as a stream
    (re.compile(r"/(merchant|admin)/"), 12 * MIB),  # pictures
    (re.compile(r""), 1 * MIB),
)


def front(live: Application, backend: str) -> Application:
    """Build the application: `live` gets /live, websockets and lifespan; "host:port" gets every other request."""
    host, _, port = backend.rpartition(":")
    pool = Pool(host, int(port))

    async def application(scope: Message, receive: Receive, send: Send) -> None:
        if scope["type"] != "http" or scope["path"] == "/live" or scope["path"].startswith("/live/"):
            await live(scope, receive, send)
            return
        most = next(most for path, most in LIMITS if path.match(scope["path"]))
        upload = Upload(receive, scope["headers"], most)
        try:
            connection, answer = await ask(pool, scope, upload)
        except TooLarge:
            await apologise(413, scope, upload, send)
        except TimeoutError:
            await apologise(504, scope, upload, send)
        except ConnectionError:
            await apologise(502, scope, upload, send)
        except Gone:
            return
        else:
            if await relay(connection, answer, upload, send):
                pool.give_back(connection)
            else:
                connection.close()

    return application


async def apologise(status: int, scope: Message, upload: Upload, send: Send) -> None:
    """Answer by ourselves."""
    for_people = b"text/html" in dict(scope["headers"]).get(b"accept", b"")
    headers, body = apology(status, for_people=for_people, is_read=scope["method"] in SAFE)
    if not upload.is_done:
        headers.append((b"connection", b"close"))
    await send({"type": "http.response.start", "status": status, "headers": headers})
    await send({"type": "http.response.body", "body": body, "more_body": True})
    await upload.discard()
    await send({"type": "http.response.body", "body": b""})
