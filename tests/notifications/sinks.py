"""Receivers on loopback that behave, well or badly: each listens on a port of its own and remembers what it got."""

import json
import socketserver
import threading
import time
from types import SimpleNamespace

FOREVER = 60.0  # seconds: longer than anybody listens


def answer(status=202, body=b"", **headers):
    """A whole, correct answer; underscores in header names become dashes."""
    told = {name.replace("_", "-"): value for name, value in headers.items()} | {"content-length": len(body)}
    lines = [f"HTTP/1.1 {status} Said", *(f"{name}: {value}" for name, value in told.items())]
    return "\r\n".join(lines).encode() + b"\r\n\r\n" + body


def says(status, **headers):
    """Always answer so."""
    return lambda sink, line, got: line.sendall(answer(status, **headers))


def well(sink, line, got):
    """Take everything, and repeat the challenge."""
    said = json.loads(got.body)
    if said.get("eventType") == "webhook.challenge":
        line.sendall(answer(200, json.dumps({"challenge": said["payload"]["challenge"]}).encode()))
    else:
        line.sendall(answer())


def wrong_challenge(sink, line, got):
    line.sendall(answer(200, b'{"challenge": "guess"}'))


def drips(sink, line, got):
    """One byte of the headers now and then, never a whole answer."""
    for letter in b"HTTP/1.1 202 Accepted\r\nx-slow: " + b"y" * 10_000:
        if sink.stopping.wait(0.05):
            return
        line.sendall(bytes([letter]))


def never_ends(sink, line, got):
    """202, then a body without end."""
    line.sendall(b"HTTP/1.1 202 Accepted\r\ntransfer-encoding: chunked\r\n\r\n")
    while not sink.stopping.is_set():
        line.sendall(b"400\r\n" + b"x" * 1024 + b"\r\n")
        sink.sent += 1024


def hangs(sink, line, got):
    """Never a word."""
    sink.stopping.wait(FOREVER)


def closes_mid_body(sink, line, got):
    line.sendall(b"HTTP/1.1 202 Accepted\r\ncontent-length: 1000\r\n\r\nhalf")


def closes_at_once(sink, line, got):
    """Take it and hang up without a word."""


def redirects(sink, line, got):
    line.sendall(answer(307, location=sink.elsewhere))


class Sink:
    """`behave` may be changed at any moment; `got` are the requests in the order of their arrival."""

    def __init__(self, behave=well):
        self.behave = behave
        self.got = []
        self.sent = 0
        self.elsewhere = ""
        self.stopping = threading.Event()
        self.open_now, self.most_open = 0, 0
        self._lock = threading.Lock()
        sink = self

        class Line(socketserver.BaseRequestHandler):
            def handle(self):
                sink.serve(self.request)

        self._server = socketserver.ThreadingTCPServer(("127.0.0.1", 0), Line, bind_and_activate=False)
        self._server.daemon_threads = True
        self._server.request_queue_size = 128
        self._server.server_bind()
        self._server.server_activate()
        self.port = self._server.server_address[1]
        self.host = f"localhost:{self.port}"
        self.url = f"http://{self.host}/hook"
        self._thread = threading.Thread(target=self._server.serve_forever, args=(0.02,), daemon=True)
        self._thread.start()

    def serve(self, line):
        with self._lock:
            self.open_now += 1
            self.most_open = max(self.most_open, self.open_now)
        try:
            while not self.stopping.is_set():
                got = self._read(line)
                if got is None:
                    return
                with self._lock:
                    self.got.append(got)
                before = self.behave
                before(self, line, got)
                if before in (closes_mid_body, closes_at_once, drips, never_ends, hangs):
                    return
        except OSError:
            pass
        finally:
            with self._lock:
                self.open_now -= 1

    def _read(self, line):
        head = b""
        while b"\r\n\r\n" not in head:
            part = line.recv(65_536)
            if not part:
                return None
            head += part
        head, _, body = head.partition(b"\r\n\r\n")
        first, *rest = head.decode().split("\r\n")
        headers = {name.lower(): value.strip() for name, _, value in (one.partition(":") for one in rest)}
        while len(body) < int(headers.get("content-length", 0)):
            body += line.recv(65_536)
        return SimpleNamespace(path=first.split(" ")[1], headers=headers, body=body, at=time.time())

    def events(self):
        """The documents that were no challenge, in order of arrival."""
        said = [json.loads(got.body) for got in list(self.got)]
        return [one for one in said if one.get("eventType") != "webhook.challenge"]

    def first_sequences(self):
        """order → the sequences in the order of their first receipt."""
        found = {}
        for one in self.events():
            payload = one.get("payload", one)
            seen = found.setdefault(payload["orderId"], [])
            if payload["sequence"] not in seen:
                seen.append(payload["sequence"])
        return found

    def stop(self):
        self.stopping.set()
        self._server.shutdown()
        self._server.server_close()
