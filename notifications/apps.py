"""The Django app of the log and everything that delivers from it."""

from django.apps import AppConfig


class NotificationsConfig(AppConfig):
    """Registered in settings as `notifications`."""

    name = "notifications"
    verbose_name = "Log and delivery"
