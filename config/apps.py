"""The wiring as an app: it brings the shared template tags, commands and system checks."""

from django.apps import AppConfig

from config.celery import app as celery_app

__all__ = ["ConfigConfig", "celery_app"]


class ConfigConfig(AppConfig):
    """The app `config`; it has no models."""

    name = "config"
    verbose_name = "Lockstep"
