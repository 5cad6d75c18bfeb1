"""`manage.py second_factor sam`: a new authenticator for one person of support, shown once as a QR code."""

import io
from typing import Any

import segno
from django.core.management.base import BaseCommand, CommandError, CommandParser
from django.db import transaction
from django_otp.plugins.otp_totp.models import TOTPDevice

from orders.models import User


class Command(BaseCommand):
    """Enrol."""

    help = "Make a new authenticator for a person of support; the old ones stop working."

    def add_arguments(self, parser: CommandParser) -> None:
        """Whose it is."""
        parser.add_argument("username")

    @transaction.atomic
    def handle(self, *_args: Any, username: str, **_options: Any) -> None:
        """Replace the person's devices by a fresh one and draw its QR code."""
        user = User.objects.filter(username=username, is_staff=True).first()
        if user is None:
            message = f"There is no person of support called {username}. Nothing was changed."
            raise CommandError(message)
        TOTPDevice.objects.filter(user=user).delete()
        device = TOTPDevice.objects.create(user=user, name="authenticator")
        self.stdout.write(f"{username} scans this with an authenticator app; it is not shown again:\n")
        picture = io.StringIO()
        segno.make(device.config_url).terminal(out=picture, compact=True)
        self.stdout.write(picture.getvalue())
