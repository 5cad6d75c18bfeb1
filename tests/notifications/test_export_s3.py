"""The export in a bucket: moto's server speaks S3; and what happens when S3 is slow, broken, closed or not there."""

import socket
import threading
import time
from datetime import timedelta

import pytest
from moto.server import ThreadedMotoServer

from config import tasks
from config.desk import gauges
from config.ground import clock
from notifications.analytics import reading, store, tidying, writing
from notifications.analytics.models import AnalyticsFile, AnalyticsState
from notifications.analytics.store import Bucket, StoreAway
from tests.notifications.export_world import FACTS, START, happen, lapse, live_names, wanted

pytestmark = pytest.mark.django_db(transaction=True)
KEYS = {"region": "us-east-1", "key": "test", "secret": "test-secret"}


@pytest.fixture(scope="module")
def moto():
    server = ThreadedMotoServer(ip_address="127.0.0.1", port=0, verbose=False)
    server.start()
    host, port = server.get_host_and_port()
    yield f"http://{host}:{port}"
    server.stop()


@pytest.fixture
def bucket(moto, settings, tmp_path):
    """A fresh bucket, named by settings as an installation names it."""
    name = f"export-{tmp_path.name.replace('_', '-').lower()}"[:60].strip("-")
    make_bucket(moto, name)
    settings.ANALYTICS_URL = f"s3://{name}/some/where"
    settings.ANALYTICS_S3 = {"endpoint": moto, **KEYS}
    settings.ANALYTICS_WORK = tmp_path / "work"
    return writing.the_store()


def make_bucket(moto, name):
    """PUT /name, which moto takes without a signature."""
    with socket.create_connection(moto.removeprefix("http://").split(":")) as line:
        line.sendall(f"PUT /{name} HTTP/1.1\r\nHost: s3\r\nContent-Length: 0\r\nConnection: close\r\n\r\n".encode())
        assert b"200" in line.recv(100)


class Sick:
    """A server that is no S3: it answers as `behave(line)` does, and counts."""

    def __init__(self, behave):
        self.listener = socket.create_server(("127.0.0.1", 0))
        self.url = f"http://127.0.0.1:{self.listener.getsockname()[1]}"
        self.asked, self.lines, self.behave = 0, [], behave
        threading.Thread(target=self.serve, daemon=True).start()

    def serve(self):
        while True:
            try:
                line, _ = self.listener.accept()
            except OSError:
                return
            self.lines.append(line)
            threading.Thread(target=self.talk, args=[line], daemon=True).start()

    def talk(self, line):
        try:
            while line.recv(65_536):
                self.asked += 1
                self.behave(line)
        except OSError:
            return

    def stop(self):
        self.listener.close()
        for line in self.lines:
            line.close()


@pytest.fixture
def sick():
    made = []

    def make(behave):
        made.append(Sick(behave))
        return made[-1]

    yield make
    for server in made:
        server.stop()


def says(status, body=b""):
    head = f"HTTP/1.1 {status}\r\nContent-Length: {len(body)}\r\nContent-Type: application/xml\r\n\r\n"
    return lambda line: line.sendall(head.encode() + body)


@pytest.fixture(autouse=True)
def rows_of_the_test(monkeypatch):
    monkeypatch.setattr(tasks, "EXPORTED", FACTS)


@pytest.fixture
def hasty(monkeypatch):
    """The same limits, shorter."""
    for name, seconds in (("WAIT", 0.3), ("CONNECT", 0.3), ("AGAIN_FOR", 0.5)):
        monkeypatch.setattr(store, name, timedelta(seconds=seconds))


def read_all():
    span = START - timedelta(days=1), START + timedelta(days=3)
    with reading.extract(FACTS, writing.the_store(), *span, {}) as told:
        return [tuple(row.values()) for row in told.ask("SELECT position, amount_minor FROM events ORDER BY 1")]


