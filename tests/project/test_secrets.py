"""What must never lie in clear: card keys, phones, addresses, notes, API keys, passwords, private links.

The whole life of orders runs through the real doors, then every row of every table is read as text.
"""

import re

import pytest
import redis
from django.conf import settings
from django.core.cache import cache
from django.db import connection
from django.test import Client

from orders import services
from orders.actors import as_merchant
from orders.models import ApiKey
from orders.people import User
from orders.services import Item, Placement
from tests.conftest import ADDRESS, PASSWORD

pytestmark = pytest.mark.django_db

PHONE = "13912345678"
TO = {**ADDRESS, "name": "Zhuge Testperson", "phone": PHONE, "line": "77 Hidden Street"}
NOTE = "ring at Nightingale"


def everything_stored() -> dict[str, str]:
    """Every table as text; bytes also as the letters they would be, were they not sealed."""
    stored = {}
    with connection.cursor() as cursor:
        cursor.execute("SELECT tablename FROM pg_tables WHERE schemaname = 'public'")
        for (table,) in cursor.fetchall():
            cursor.execute(f'SELECT whole::text FROM "{table}" AS whole')
            text = "\n".join(row for (row,) in cursor.fetchall())
            sealed = (bytes.fromhex(found) for found in re.findall(r"\\x((?:[0-9a-f]{2})+)", text))
            stored[table] = text + "\n" + "\n".join(raw.decode("latin-1") for raw in sealed)
    return stored


def bought(keyshop, buyer: User) -> tuple[str, str]:
    """A card key that was paid and looked at: the order and the key's text."""
    order = services.place_order(
        Placement(keyshop.shop.public_id, [Item(keyshop.card.public_id, 1)], "WECHAT"), customer=buyer
    )
    services.mark_paid(order.public_id, amount_minor=order.total_minor, channel="WECHAT")
    return order.public_id, services.reveal(order.public_id, 1, 1, by=buyer.public_id, address="203.0.113.7")


def test_nothing_secret_lies_in_the_database_in_clear(cast, noodles, keyshop, caplog):
    buyer = User(username="secretive", first_name="Secretive")
    buyer.set_phone(PHONE)
    buyer.set_password(PASSWORD)
    buyer.save()
    browser = Client()
    for password in (PASSWORD, "wrong horse battery"):
        browser.post("/account/signin/", {"username": "139 1234 5678", "password": password})
    browser.post("/address/", TO)
    api_key = ApiKey.issue(buyer, "shop system")[1]
    placement = Placement(
        noodles.shop.public_id, [Item(noodles.dumplings.public_id, 2, note=NOTE)], "CASH", TO, note=NOTE
    )
    link = "a-secret-of-a-private-link"
    order = services.place_order(placement, customer=None, guest_secret=link)
    services.reject_order(order.public_id, why="OTHER", words="sorry", actor=as_merchant(cast.bruno))
    Client(headers={"X-Api-Key": api_key}).get("/api/v1/orders")
    Client().get(f"/orders/{order.public_id}/g/{link}/")
    _order, key = bought(keyshop, buyer)
    unsold = [f"MUSIC-{number:04d}-SECRET" for number in range(20)]
    secrets = {PHONE, "139 1234 5678", TO["name"], TO["line"], NOTE, api_key, PASSWORD, "wrong horse", link, key}
    for table, text in everything_stored().items():
        assert not [secret for secret in (*secrets, *unsold) if secret in text], table
    assert not [secret for secret in secrets if secret in caplog.text]


def test_nothing_secret_is_left_in_redis(cast, keyshop):
    """Redis holds limits, hints and task names; whoever reads it learns nothing about anybody."""
    order_id, key = bought(keyshop, cast.ana)
    connected = redis.Redis.from_url(settings.REDIS_URL)
    kept = b" ".join(name + (connected.dump(name) or b"") for name in connected.scan_iter("*"))
    assert key.encode() not in kept
    assert cache.get(order_id) is None
