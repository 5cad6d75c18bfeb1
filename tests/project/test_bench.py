"""The bench's table and its JSON have the shape that its readers know; nothing is timed here."""

import json
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import Thread

import pytest

from bench import __main__ as entry
from bench import client, contestants, dialects, pgbench, report
from bench.sockets import Watch
from bench.tally import Moments, Tally, percentile
from config.ground import clock
from config.local import places

KEYS = {"ours", "peer", "limit", "ratio", "losses", "conditions"}
CONDITIONS = {"fsync": "on", "synchronous_commit": "on", "cpu_pressure": "1.0 %"}


class StageForTests:
    def database_settings(self):
        return {"fsync": "on", "synchronous_commit": "on", "server_version": "18"}


def row(**changes):
    words = {"name": "orders", "unit": "orders/s", "ours": 250.0, "peer": 1000.0, "limit": 4000.0, "ship": "≥ 0.15"}
    return report.Row(**(words | changes))


def test_every_target_can_be_asked_for():
    for name in entry.TARGETS:
        assert (places.PROJECT / "bench" / "targets" / f"{name}.py").exists()


def test_the_json_has_the_documented_keys(tmp_path):
    path = tmp_path / "last.json"
    report.merge([row(details={"statuses": {"201": 5}})], CONDITIONS, path)
    written = json.loads(path.read_text())
    assert set(written["orders"]) == KEYS
    assert written["orders"]["ratio"] == 0.25
    assert written["orders"]["conditions"]["fsync"] == "on"


def test_one_target_leaves_the_figures_of_the_others(tmp_path):
    path = tmp_path / "last.json"
    report.merge([row()], CONDITIONS, path)
    report.merge([row(name="status", peer=None, limit=None)], CONDITIONS, path)
    written = json.loads(path.read_text())
    assert set(written) == {"orders", "status"}
    assert written["status"]["ratio"] is None


def test_the_table_shows_limit_ours_peer_ratio_bar_and_conditions():
    text = report.table("orders", [row(limit_again=3900.0)], CONDITIONS)
    assert all(word in text for word in report.HEAD)
    assert all(word in text for word in ("250", "1,000", "4,000", "3,900", "0.250", "≥ 0.15", "fsync on"))


def test_the_conditions_name_durability_versions_and_pressure():
    assert set(report.conditions(StageForTests())) >= {
        "fsync", "synchronous_commit", "server_version", "django", "psycopg", "granian", "cpu_pressure",
    }  # fmt: skip


class Answering(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    seen: list[str] = []

    def do_POST(self):
        self.rfile.read(int(self.headers["Content-Length"]))
        self.seen.append(self.headers["Idempotency-Key"])
        body = b'{"code": "out_of_stock"}'
        self.send_response(201 if len(self.seen) % 2 else 409)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_args):
        pass


@pytest.fixture
def server():
    Answering.seen = []
    server = ThreadingHTTPServer(("127.0.0.1", 0), Answering)
    Thread(target=server.serve_forever, daemon=True).start()
    yield server
    server.shutdown()
    server.server_close()


def test_the_load_counts_every_answer_and_never_sends_a_key_twice(server):
    wish = client.request("POST", "/", {"Idempotency-Key": client.UNIQUE}, "{}")
    job = client.Job(server.server_port, [wish] * 40, connections=4, repeat=False, seconds=30)
    outcome = client.drive(job)
    assert (outcome.answered, outcome.lost) == (40, 0)
    assert outcome.statuses == {"201": 20, "409": 20}
    assert outcome.codes == {"out_of_stock": 20}
    assert len(set(Answering.seen)) == 40


def test_a_peer_that_would_do_other_work_is_refused():
    assert pgbench.script(["SELECT 'ord_a'"], r"\set ref 1", {"ord_a": "ord_:ref"}).endswith("SELECT 'ord_:ref';\n")
    with pytest.raises(ValueError, match="in no statement"):
        pgbench.script(["SELECT 1"], "", {"ord_a": "ord_:ref"})


@pytest.mark.django_db
def test_the_peer_gets_the_statements_of_one_real_call(cast):
    def call():
        assert type(cast.ana).objects.filter(pk=cast.ana.pk, date_joined__lt=clock.now()).exists()

    lines = pgbench.statements(call)
    assert [line for line in lines if line.startswith("SELECT")]
    assert "%s" not in "".join(lines)