def test_a_bucket_gets_the_same_files_and_is_read_through_a_cache(bucket, settings, monkeypatch):
    happen(90)
    assert writing.write(FACTS, bucket, batch=30) == 90
    assert sorted(bucket.names()) == live_names()
    assert read_all() == wanted()
    monkeypatch.setattr(Bucket, "get", lambda *_: pytest.fail("it was fetched before"))
    assert read_all() == wanted()
    monkeypatch.undo()
    monkeypatch.setattr(tidying.clock, "now", lambda: START + timedelta(days=3))
    assert tidying.tidy(FACTS, bucket).merged == 3
    assert read_all() == wanted()
    AnalyticsFile.objects.exclude(replaced_at=None).update(replaced_at=START)
    assert tidying.tidy(FACTS, bucket).deleted == 3
    assert sorted(bucket.names()) == live_names()
    settings.ANALYTICS_KEPT_BYTES = 1
    reading.places.keep_to(1)
    assert read_all() == wanted()  # nothing of the cache is needed


WORDS = {
    "503 Slow Down": "failed (status 503)",
    "403 Forbidden": "refuses these keys",
    "401 Unauthorized": "refuses these keys",
    "404 Not Found": "has no bucket named",
}


@pytest.mark.parametrize("status", WORDS)
def test_what_s3_refuses_is_said_and_nothing_is_lost(bucket, settings, sick, hasty, status):
    code = b"NoSuchBucket" if status.startswith("404") else b"SlowDown"
    ill = sick(says(status, b"<Error><Code>" + code + b"</Code><Message>test-secret</Message></Error>"))
    healthy = settings.ANALYTICS_S3
    settings.ANALYTICS_S3 = {"endpoint": ill.url, **KEYS}
    happen(30)
    assert tasks.write_analytics() == 0  # the task itself does not fail
    state = AnalyticsState.objects.get()
    assert ill.asked >= 1
    assert WORDS[status] in state.error
    assert "test-secret" not in state.error
    assert (state.position, state.claimed_to, state.tries) == (0, 30, 1)
    assert state.next_try_at > clock.now()
    gauge = gauges.export_behind(clock.now())
    assert (gauge.value, gauge.word) == (30, gauges.WATCH)
    assert WORDS[status] in gauge.says
    settings.ANALYTICS_S3 = healthy
    assert writing.write(FACTS, writing.the_store()) == 0  # it waits for the pause
    lapse()
    assert writing.write(FACTS, writing.the_store()) == 30
    assert read_all() == wanted()
    assert AnalyticsState.objects.get().error == ""
    gauge = gauges.export_behind(clock.now())
    assert (gauge.value, gauge.word) == (0, gauges.USUAL)


def test_a_slow_s3_costs_seconds_and_the_pauses_grow(bucket, settings, sick, hasty):
    ill = sick(lambda line: None)  # takes everything, never answers
    settings.ANALYTICS_S3 = {"endpoint": ill.url, **KEYS}
    happen(30)
    pauses = []
    for _try in range(3):
        began = time.monotonic()
        assert tasks.write_analytics() == 0
        assert time.monotonic() - began < 10
        state = AnalyticsState.objects.get()
        assert "did not answer within" in state.error
        pauses.append((state.next_try_at - clock.now()).total_seconds())
        lapse()
    assert ill.asked >= 3
    assert [round(pause, -1) for pause in pauses] == [10, 30, 60]


def test_an_s3_that_is_not_there_is_said(bucket, settings, hasty):
    with socket.create_server(("127.0.0.1", 0)) as closed:
        address = f"http://127.0.0.1:{closed.getsockname()[1]}"
    settings.ANALYTICS_S3 = {"endpoint": address, **KEYS}
    happen(3)
    with pytest.raises(StoreAway, match=f"{address} cannot be reached"):
        writing.write(FACTS, writing.the_store())


def test_a_file_that_came_back_shorter_is_not_believed(bucket):
    happen(30)
    writing.write(FACTS, bucket)
    AnalyticsFile.objects.update(bytes=7)
    with pytest.raises(StoreAway, match="not as long"):
        read_all()


def test_a_file_that_is_gone_is_said(bucket):
    happen(30)
    writing.write(FACTS, bucket)
    for name in live_names():
        bucket.delete(name)
        bucket.delete(name)  # also when it is gone already
    with pytest.raises(StoreAway, match="is not in the bucket"):
        read_all()
