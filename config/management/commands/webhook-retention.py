"""`manage.py webhook-retention`: forgets webhook messages that were settled long ago; beat does so each hour."""  # noqa: N999 - the command's name

from argparse import ArgumentParser
from typing import Any

from django.conf import settings
from django.core.management.base import BaseCommand, CommandError

from notifications.webhooks import retention


class Command(BaseCommand):
    """Asks first, unless told not to. The log keeps every event, so what is forgotten can be said again."""

    help = "Delete webhook messages, with their tries, that were settled more than WEBHOOK_KEEP_DAYS ago."

    def add_arguments(self, parser: ArgumentParser) -> None:
        """Whether to ask."""
        parser.add_argument("--yes", action="store_true", help="do not ask")

    def handle(self, *_args: Any, **options: Any) -> None:
        """Count, ask, forget batch by batch."""
        count = retention.old().count()
        self.stdout.write(f"{count} messages were settled more than {settings.WEBHOOK_KEEP_DAYS} days ago.")
        if count and not options["yes"] and input("Forget them? [yes/no] ") != "yes":
            raise CommandError("Nothing was deleted.")
        forgotten = 0
        while some := retention.sweep(batches=10):
            forgotten += some
            self.stdout.write(f"{forgotten} forgotten")
