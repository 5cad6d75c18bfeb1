"""Django's name for the app."""

from django.apps import AppConfig


class TrackingConfig(AppConfig):
    """Riders and their deliveries."""

    name = "tracking"
    verbose_name = "Tracking"
