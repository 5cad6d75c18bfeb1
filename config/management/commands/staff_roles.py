"""`manage.py staff_roles`: the groups Support and Support lead with their permissions; run it after each migration."""

from typing import Any

from django.core.management.base import BaseCommand

from config.desk import roles


class Command(BaseCommand):
    """Write both groups."""

    help = "Make the groups Support and Support lead and give each exactly its permissions."

    def handle(self, *_args: Any, **_options: Any) -> None:
        """Do it and say so."""
        roles.ensure()
        self.stdout.write("Support and Support lead have their permissions.")
