"""Django's name for the app."""

from django.apps import AppConfig


class PaymentsConfig(AppConfig):
    """What is owed, what was paid, what went back, and the books about it."""

    name = "payments"
    verbose_name = "Payments"
