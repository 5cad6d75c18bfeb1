"""The questions that can be asked of the exported events: one file of SQL each, in queries/, and what they need.

Called by figures.py beside this and by `manage.py statistics`. Each question reads the table `events`, the rows of one
shop (facts.py says what the columns mean), and says in its head what it gives.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import date
from pathlib import Path
from typing import Any

from config.ground import clock
from notifications.analytics.reading import Extract, extract
from notifications.analytics.store import Store
from orders.catalog.models import Shop
from orders.span import Span
from orders.statistics.facts import ORDER_FACTS

MOST_GOODS = 10
LONGEST = 366  # days of one span
QUESTIONS = {
    path.stem: path.read_text(encoding="utf-8") for path in sorted(Path(__file__).parent.glob("queries/*.sql"))
}
ASKED = frozenset(ORDER_FACTS.schema) - {"data", "stream", "event", "version", "order_id", "currency", "trade"}


class Asking:
    """Asks of the events of one shop, taken once for several questions."""

    def __init__(self, taken: Extract) -> None:
        self._taken = taken

    def ask(self, question: str, span: Span) -> list[dict[str, Any]]:
        """The rows of a question's answer. Raises TooBusy."""
        facts = {"zone": span.shop.zone, "start": span.start, "end": span.end, "most": MOST_GOODS}
        return self._taken.ask(QUESTIONS[question], **facts)


@contextmanager
def asking(store: Store, *spans: Span) -> Iterator[Asking]:
    """Take the events of these spans of one shop. Raises StoreAway, TooBusy."""
    start, end = min(span.start for span in spans), max(span.end for span in spans)
    where = {"shop_id": spans[0].shop.public_id}
    with extract(ORDER_FACTS, store, start, end, where, columns=ASKED) as taken:
        yield Asking(taken)


def today(shop: Shop) -> date:
    """The day it is in the shop's zone."""
    return clock.now().astimezone(shop.tz).date()
