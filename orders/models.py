"""Everything the app remembers, gathered for Django; each noun lives in its own room."""

from orders.catalog.models import Category, OpeningHours, Option, OptionGroup, Product, Shop, Trade
from orders.order.guests import GuestDoor
from orders.order.hands import StaffAction
from orders.order.idempotency import IdempotencyKey
from orders.order.models import Fulfilment, Order, OrderLine
from orders.people import ApiKey, ShopStaff, User
from orders.stock.imports import KeyImport
from orders.stock.models import Key, KeyIssue, KeyPool, KeyReveal, KeyVoiding, Stock

__all__ = [
    "ApiKey",
    "Category",
    "Fulfilment",
    "GuestDoor",
    "IdempotencyKey",
    "Key",
    "KeyImport",
    "KeyIssue",
    "KeyPool",
    "KeyReveal",
    "KeyVoiding",
    "OpeningHours",
    "Option",
    "OptionGroup",
    "Order",
    "OrderLine",
    "Product",
    "Shop",
    "ShopStaff",
    "StaffAction",
    "Stock",
    "Trade",
    "User",
]
