"""The wiring as an app: it brings the shared template tags and commands, and refuses what must not start."""

from django.apps import AppConfig
from django.contrib.admin.apps import AdminConfig

from config import checks
from config.celery import app as celery_app
from config.desk import words
from config.local import interpreter

__all__ = ["ConfigConfig", "DeskConfig", "celery_app"]


class ConfigConfig(AppConfig):
    """The app `config`; it has no models."""

    name = "config"
    verbose_name = "Lockstep"

    def ready(self) -> None:
        """Refuse to go on with gateways that only pretend."""
        checks.refuse_pretended_gateways()


class DeskConfig(AdminConfig):
    """Django's admin with our site: every app's admin module registers at the desk."""

    default_site = "config.desk.site.Desk"

    def ready(self) -> None:
        """Register every admin, then let the names of their models speak the reader's language."""
        super().ready()
        words.translate()
        interpreter.loaded()  # every model and every admin is there
