"""`manage.py live`: the live lines and, where no proxy is, the one address that passes everything else on."""

from typing import Any

from django.core.management.base import BaseCommand, CommandParser

from config.asgi import application
from config.local import interpreter
from notifications.live.server import server


class Command(BaseCommand):
    """Runs until SIGTERM or Ctrl-C, which its clients are told before their lines end."""

    help = "Serve config.asgi: WebSockets, event streams and long polls below /live."
    requires_system_checks = ()

    def add_arguments(self, parser: CommandParser) -> None:
        """Where to listen."""
        parser.add_argument("--host", default="127.0.0.1")
        parser.add_argument("--port", type=int, default=8000)

    def handle(self, *args: Any, **options: Any) -> None:  # noqa: ARG002 - Django passes them
        """Serve."""
        interpreter.switch_soon()
        interpreter.keep_what_is_loaded()
        server(application, host=options["host"], port=options["port"]).run()
