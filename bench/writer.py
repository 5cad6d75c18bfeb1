"""Changes that commit: the statements of one real change, sent again and again for many orders, each at its moment.

Standard input: one Job as JSON, then Phases (feeding.py), one a line, each answered with the number of its changes.
A phase is whole rounds over `orders` at its rate; for SCREEN_SHARE of them the order on the screen changes once.
When each commit returned is noted by its number. Afterwards the hint is published, as the product does, or (`direct`)
the finished frame itself: what a project without a log would do.
"""

import json
import os
import re
import sys
import threading
import time
from dataclasses import dataclass, field
from datetime import UTC, datetime

import django
import psycopg

django.setup()

# what follows reads models and settings, so Django had to be set up first
from bench.feeding import DATA, MINUTES, Job, Phase  # noqa: E402
from bench.tally import Moments, Tally  # noqa: E402
from bench.ways import Publisher  # noqa: E402
from notifications.log import frames  # noqa: E402
from notifications.log.wire import hint_channel, redis_connection  # noqa: E402

AT_ONCE = 8  # connections: one would wait for each fsync
SCREEN_SHARE = 20
NOW = re.compile(r"'[^']+'::timestamptz")


@dataclass
class Stream:
    """Changes number 0, 1, 2 … of these orders in turn, `rate` a second; `version` is what each has before."""

    orders: list[tuple[str, int]]  # (public id, key)
    version: int
    rate: float
    count: int
    commits: Moments
    taken: int = 0
    lock: threading.Lock = field(default_factory=threading.Lock)

    def take(self) -> int | None:
        """The next number."""
        with self.lock:
            self.taken += 1
            return self.taken - 1 if self.taken <= self.count else None


class Writer:
    """Makes the changes of one job."""

    def __init__(self, job: Job) -> None:
        self.job = job
        self.tally = Tally(job.tally)
        self.versions = [job.version, job.screen[2] if job.screen else 0]  # of the orders, of the one on the screen
        ref, key, version = job.model
        text = NOW.sub("clock_timestamp()", job.text).replace(ref, "{ref}")
        for old, new in (
            (f'"version" = {version + 1} ', '"version" = {to} '),
            (f" {version + 1}::int", " {to}::int"),
            (f"id = {key} AND version = {version} ", "id = {key} AND version = {of} "),
        ):
            if old not in text:
                raise ValueError(f"{old} is in no statement")
            text = text.replace(old, new)
        self.text = text.replace(str(MINUTES), "{to}")
        self._publisher = Publisher(job.epoch) if job.direct else None
        self._order = threading.Lock()
        self._position = 0

    def run(self, phase: Phase) -> int:
        """Do one phase."""
        count = max(1, round(phase.rate * phase.seconds / len(self.job.orders))) * len(self.job.orders)
        streams = [Stream(self.job.orders, self.versions[0], phase.rate, count, Moments(self.job.commits))]
        streams *= AT_ONCE
        if self.job.screen:
            rate = phase.rate / SCREEN_SHARE
            most = round(count / SCREEN_SHARE)
            streams.append(
                Stream([self.job.screen[:2]], self.versions[1], rate, most, Moments(self.job.screen_commits))
            )
            self.versions[1] += most
        self.tally.begin()
        threads = [threading.Thread(target=self._work, args=(stream,)) for stream in streams]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        self.versions[0] += count // len(self.job.orders)
        self.tally.begin(count)
        return count

    def _work(self, stream: Stream) -> None:
        began = self.tally.read()[2]
        with psycopg.connect(os.environ["DATABASE_URL"], autocommit=True) as connection:
            while (number := stream.take()) is not None:
                wait = began + number / stream.rate - time.monotonic()
                if wait > 0:
                    time.sleep(wait)
                ref, key = stream.orders[number % len(stream.orders)]
                of = stream.version + number // len(stream.orders)
                self._change(connection, ref, key, of)
                stream.commits.note(number, time.monotonic())
                self._tell(ref, of + 1)

    def _change(self, connection: "psycopg.Connection[tuple[object, ...]]", ref: str, key: int, of: int) -> None:
        words = {"{ref}": ref, "{key}": str(key), "{of}": str(of), "{to}": str(of + 1)}
        text = re.sub(r"\{(ref|key|of|to)\}", lambda found: words[found[0]], self.text)
        cursor = connection.execute(text)  # type: ignore[call-overload] # one round trip; the text is our own
        while cursor.nextset():
            if cursor.statusmessage == "SELECT 0":
                raise RuntimeError(f"{ref} was not at version {of}")

    def _tell(self, ref: str, version: int) -> None:
        if self._publisher is None:
            redis_connection().publish(hint_channel(), b"")
            return
        with self._order:
            self._position += 1
            event = frames.Numbered(
                self._position, f"order/{ref}", version, "order.confirmed", DATA, {}, (), datetime.now(UTC)
            )
            self._publisher.publish([event])


def main() -> None:
    """Do one phase after the other."""
    writer = Writer(Job(**json.loads(sys.stdin.readline())))
    print("feeding", flush=True)
    for line in sys.stdin:
        print(json.dumps({"sent": writer.run(Phase(**json.loads(line)))}), flush=True)


if __name__ == "__main__":
    main()
