"""What the measurements trade in: a shop with counted goods, people with API keys, orders by the thousand."""

import json
from dataclasses import dataclass

from django.db import connection

from config.ground import vault
from orders.models import ApiKey, Category, Option, OptionGroup, Order, Product, Shop, ShopStaff, Stock, User

FIRST_REF = 10**15  # public ids of copies and goods are this plus their key: sixteen digits that pgbench can compute
PLENTY = 1_000_000_000
ADDRESS = {
    "name": "Ana Lima", "phone": "13800132071", "line": "18 Maple Lane, Unit 502", "city": "Shanghai",
    "location": {"lat": 31.2304, "lng": 121.4737},
}  # fmt: skip
KINDS = 100  # of goods, so that buyers seldom wait for each other's row


@dataclass(frozen=True)
class Market:
    """A shop; `first` is the key of its first product, the keys of the others follow it."""

    shop: Shop
    first: int
    options: dict[int, str]  # product key → public id of the option that must be chosen
    owner_key: str


def person(name: str) -> tuple[User, str]:
    """An account and the secret of its API key."""
    user = User.objects.create(username=name, first_name=name.title(), password="!")
    return user, ApiKey.issue(user, "bench")[1]


def market(name: str, kinds: int = KINDS, on_hand: int = PLENTY) -> Market:
    """Open a shop with this many counted products, each with a choice to make."""
    owner, owner_key = person(f"{name}-owner")
    shop = Shop.objects.create(
        trade="MEAL", name_en=name, name_zh=name, latitude=31.23, longitude=121.47, delivery_minor=400
    )
    ShopStaff.objects.create(shop=shop, user=owner, role=ShopStaff.Role.OWNER)
    category = Category.objects.create(shop=shop, name_en="All", name_zh="全部")
    products = [
        Product.objects.create(
            shop=shop, category=category, name_en=f"Dish {n}", name_zh=f"菜 {n}", price_minor=2600, stock_kind="COUNTED"
        )
        for n in range(kinds)
    ]
    options = {}
    for product in products:
        Product.objects.filter(pk=product.pk).update(public_id=f"prd_{FIRST_REF + product.pk}")
        Stock.objects.create(product=product, on_hand=on_hand)
        group = OptionGroup.objects.create(product=product, name_en="Spice", name_zh="辣度", least=1, most=1)
        option = Option.objects.create(group=group, name_en="Mild", name_zh="微辣")
        Option.objects.filter(pk=option.pk).update(public_id=f"opt_{FIRST_REF + product.pk}")
        options[product.pk] = f"opt_{FIRST_REF + product.pk}"
    return Market(shop, products[0].pk, options, owner_key)


def order_body(stall: Market, *products: int, quantity: int = 1, method: str = "CASH") -> str:
    """The body of `POST /orders` for these product keys."""
    items = [
        {"productId": f"prd_{FIRST_REF + key}", "quantity": quantity, "options": [{"optionId": stall.options[key]}]}
        for key in products
    ]
    wish = {"restaurantId": stall.shop.public_id, "items": items, "address": ADDRESS, "paymentMethod": method}
    return json.dumps(wish, ensure_ascii=False)


def copies(order: Order, number: int) -> int:
    """Write this many copies of a fresh order, each with its first event; returns the key of the first one.

    The keys follow each other; the public id of each is `ord_` and FIRST_REF + its key.
    """
    own = {"id", "public_id", "recipient_sealed"}
    columns = [field.column for field in Order._meta.concrete_fields if field.column not in own]  # noqa: SLF001
    listed, taken = (", ".join(f'{of}"{column}"' for column in columns) for of in ("", "o."))
    recipient = order.recipient
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT nextval(pg_get_serial_sequence('orders_order', 'id')) FROM generate_series(1, %s)", [number]
        )
        keys = [row[0] for row in cursor.fetchall()]
        sealed = [vault.seal_json(recipient, f"order|recipient|ord_{FIRST_REF + key}") for key in keys]
        cursor.execute(
            f"WITH made AS (INSERT INTO orders_order (id, public_id, recipient_sealed, {listed})"
            f"  SELECT n.id, 'ord_' || (%s + n.id), n.sealed, {taken}"
            "   FROM orders_order o, unnest(%s::bigint[], %s::bytea[]) AS n (id, sealed) WHERE o.id = %s"
            "   RETURNING public_id) "
            'INSERT INTO notifications_event (stream, version, type, data, "only", topics, actor, account, at,'
            "  traceparent) SELECT 'order/' || made.public_id, 1, e.type, e.data, e.\"only\", e.topics, e.actor,"
            "  e.account, e.at, e.traceparent FROM made, notifications_event e WHERE e.stream = %s AND e.version = 1",
            [FIRST_REF, keys, sealed, order.pk, order.stream],
        )
        cursor.execute("VACUUM ANALYZE orders_order, notifications_event")
    return int(keys[0])
