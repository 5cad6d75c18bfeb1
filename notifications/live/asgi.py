"""The shapes of ASGI, named once for the transports."""

import struct
from collections.abc import Awaitable, Callable, Coroutine, MutableMapping
from typing import Any

Message = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[Message]]
Send = Callable[[Message], Coroutine[Any, Any, None]]
Application = Callable[[Message, Receive, Any], Awaitable[None]]

WIRE = "lockstep.wire"  # a text's whole frame, for a server that writes it as it is (server.py); others read the text


def for_many(body: bytes) -> Message:
    """A text message that many sockets get: framed once, after RFC 6455 section 5.2, whole and unmasked."""
    size = len(body)
    head = bytes([0x81, size]) if size < 126 else struct.pack(">BBH", 0x81, 126, size) if size < 65_536 else b""
    frame: Message = {"type": "websocket.send", "text": body.decode()}
    if head:
        frame[WIRE] = head + body
    return frame
