"""Who sends to sockets: ours and the servers beside it, how each is started, reached and fed. One plain table.

A server that is not installed is named as absent, with the reason; `make bench-live` installs all of them.
"""

import os
import shutil
import sys
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path

from bench.stand import Stand
from config.local import places, table
from notifications.live.protocol import SUBPROTOCOL

PEERS = Path(__file__).parent / "peers"
NCHAN = Path("/usr/lib/nginx/modules/ngx_nchan_module.so")
DAPHNE = places.PROJECT / ".venv" / "daphne" / "bin" / "python"
NODE_MODULES = places.PROJECT / ".venv" / "socketio" / "node_modules"
LAYERS = {"pubsub": "channels_redis.pubsub.RedisPubSubChannelLayer", "daphne": "channels_redis.core.RedisChannelLayer"}
UVICORN = (  # what of notifications/live/server.py bears on speed and memory
    "--loop", "uvloop", "--http", "httptools", "--ws", "websockets-sansio", "--ws-per-message-deflate", "false",
    "--log-level", "warning", "--no-access-log", "--no-server-header", "--no-proxy-headers",
)  # fmt: skip
GENTLE = 250  # messages on their way to the default layer, which drops what is above 100 a channel


@dataclass(frozen=True)
class Contestant:
    """`start` returns the name that the stand knows it by; `path` has a place for the topic, `prefix` begins it."""

    name: str
    way: str  # of the feeder
    dialect: str  # of the watchers
    path: str
    start: Callable[[Stand], str]
    absent: Callable[[], str] = lambda: ""
    prefix: str = ""
    headers: str = ""
    window: int = 6_000


def _ours(stand: Stand) -> str:
    stand.start("live")
    return "live"


def _nchan(stand: Stand) -> str:
    path = stand.state / "nchan.conf"
    words = (PEERS / "nchan.conf").read_text(encoding="utf-8")
    path.write_text(words.format(module=NCHAN, state=stand.state, port=stand.live_port), encoding="utf-8")
    program = str(shutil.which("nginx", path=f"{os.environ['PATH']}:/usr/sbin"))
    return _started(stand, "nchan", (program, "-c", str(path), "-p", str(stand.state)))


def _pubsub(stand: Stand) -> str:
    words = (sys.executable, "-m", "uvicorn", *UVICORN, "--host", table.BACKEND_HOST, "--port", str(stand.live_port))
    application = "bench.peers.channels_app:application"
    return _started(stand, "pubsub", (*words, application), CHANNEL_LAYER=LAYERS["pubsub"])


def _daphne(stand: Stand) -> str:
    port = ("-b", table.BACKEND_HOST, "-p", str(stand.live_port))
    words = (str(DAPHNE), "-m", "daphne", *port, "-v", "0", "bench.peers.channels_app:application")
    return _started(stand, "daphne", words, CHANNEL_LAYER=LAYERS["daphne"])


def _socketio(stand: Stand) -> str:
    words = ("node", str(PEERS / "socketio.js"))
    return _started(stand, "socketio", words, PORT=str(stand.live_port), NODE_PATH=str(NODE_MODULES))


def _started(stand: Stand, name: str, words: tuple[str, ...], **environment: str) -> str:
    stand.start_words(name, words, lambda: table.answers(stand.live_port), **environment)
    return name


def _missing(*needed: tuple[bool, str]) -> str:
    return "; ".join(why for there, why in needed if not there)


def _no_nchan() -> str:
    return _missing((NCHAN.exists(), "Debian's nginx with libnginx-mod-nchan is not installed"))


def _no_socketio() -> str:
    node = (shutil.which("node") is not None, "there is no node")
    return _missing(node, (NODE_MODULES.exists(), "npm ci of bench/peers was not done"))


def _no_daphne() -> str:
    return _missing((DAPHNE.exists(), "its venv was not made"))


OURS = Contestant("ours", "hub", "lockstep", "/live/ws", _ours, prefix="order/")
OURS_SSE = replace(OURS, name="ours, events", dialect="sse", path="/live/sse?topic={topic}")
NCHAN_WS = Contestant("nchan", "nchan", "plain", "/sub/{topic}", _nchan, _no_nchan)
NCHAN_SSE = replace(NCHAN_WS, name="nchan, events", dialect="sse")
PUBSUB = Contestant("Channels pub/sub", "pubsub", "plain", "/{topic}", _pubsub)
SOCKETIO = Contestant(
    "Socket.IO", "socketio", "socketio", "/socket.io/?EIO=4&transport=websocket", _socketio, _no_socketio
)
DAPHNE_DEFAULT = Contestant(
    "daphne + default layer", "default", "plain", "/{topic}", _daphne, _no_daphne, window=GENTLE
)


def ours(cookie: str, made: Contestant = OURS) -> Contestant:
    """Ours, as seen by somebody who is signed in."""
    protocol = f"Sec-WebSocket-Protocol: {SUBPROTOCOL}\r\n" if made.dialect == "lockstep" else ""
    return replace(made, headers=f"Cookie: {cookie}\r\n{protocol}")


def absences(*asked: Contestant) -> dict[str, str]:
    """Who of them cannot be measured here, and why."""
    return {one.name: f"ABSENT: {why}" for one in asked if (why := one.absent())}
