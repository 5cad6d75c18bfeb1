"""The Django app of the log and everything that delivers from it."""

from django.apps import AppConfig

from notifications import checks


class NotificationsConfig(AppConfig):
    """Registered in settings as `notifications`."""

    name = "notifications"
    verbose_name = "Log and delivery"

    def ready(self) -> None:
        """Have what production must not have been looked for (importing the module registers it)."""
        self.checks = checks
