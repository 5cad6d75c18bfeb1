"""Some days of a shop, told by its own clock; statements and statistics are asked for them."""

from dataclasses import dataclass
from datetime import date, datetime, time, timedelta

from orders.catalog.models import Shop


@dataclass(frozen=True)
class Span:
    """Days of a shop's zone, both inclusive."""

    shop: Shop
    first: date
    last: date

    @property
    def start(self) -> datetime:
        """Its first moment."""
        return datetime.combine(self.first, time.min, tzinfo=self.shop.tz)

    @property
    def end(self) -> datetime:
        """The first moment after it."""
        return datetime.combine(self.last + timedelta(days=1), time.min, tzinfo=self.shop.tz)

    @property
    def days(self) -> int:
        """How many."""
        return (self.last - self.first).days + 1

    @property
    def before(self) -> "Span":
        """As many days, just before."""
        return Span(self.shop, self.first - timedelta(days=self.days), self.first - timedelta(days=1))
