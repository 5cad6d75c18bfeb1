"""The offer: everything that pricing and placing an order need to know, read by one statement.

One round trip instead of six; PostgreSQL builds the document. Called by orders/services/place.py.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from django.db import connection

from orders.catalog.models import OpeningHours, Shop

SQL = """
SELECT s.id, s.trade, s.name_en, s.name_zh, s.is_listed, s.is_open, s.paused_until, s.zone, s.currency,
       s.delivery_minor, s.minimum_minor, s.allows_collection, s.auto_accept, s.prepare_minutes, s.busy_minutes,
       s.latitude, s.longitude, s.radius_m,
       (SELECT coalesce(json_agg(json_build_object('weekday', h.weekday, 'opens_at', h.opens_at,
                                                   'closes_at', h.closes_at)), '[]')
          FROM orders_openinghours h WHERE h.shop_id = s.id),
       (SELECT coalesce(json_object_agg(p.public_id, json_build_object(
            'pk', p.id, 'en', p.name_en, 'zh', p.name_zh, 'price', p.price_minor, 'kind', p.stock_kind,
            'pool', p.pool_id, 'sold_out', p.is_sold_out AND coalesce(p.back_at > %s, true),
            'groups', (SELECT coalesce(json_agg(json_build_object(
                'en', g.name_en, 'zh', g.name_zh, 'least', g.least, 'most', g.most,
                'options', (SELECT coalesce(json_object_agg(o.public_id, json_build_object(
                    'en', o.name_en, 'zh', o.name_zh, 'price', o.price_minor, 'sold_out', o.is_sold_out)), '{}')
                    FROM orders_option o WHERE o.group_id = g.id)) ORDER BY g.place, g.id), '[]')
                FROM orders_optiongroup g WHERE g.product_id = p.id))), '{}')
          FROM orders_product p WHERE p.shop_id = s.id AND p.is_listed AND p.public_id = ANY(%s))
  FROM orders_shop s WHERE s.public_id = %s
"""
SHOP_COLUMNS = (
    "id", "trade", "name_en", "name_zh", "is_listed", "is_open", "paused_until", "zone", "currency",
    "delivery_minor", "minimum_minor", "allows_collection", "auto_accept", "prepare_minutes", "busy_minutes",
    "latitude", "longitude", "radius_m",
)  # fmt: skip


@dataclass(frozen=True)
class Offer:
    """A shop with its hours and the asked-for products: `{public id: {pk, en, zh, price, kind, …, groups}}`."""

    shop: Shop
    hours: tuple[OpeningHours, ...]
    products: dict[str, dict[str, Any]]

    def takes_orders(self, at: datetime) -> bool:
        """Whether the shop takes an order at this moment."""
        return self.shop.takes_orders(at, self.hours)


def read_offer(shop_id: str, product_ids: Sequence[str], at: datetime) -> Offer | None:
    """The offer of one shop for these products (those it does not sell are simply absent); None: no such shop."""
    with connection.cursor() as cursor:
        cursor.execute(SQL, [at, list(product_ids), shop_id])
        row = cursor.fetchone()
    if row is None:
        return None
    *columns, hours, products = row
    shop = Shop(public_id=shop_id, **dict(zip(SHOP_COLUMNS, columns, strict=True)))
    spans = tuple(
        OpeningHours(weekday=span["weekday"], opens_at=_time(span["opens_at"]), closes_at=_time(span["closes_at"]))
        for span in hours
    )
    return Offer(shop, spans, products)


def _time(text: str) -> Any:
    return datetime.strptime(text, "%H:%M:%S").time()  # noqa: DTZ007 - a time of day on the shop's own clock
