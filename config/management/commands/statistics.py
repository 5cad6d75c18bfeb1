"""`manage.py statistics QUERY --shop res_… --from 2026-11-01 --to 2026-11-30`: a shop's figures as CSV or JSON."""

import csv
import io
import json
from argparse import ArgumentParser, ArgumentTypeError
from datetime import date
from typing import Any

from django.core.management.base import BaseCommand, CommandError

from config.ground.sheets import plain
from notifications.analytics.reading import TooBusy, complete_until
from notifications.analytics.store import StoreAway
from notifications.analytics.writing import the_store
from orders.models import Shop
from orders.span import Span
from orders.statistics.questions import LONGEST, QUESTIONS, asking, today


class Command(BaseCommand):
    """Asks one of the questions that the shop's statistics page asks."""

    help = "Answer one question about a shop's orders from the exported events; see orders/statistics/queries/."

    def add_arguments(self, parser: ArgumentParser) -> None:
        """Which question, of which shop, over which days of its zone."""
        parser.add_argument("query", choices=sorted(QUESTIONS))
        parser.add_argument("--shop", required=True, help="res_…")
        parser.add_argument("--from", dest="first", type=_day, help="first day, 2026-11-01 (default: today)")
        parser.add_argument("--to", dest="last", type=_day, help="last day, inclusive (default: today)")
        parser.add_argument("--format", choices=["csv", "json"], default="csv")

    def handle(self, *args: Any, **options: Any) -> None:  # noqa: ARG002 - Django passes them
        """Print the answer; how fresh it is goes to standard error."""
        span = _span(options["shop"], options["first"], options["last"])
        try:
            with asking(the_store(), span) as told:
                rows = told.ask(options["query"], span)
        except StoreAway as error:
            raise CommandError(str(error)) from error
        except TooBusy:
            raise CommandError("That takes too long: ask for fewer days.") from None
        self.stdout.write(_json(rows) if options["format"] == "json" else _csv(rows), ending="")
        until = complete_until()
        fresh = f"{until.astimezone(span.shop.tz):%Y-%m-%d %H:%M:%S}" if until else "nothing yet"
        self.stderr.write(f"includes everything until: {fresh} ({span.shop.zone})")


def _day(text: str) -> date:
    try:
        return date.fromisoformat(text)
    except ValueError:
        raise ArgumentTypeError(f"{text!r} is no day; write it as 2026-11-01") from None


def _span(ref: str, first: date | None, last: date | None) -> Span:
    shop = Shop.objects.filter(public_id=ref).first()
    if shop is None:
        raise CommandError(f"There is no shop {ref}.")
    span = Span(shop, first or last or today(shop), last or today(shop))
    if not 1 <= span.days <= LONGEST:
        raise CommandError(f"From {span.first} to {span.last} is no span of 1 to {LONGEST} days.")
    return span


def _json(rows: list[dict[str, Any]]) -> str:
    return json.dumps(rows, ensure_ascii=False, default=str, indent=1) + "\n"


def _csv(rows: list[dict[str, Any]]) -> str:
    out = io.StringIO()
    writer = csv.writer(out)
    if rows:
        writer.writerow(rows[0])
    for row in rows:
        writer.writerow(
            ["" if cell is None else plain(cell) if isinstance(cell, str) else cell for cell in row.values()]
        )
    return out.getvalue()
