"""The bench's table and its JSON have the shape that its readers know; nothing is timed here."""

import json
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import Thread

import pytest

from bench import __main__ as entry
from bench import client, pgbench, report
from bench.sockets import Tally, Watch
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
    assert Watch(1, "/", ["order/ord_x"], 3, str(path), subscribe=True).each == 3
