"""`manage.py analytics write|tidy|files|stray`: the export of order events by hand; the clock does the first two."""

from argparse import ArgumentParser
from typing import Any

from django.conf import settings
from django.core.management.base import BaseCommand, CommandError

from config.events import EXPORTED
from notifications.analytics import tidying, writing
from notifications.analytics.models import AnalyticsFile
from notifications.analytics.store import Store, StoreAway


class Command(BaseCommand):
    """Each verb says what it did, or what stands in the way."""

    help = "Write the log to Parquet, tidy the files, list those that count, find (and delete) those that nobody knows."

    def add_arguments(self, parser: ArgumentParser) -> None:
        """One verb."""
        parser.add_argument("verb", choices=["write", "tidy", "files", "stray"])
        parser.add_argument("--delete", action="store_true", help="stray: delete them too")

    def handle(self, *args: Any, **options: Any) -> None:  # noqa: ARG002 - Django passes them
        """Do it now, also in the pause after a failure."""
        store = writing.the_store()
        try:
            getattr(self, options["verb"])(store, delete=options["delete"])
        except StoreAway as error:
            raise CommandError(str(error)) from error

    def write(self, store: Store, *, delete: bool) -> None:
        """Write until nothing is left."""
        del delete
        done = total = writing.write(EXPORTED, store, at_once=True)
        while done and writing.behind():
            done = writing.write(EXPORTED, store, at_once=True)
            total += done
        self.stdout.write(f"{total} events written, {writing.behind()} behind")

    def tidy(self, store: Store, *, delete: bool) -> None:
        """Merge, forget, delete."""
        del delete
        done = tidying.tidy(EXPORTED, store, keep_days=settings.ANALYTICS_DAYS, at_once=True)
        self.stdout.write(f"{done.merged} files merged, {done.deleted} deleted")

    def files(self, store: Store, *, delete: bool) -> None:
        """One line for each file that counts: name, rows, bytes. Other programs read these and no others."""
        del store, delete
        for file in AnalyticsFile.objects.filter(replaced_at=None).order_by("day", "first").iterator():
            self.stdout.write(f"{file.name}\t{file.rows}\t{file.bytes}")

    def stray(self, store: Store, *, delete: bool) -> None:
        """Files of more than a day ago that no row knows: a crash between storing and counting left them."""
        for name in tidying.stray(store):
            if delete:
                store.delete(name)
            self.stdout.write(f"{'deleted ' if delete else ''}{name}")
