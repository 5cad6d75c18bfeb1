"""`manage.py up`: the whole stack on this machine, until Ctrl-C."""

import sys

from django.core.management.base import BaseCommand

from config.local.stack import main


class Command(BaseCommand):
    """Start PostgreSQL, Redis and every process of Lockstep behind one address."""

    help = __doc__
    requires_system_checks = ()

    def handle(self, **_options: object) -> None:
        """Run until Ctrl-C."""
        sys.exit(main())
