"""Nobody holds a database connection while a gateway thinks: five serve fifty buyers who all wait two seconds.

In pairs: what the connection is given up for, and what happens when it is not.
"""

from functools import partial

import pytest
from django.db import connection, connections, transaction

from orders.services import Item
from payments import asking
from payments.gateways import GATEWAYS, accounts
from payments.gateways.wechat import Wechat
from payments.models import Attempt
from payments.services import ask_gateway, close_attempt, start_payment
from tests.payments.paying import at_once, start

pytestmark = pytest.mark.django_db(transaction=True)
SLOW = {"rate": 1, "seconds": 2}


@pytest.fixture
def pool():
    """At most five connections for all threads together; whoever waits too long for one fails."""
    usual = connections.settings["default"]
    kept = {name: usual[name] for name in ("CONN_MAX_AGE", "OPTIONS")}

    def limit(seconds):
        connection.close()
        usual["CONN_MAX_AGE"] = 0
        usual["OPTIONS"] = {**kept["OPTIONS"], "pool": {"min_size": 1, "max_size": 5, "timeout": seconds}}

    yield limit
    connection.close()
    if usual["OPTIONS"].get("pool"):
        connection.close_pool()
    usual.update(kept)


@pytest.fixture
def place(make_order, noodles, simulator, monkeypatch):
    """Place so many unpaid orders; the adapter waits longer than the gateway is slow, also on a busy machine."""
    monkeypatch.setitem(GATEWAYS, "WECHAT", Wechat(accounts.wechat, (10.0, 30.0)))
    items = [Item(noodles.beef.public_id, 1, (noodles.mild.public_id,))]
    return lambda count: [make_order(paid=False, items=items) for _ in range(count)]


def pay_all(orders):
    return at_once(*[partial(start_payment, order.public_id, channel="WECHAT") for order in orders])


def test_fifty_buyers_at_a_slow_gateway_share_five_connections(pool, place, simulator):
    orders = place(50)
    simulator.faults(latency=SLOW | {"on": "create"})
    pool(20)
    results = pay_all(orders)
    assert [found for found in results if not isinstance(found, Attempt)] == []
    assert simulator.fired("latency") == 50
    assert {(attempt.state, attempt.has_a_way) for attempt in results} == {("PENDING", True)}
    stats = connection.pool.get_stats()
    assert stats["pool_max"] == 5
    assert stats.get("requests_errors", 0) == 0


def test_holding_on_to_it_would_starve_them(pool, place, simulator, monkeypatch):
    """The other half of the pair: the same with the connection kept while the gateway thinks."""
    orders = place(10)
    simulator.faults(latency=SLOW | {"on": "create"})
    monkeypatch.setattr(asking, "let_go", lambda: None)
    pool(0.5)
    results = pay_all(orders)
    starved = [found for found in results if isinstance(found, Exception)]
    assert len(starved) >= 4
    assert {type(found).__name__ for found in starved} <= {"OperationalError", "PoolTimeout"}


@pytest.mark.parametrize("question", [ask_gateway, close_attempt])
def test_asking_and_closing_hold_none_either(question, place, simulator, monkeypatch):
    [order] = place(1)
    attempt = start(order)
    held = []
    gateway = GATEWAYS["WECHAT"]
    for name in ("query", "close"):
        ask = getattr(gateway, name)
        monkeypatch.setattr(gateway, name, lambda no, ask=ask: held.append(connection.connection) or ask(no))
    connection.ensure_connection()
    question(attempt)
    assert set(held) == {None}


def test_a_gateway_is_not_asked_inside_a_transaction(place, simulator):
    [order] = place(1)
    attempt = start(order)
    for question in (ask_gateway, close_attempt):
        with transaction.atomic(), pytest.raises(RuntimeError, match="durable"):
            question(attempt)