def test_watchers_and_feeder_share_one_tally(tmp_path):
    path = tmp_path / "tally"
    ours, theirs = Tally.fresh(path), Tally(path)
    ours.begin()
    theirs.received(7)
    ours.begin(total=9)
    received, total, began = theirs.read()
    assert (received, total) == (7, 9)
    assert began > 0


def test_a_bar_is_judged_by_the_ratio_or_by_the_figure_itself():
    fast = report.Bar(0.6, 0.85)
    assert [fast.reached(value) for value in (0.9, 0.7, 0.3)] == ["aim", "ship", "no, by 50%"]
    quick = report.Bar(100, 50, at_most=True, of_ours=True)
    assert row(ours=40.0, peer=None, bar=quick).judgement == ("≤ 100", "≤ 50", "aim")
    assert row(ours=150.0, peer=None, bar=quick).judgement[2] == "no, by 50%"
    assert row(peer=None, bar=fast).judgement[2] == "not measured"


def test_the_median_of_the_rounds_counts_not_the_best_one():
    assert row(ratios=(0.2, 0.9, 0.4)).ratio == 0.4


def test_the_live_bench_is_some_of_the_targets_and_has_a_quick_form():
    assert set(entry.LIVE) <= set(entry.TARGETS)
    asked = entry.words(["--live", "--quick"])
    assert (asked.targets, asked.rounds) == (list(entry.LIVE), 1)
    assert asked.seconds < 1


def test_a_server_that_is_not_installed_is_named(monkeypatch):
    monkeypatch.setattr(contestants, "NCHAN", places.PROJECT / "nowhere.so")
    monkeypatch.setattr(contestants, "DAPHNE", places.PROJECT / "nowhere")
    named = contestants.absences(contestants.NCHAN_WS, contestants.DAPHNE_DEFAULT, contestants.PUBSUB)
    assert set(named) == {"nchan", "daphne + default layer"}
    assert all(why.startswith("ABSENT") for why in named.values())


def test_a_moment_is_noted_once(tmp_path):
    path = tmp_path / "moments"
    ours, theirs = Moments.fresh(path, 3), Moments(path)
    assert ours.note(1, 5.0)
    assert not theirs.note(1, 6.0)
    assert not theirs.note(3, 6.0)
    assert theirs.read().tolist() == [0.0, 5.0, 0.0]
    assert percentile([3.0, 1.0, 2.0], 0.5) == 2.0


class CrowdForTests:
    watch = Watch(1, "/", ["order/ord_x"], 1, "", "plain")

    def __init__(self):
        self.inverted = self.resyncs = 0
        self.heard_versions, self.followed = [], 0

    def heard(self, _watcher, version):
        self.heard_versions.append(version)

    def follow(self):
        self.followed += 1

    def fail(self, why):
        raise AssertionError(why)


class WireForTests:
    def __init__(self):
        self.sent = []

    def write(self, data):
        self.sent.append(data)


def told(text):
    data = text.encode()
    return bytes([0x81, len(data)]) + data if len(data) < 126 else b"\x81\x7e" + len(data).to_bytes(2, "big") + data


@pytest.mark.parametrize("piece", [1, 7, 1000])
def test_a_watcher_counts_what_is_late_or_twice_however_the_bytes_are_cut(piece):
    crowd = CrowdForTests()
    watcher = dialects.Lockstep(crowd, "order/ord_x", 0, 0)
    watcher.connection_made(WireForTests())
    stream = b"HTTP/1.1 101 Switching Protocols\r\n\r\n" + told('{"type":"welcome"}')
    stream += told('{"type":"snapshot","topic":"order/ord_x","version":3}') + b"\x89\x02ab"
    stream += b"".join(told(f'{{"topic":"order/ord_x","version":{n},"data":{"x" * 200}}}') for n in (4, 5, 5, 7, 6))
    for start in range(0, len(stream), piece):
        watcher.data_received(stream[start : start + piece])
    assert crowd.heard_versions == [4, 5, 5, 7, 6]
    assert (crowd.inverted, crowd.followed, watcher.version) == (2, 1, 7)
    assert watcher.transport.sent[-1] == b"\x8a\x82" + bytes(4) + b"ab"
