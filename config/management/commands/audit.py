"""`manage.py audit export --out log.jsonl`: the sealed log as a file that notifications/seal/verifier.py checks."""

import json
import sys
from argparse import ArgumentParser
from pathlib import Path
from typing import Any

from django.core.management.base import BaseCommand

from notifications.seal import export
from notifications.seal.sealing import sign_off, signer

EVERY = 100_000  # entries between two words of progress


class Command(BaseCommand):
    """Writes what is sealed; says the key that the verifier should be given from outside."""

    help = "Export the sealed log for the stand-alone verifier."

    def add_arguments(self, parser: ArgumentParser) -> None:
        """One verb, and where to."""
        parser.add_argument("verb", choices=["export", "key"], help="export: write the log; key: say the public key")
        parser.add_argument("--out", type=Path, help="the file (default: standard output)")
        parser.add_argument("--without-contents", action="store_true", help="leaves only: nothing that anybody said")

    def handle(self, *args: Any, **options: Any) -> None:  # noqa: ARG002 - Django passes them
        """Write line by line; the newest entries are signed first."""
        if options["verb"] == "key":
            self.stdout.write(signer().key)
            return
        sign_off(at_once=True)
        out = options["out"].open("w", encoding="utf-8") if options["out"] else sys.stdout
        count = 0
        try:
            for line in export.lines(with_contents=not options["without_contents"]):
                out.write(json.dumps(line, ensure_ascii=False) + "\n")
                count += line["kind"] == "event"
                if line["kind"] == "event" and count % EVERY == 0:
                    self.stderr.write(f"{count} entries")
        finally:
            if out is not sys.stdout:
                out.close()
        self.stderr.write(
            f"{count} entries. Check them with: python notifications/seal/verifier.py FILE --key '{signer().key}'"
        )
