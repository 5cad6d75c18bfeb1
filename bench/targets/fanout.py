"""`fanout`: 1,500 sockets in groups of three through the live process, beside Channels' Redis pub/sub layer."""

import json
import subprocess
import sys
from contextlib import ExitStack
from dataclasses import asdict
from functools import partial

from bench import goods
from bench.feeder import Feed
from bench.report import Row
from bench.sockets import Seen, Tally, Watch
from bench.stand import Stand
from bench.targets.pages import session
from bench.targets.status import placed
from config.local import table
from notifications.live.protocol import SUBPROTOCOL

GROUPS, EACH = 500, 3


def run(stand: Stand) -> list[Row]:
    """Measure: limit, ours, peer, limit."""
    buyer, key = goods.person("watcher")
    first = goods.copies(placed(goods.market("watched"), key), GROUPS)
    refs = [f"ord_{goods.FIRST_REF + first + n}" for n in range(GROUPS)]
    limit = _bare(stand, refs)
    ours, our_us, our_kib = _ours(stand, refs, f"Cookie: {session(buyer)}\r\n")
    peer, peer_us, peer_kib = _peer(stand, refs)
    again = _bare(stand, refs)
    details = {
        "sockets": f"{GROUPS * EACH} in groups of {EACH}",
        "losses": f"ours {ours.lost}, peer {peer.lost}",
        "inversions": f"ours {ours.inverted}, peer {peer.inverted}",
        "server CPU a message": f"ours {our_us:.1f} µs, peer {peer_us:.1f} µs",
        "server memory a socket": f"ours {our_kib:.1f} KiB, peer {peer_kib:.1f} KiB",
        "client CPU a message": f"{ours.client_us:.1f} µs",
        "peer": "uvicorn with the same words, channels_redis pub/sub layer, neither rights nor versions",
    }
    return [
        Row("fanout", "messages/s", ours.per_second, peer.per_second, limit.per_second, again.per_second,
            "≥ 6 × peer", ours.lost + ours.inverted, details),
    ]  # fmt: skip


def _ours(stand: Stand, refs: list[str], cookie: str) -> tuple[Seen, float, float]:
    stand.start("live")
    try:
        topics = [f"order/{ref}" for ref in refs]
        headers = f"{cookie}Sec-WebSocket-Protocol: {SUBPROTOCOL}\r\n"
        watch = Watch(stand.live_port, "/live/ws", topics, EACH, "", subscribe=True, headers=headers)
        return _watched(stand, watch, Feed("hub", topics, EACH, stand.seconds, ""), "live")
    finally:
        stand.stop("live")


def _peer(stand: Stand, refs: list[str]) -> tuple[Seen, float, float]:
    words = (*stand.words("live")[:-1], "bench.channels_peer:application")
    stand.start_words("peer", words, lambda: table.answers(stand.live_port))
    try:
        watch = Watch(stand.live_port, "/{topic}", refs, EACH, "", subscribe=False)
        topics = [f"order/{ref}" for ref in refs]
        feed = Feed("channels", topics, EACH, stand.seconds, "", redis_url=stand.environment["REDIS_URL"])
        return _watched(stand, watch, feed, "peer")
    finally:
        stand.stop("peer")


def _bare(stand: Stand, refs: list[str]) -> Seen:
    topics = [f"order/{ref}" for ref in refs]
    feed = Feed("bare", topics, EACH, stand.seconds / 2, "", port=stand.live_port)
    return _watched(stand, Watch(stand.live_port, "/{topic}", refs, EACH, "", subscribe=False), feed, "")[0]


def _watched(stand: Stand, watch: Watch, feed: Feed, server: str) -> tuple[Seen, float, float]:
    """Run watchers and feeder; returns what was seen, µs of the server's CPU a message, KiB of its memory a socket."""
    path = stand.state / "tally"
    Tally.fresh(path)
    watch.tally = feed.tally = str(path)
    empty_kib = stand.memory_kib(server) if server else 0
    with ExitStack() as stack:
        begin = partial(_begin, stand, stack)
        feeding = None if server else begin("bench.feeder", feed, "listening")
        watching = begin("bench.sockets", watch, "ready")
        full_kib, cpu = (stand.memory_kib(server), stand.cpu_seconds(server)) if server else (0, 0.0)
        feeding = feeding or begin("bench.feeder", feed, "")
        told, _ = feeding.communicate(timeout=stand.seconds * 4 + 60)
        if feeding.returncode:
            raise RuntimeError("the feeder failed")
        said, _ = watching.communicate(timeout=60)
    seen = Seen(**json.loads(said))
    spent = stand.cpu_seconds(server) - cpu if server else 0.0
    assert json.loads(told)["sent"] == seen.received + seen.lost, "the counts do not agree"
    return seen, spent * 1e6 / max(1, seen.received), (full_kib - empty_kib) / (GROUPS * EACH)


def _begin(stand: Stand, stack: ExitStack, module: str, words: Watch | Feed, greeting: str) -> "subprocess.Popen[str]":
    """Start one side in a process that ends with `stack`, and wait for its greeting."""
    child = subprocess.Popen(
        (sys.executable, "-m", module), stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, env=stand.environment
    )
    stack.callback(child.kill)
    assert child.stdin
    assert child.stdout
    child.stdin.write(json.dumps(asdict(words)) + "\n")
    child.stdin.flush()
    if greeting and (said := child.stdout.readline().strip()) != greeting:
        raise RuntimeError(f"{module} said {said!r} instead of {greeting!r}")
    return child
