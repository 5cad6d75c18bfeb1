"""What people are written: event type → builder, and where they are reached; `manage.py relay` runs the office.

A builder says to whom, about what and in which words; preferences decide by which channel (notifications/letters/).
"""

from collections.abc import Callable
from typing import Any

from notifications.letters.models import Letter
from notifications.letters.office import Build, Office
from notifications.outside.wake import Wake
from orders.letters import address, again, endpoints, news
from orders.letters.people import Directory
from payments import letters as money

LETTERS: dict[str, Build[Any]] = {
    "order.confirmed": Build(news.orders, news.confirmed),
    "order.ready": Build(news.orders, news.ready),
    "order.picked_up": Build(news.orders, news.on_its_way),
    "order.cancelled": Build(news.orders, news.cancelled),
    "order.completed": Build(news.orders, news.completed),
    "refund.succeeded": Build(news.orders, money.returned),
    "webhook.failing": Build(endpoints.found_failing, endpoints.failing),
    address.KIND: Build(address.waiting, address.asked),
}
STILL: dict[str, Callable[[Letter], bool]] = {again.KIND: again.is_still_true, address.KIND: address.is_still_asked}

wake = Wake()
office = Office(LETTERS, Directory(), STILL, wake)
