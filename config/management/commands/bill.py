"""`manage.py bill`: fetch and compare a gateway's bill of one day now. Safe to repeat."""

from argparse import ArgumentParser
from datetime import date
from typing import Any

from django.core.management.base import BaseCommand, CommandError

from config.ground.figures import money
from payments import billing
from payments.billing.fetching import READY_AT
from payments.gateways.base import GatewayError
from payments.models import Bill, Difference


class Command(BaseCommand):
    """Says what the bill contains and what differs; exit code 1 when there is no bill to compare."""

    help = "Fetch the bill of one channel and day, compare it with our books, and say what differs."

    def add_arguments(self, parser: ArgumentParser) -> None:
        """`--channel WECHAT --day 2026-11-20`."""
        parser.add_argument("--channel", required=True, type=str.upper, choices=sorted(READY_AT))
        parser.add_argument("--day", required=True, type=date.fromisoformat, help="in Beijing, such as 2026-11-20")

    def handle(self, *_args: Any, **options: Any) -> None:
        """Do it."""
        try:
            bill = billing.fetch(options["channel"], options["day"])
        except GatewayError as error:
            raise CommandError(str(error)) from error
        if bill.state != Bill.State.COMPARED:
            raise CommandError(f"{bill}: {bill.get_state_display()}: {bill.why}")
        self.stdout.write(
            f"{bill}: {bill.line_count} lines, {bill.equal_count} equal · paid {money(bill.paid_minor)}"
            f" · returned {money(bill.refunded_minor)} · fees {money(bill.fee_minor)}"
        )
        for found in Difference.objects.filter(channel=bill.channel, day=bill.day).order_by("pk"):
            sides = f"theirs {found.theirs_minor}, ours {found.ours_minor}"
            self.stdout.write(f"{found.state} {found.kind} {found.subject}: {sides} {found.remark}".rstrip())
