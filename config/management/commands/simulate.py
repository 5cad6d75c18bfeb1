"""`manage.py simulate --orders-per-minute N`: customers, payers, shops and riders at the public doors."""

import asyncio
from typing import Any

from django.conf import settings
from django.core.management.base import BaseCommand, CommandError, CommandParser

from config.simulation.run import Plan, run


class Command(BaseCommand):
    """Let the demo live for a while; ends with a summary, and with exit code 1 when an order went back or got stuck."""

    help = "Act as customers, merchants, riders and payers through HTTP and the gateway simulator (sandbox only)."

    def add_arguments(self, parser: CommandParser) -> None:
        """Rate, duration, patience, seed, address."""
        parser.add_argument("--orders-per-minute", type=float, default=30.0, help="arrivals a minute (default 30)")
        parser.add_argument("--seconds", type=float, default=60.0, help="how long customers arrive (default 60)")
        parser.add_argument("--grace", type=float, default=60.0, help="how long to wait for the rest (default 60)")
        parser.add_argument("--seed", type=int, default=1, help="the same seed orders the same things (default 1)")
        parser.add_argument("--url", default=settings.PUBLIC_URL, help="the product (default: this machine's)")

    def handle(self, *_args: Any, **options: Any) -> None:
        """Run it."""
        if not settings.SANDBOX:
            raise CommandError("It pays at the gateway simulator, but this installation talks to real gateways.")
        if options["orders_per_minute"] <= 0 or options["seconds"] <= 0:
            raise CommandError("--orders-per-minute and --seconds must be above 0.")
        plan = Plan(
            url=options["url"].rstrip("/"),
            simulator_url=settings.SIMULATOR_URL,
            per_minute=options["orders_per_minute"],
            seconds=options["seconds"],
            grace_seconds=options["grace"],
            seed=options["seed"],
        )
        tally = asyncio.run(run(plan, self.stdout.write))
        self.stdout.write(tally.summary())
        if not tally.is_clean:
            raise CommandError("An order went backwards or was left behind.")
