"""Django's name for the app."""

from django.apps import AppConfig


class OrdersConfig(AppConfig):
    """Shops, goods, stock, orders and the people around them."""

    name = "orders"
    verbose_name = "Orders"
