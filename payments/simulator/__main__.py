"""Starts the simulator: `python -m payments.simulator --port 8010 --state DIR`."""

import argparse
import json
import logging
import sys
from functools import partial
from pathlib import Path

import uvicorn

from payments.simulator import faults, keys, oracle
from payments.simulator.book import Book
from payments.simulator.clock import Clock
from payments.simulator.server import Door, Server
from payments.simulator.world import World


def main() -> int:
    """Serve until stopped; 2 with one line when the arguments make no sense."""
    options = _options()
    try:
        rules = faults.Faults(options.seed, json.loads(options.faults))
        own = keys.load(options.state)
        publish = partial(
            keys.hand_over, own, options.gateway_dir or options.state.parent / "gateways", options.notify_base
        )
        publish()
    except (faults.NoSuchFault, json.JSONDecodeError, keys.NotOurs, OSError) as error:
        print(f"simulator: {error}", file=sys.stderr)
        return 2
    clock = Clock()
    file = None if options.in_memory else options.state / "books.sqlite3"
    world = World(
        keys=own,
        book=Book(file, clock.now),
        faults=rules,
        clock=clock,
        time_scale=options.time_scale,
        publish=publish,
    )
    logging.getLogger("httpx").setLevel(logging.WARNING)
    print(f"simulator: no money moves; on http://{options.host}:{options.port}, books in {options.state}", flush=True)
    uvicorn.run(
        Server(world),
        host=options.host,
        port=options.port,
        loop="uvloop",
        http=Door,
        log_level="warning",
        access_log=False,
        lifespan="on",
        timeout_graceful_shutdown=2,
    )
    return 0


def _options() -> argparse.Namespace:
    known = "\n".join(f"  {name:16} {what}" for name, what in faults.KINDS.items())
    doors = (oracle.__doc__ or "").rpartition("\n\n")[2].rstrip()
    parser = argparse.ArgumentParser(
        prog="python -m payments.simulator",
        description="A stand-in for WeChat Pay and Alipay that speaks their real protocols. No money moves.",
        epilog=(
            f'faults (--faults \'{{"lost": 0.1}}\', or a rule: {{"rate", "seconds", "on", "times"}}):\n{known}\n\n'
            f"oracle (JSON in and out; what tests may ask and do behind the gateways' backs):\n{doors}"
        ),
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    add = parser.add_argument
    add("--port", type=int, default=8010, help="where to listen (default 8010)")
    add("--host", default="127.0.0.1", help="where to listen (default 127.0.0.1)")
    add("--state", type=Path, required=True, metavar="DIR", help="its own books and keys")
    add("--gateway-dir", type=Path, metavar="DIR2", help="the shop's keys (default DIR/../gateways)")
    add("--notify-base", default="", metavar="URL", help="where the shop is called back, if not public")
    add("--in-memory", action="store_true", help="keep the books in memory; the keys stay in DIR")
    add("--time-scale", type=_scale, default=60.0, metavar="N", help="business time runs N times as fast (default 60)")
    add("--seed", type=int, default=1, help="of the faults (default 1)")
    add("--faults", default="{}", metavar="JSON", help="which faults, how often")
    return parser.parse_args()


def _scale(text: str) -> float:
    """Read a time scale: retries, refunds and delays are divided by it."""
    try:
        scale = float(text)
    except ValueError:
        scale = 0.0
    if not 0.001 <= scale <= 1_000_000:
        message = f"{text} is not between 0.001 and 1000000"
        raise argparse.ArgumentTypeError(message)
    return scale


if __name__ == "__main__":
    sys.exit(main())
