"""`manage.py webhook-sink`: a receiver to try webhooks out with; says what it gets, whether it is ours, keeps seals."""  # noqa: N999 - the command's name

import json
import time
from argparse import ArgumentParser
from collections.abc import Callable
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Lock
from typing import Any

from django.conf import settings
from django.core.management.base import BaseCommand, CommandError
from django.db import close_old_connections

from config.ground import clock
from notifications.models import Endpoint
from notifications.outside import signing
from notifications.seal.keeping import Kept
from notifications.seal.note import HEADER
from notifications.seal.sealing import signer

DEFAULT_PORT = 8020
ENOUGH = 1_048_576  # bytes of one message


class Receiver(BaseHTTPRequestHandler):
    """One message; `serve` gives each server its own answer, delay and ways to say and to know secrets."""

    protocol_version = "HTTP/1.1"
    status = 202
    delay = 0.0
    say: Callable[[str], object]
    secrets: Callable[[], list[str]]
    keep: Callable[[str], str]  # takes a checkpoint's header, says what it is

    def do_POST(self) -> None:
        """Read it, check its signature, print it, answer as told; a challenge is always repeated."""
        length = int(self.headers.get("content-length") or 0)
        body = self.rfile.read(min(length, ENOUGH))
        name = self.headers.get(signing.ID, "no id")
        type(self).say(
            f"{clock.now():%H:%M:%S} {self.path} {name} {self._checked(body)}; "
            f"{type(self).keep(self.headers.get(HEADER, ''))}\n  {body.decode(errors='replace')}"
        )
        token = _challenge(body)
        if not token:
            time.sleep(self.delay)
        answer = json.dumps({"challenge": token}).encode() if token else b""
        self.send_response(200 if token else self.status)
        self.send_header("content-length", str(len(answer)))
        self.end_headers()
        self.wfile.write(answer)

    def log_message(self, *_arguments: Any) -> None:
        """Keep quiet: `do_POST` says it better."""

    def _checked(self, body: bytes) -> str:
        received = {key.lower(): value for key, value in self.headers.items()}
        known = type(self).secrets()
        for secret in known:
            try:
                signing.verify(secret, received, body, int(time.time()))
            except signing.SignatureWrong as error:
                why = str(error)
            else:
                return "signature verified"
        return f"NOT VERIFIED: {why}" if known else "not checked: no secret known (--secret whsec_…)"


def serve(port: int, **given: Any) -> ThreadingHTTPServer:
    """A server on the loopback interface; `given` are Receiver's attributes."""
    ways = {name: staticmethod(value) if callable(value) else value for name, value in given.items()}
    return ThreadingHTTPServer(("127.0.0.1", port), type("Sink", (Receiver,), ways))


class Command(BaseCommand):
    """Runs until Ctrl-C."""

    help = "Listen for webhooks on this machine, verify and print them (development only)."

    def add_arguments(self, parser: ArgumentParser) -> None:
        """The answer to give, and how slowly; where to keep checkpoints, and whose they must be."""
        parser.add_argument("--port", type=int, default=DEFAULT_PORT, help="default %(default)s")
        parser.add_argument("--status", type=int, default=202, help="what to answer (default %(default)s)")
        parser.add_argument("--delay", type=float, default=0.0, help="seconds before answering")
        parser.add_argument(
            "--secret", action="append", default=[], help="whsec_…; else those of this port's endpoints"
        )
        parser.add_argument(
            "--keep", type=Path, default=settings.STATE_DIR / "checkpoints.txt",
            help="where checkpoints are kept, for verifier.py --checkpoint (default %(default)s)",
        )  # fmt: skip
        parser.add_argument("--key", default="", help="the log's public key (default: this installation's)")

    def handle(self, *_args: Any, **options: Any) -> None:
        """Serve."""
        if settings.PRODUCTION:
            raise CommandError("The sink knows every secret; it is for development only.")
        given: list[str] = options["secret"]
        port: int = options["port"]
        secrets = (lambda: given) if given else (lambda: _secrets_of(f"localhost:{port}"))
        kept, lock = self._kept(options["keep"], options["key"] or signer().key), Lock()

        def keep(header: str) -> str:
            with lock:
                return kept.take(header)

        answers = {"status": options["status"], "delay": options["delay"]}
        server = serve(port, say=self._say, secrets=secrets, keep=keep, **answers)
        self._say(f"Listening at http://localhost:{port}/ and answering {options['status']}. Ctrl-C ends it.")
        try:
            server.serve_forever()
        except KeyboardInterrupt:
            server.server_close()

    def _kept(self, file: Path, key: str) -> Kept:
        try:
            return Kept(file, key)
        except ValueError as error:
            raise CommandError(f"{file} holds checkpoints of another log ({error}). Name another file.") from None

    def _say(self, text: str) -> None:
        self.stdout.write(text)
        self.stdout.flush()


def _secrets_of(host: str) -> list[str]:
    """The secrets of every endpoint on this host, read anew: one may have been replaced."""
    close_old_connections()
    found = Endpoint.objects.filter(host=host).exclude(state=Endpoint.State.REMOVED)
    secrets = [secret for endpoint in found for secret in endpoint.secrets_at(clock.now())]
    close_old_connections()
    return secrets


def _challenge(body: bytes) -> str:
    try:
        document = json.loads(body)
    except ValueError:
        return ""
    if not isinstance(document, dict) or document.get("eventType") != "webhook.challenge":
        return ""
    return str(document.get("payload", {}).get("challenge", ""))
