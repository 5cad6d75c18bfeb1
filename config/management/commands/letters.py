"""`manage.py letters`: forget a person's letters, delete old words now, make a key for Web Push."""

import base64
import secrets
from argparse import ArgumentParser
from typing import Any

from django.core.management.base import BaseCommand, CommandError

from notifications.letters import erasing


class Command(BaseCommand):
    """`forget usr_…`, `expire`, `vapid-key`."""

    help = "Letters to people: forget one person, delete what is older than a month, make a key for Web Push."

    def add_arguments(self, parser: ArgumentParser) -> None:
        """One verb, and whom it is about."""
        verbs = parser.add_subparsers(dest="verb", required=True)
        forget = verbs.add_parser("forget", help="delete a person's letters, browsers and choices")
        forget.add_argument("person", help="usr_…, or order/ord_… for a guest")
        forget.add_argument("--yes", action="store_true", help="do it; without this it only asks")
        verbs.add_parser("expire", help="delete the words of letters that are older than a month")
        verbs.add_parser("vapid-key", help="print a fresh LOCKSTEP_VAPID_KEY")

    def handle(self, *_args: Any, **options: Any) -> None:
        """Do it and say how much it was."""
        if options["verb"] == "vapid-key":
            key = base64.urlsafe_b64encode(secrets.token_bytes(32)).rstrip(b"=").decode()
            self.stdout.write(f"LOCKSTEP_VAPID_KEY={key}")
        elif options["verb"] == "expire":
            self.stdout.write(f"Words of {erasing.expire()} letters deleted.")
        else:
            self._forget(options["person"], is_sure=options["yes"])

    def _forget(self, person: str, *, is_sure: bool) -> None:
        if not person.startswith(("usr_", "order/ord_")):
            raise CommandError("Name an account (usr_…), or a guest by the order (order/ord_…).")
        if not is_sure:
            raise CommandError(f"This deletes every letter of {person} for good. Say it again with --yes.")
        self.stdout.write(f"Words of {erasing.forget(person)} letters deleted, nothing more is sent.")
