"""Streets, ways, pay, turns and steps: values in, values out."""

from datetime import UTC, datetime, timedelta
from types import SimpleNamespace

import pytest

from tracking import fares
from tracking.jobs import Job, in_turn
from tracking.places import street_of
from tracking.steps import next_step

NOON = datetime(2026, 5, 4, 12, tzinfo=UTC)


@pytest.mark.parametrize(
    ("line", "street"),
    [
        ("18 Maple Lane, Unit 502", "Maple Lane"),
        ("Unit 502, 18 Maple Lane", "Maple Lane"),
        ("Flat 3b, 9 Elm Street", "Elm Street"),
        ("枫林路 18 弄 502 室", "枫林路"),
        ("上海市徐汇区枫林路18弄5号", "上海市徐汇区枫林路"),
        ("12", ""),
        ("", ""),
    ],
)
def test_tells_the_street_and_never_a_number(line, street):
    assert street_of(line) == street


def test_way_and_pay():
    """About a kilometre as the crow flies is 1.35 on the road, and pays 4.00 + 2.40 a kilometre, rounded up."""
    way = fares.road_m(31.23, 121.47, 31.239, 121.47)
    assert way == pytest.approx(1351, abs=10)
    assert way % 10 == 0
    assert fares.pay_minor(way) == 730
    assert fares.pay_minor(0) == 400
    assert (fares.as_km(2310), fares.as_km(40), fares.as_km(0)) == ("2.3", "0.1", "0.0")


def job(name: str, *, ready: bool, at: int | None, due: int = 60) -> Job:
    order = SimpleNamespace(status="READY" if ready else "PREPARING", public_id=name)
    moment = None if at is None else NOON + timedelta(minutes=at)
    return Job(order, 1000, "", moment, 0, NOON + timedelta(minutes=due), 1, is_cold=False)  # type: ignore[arg-type]


def test_what_waits_longest_comes_first():
    jobs = [
        job("unknown", ready=False, at=None),
        job("later", ready=False, at=9),
        job("soon", ready=False, at=2),
        job("waits little", ready=True, at=-1),
        job("waits long", ready=True, at=-8, due=50),
        job("waits as long, due sooner", ready=True, at=-8, due=20),
    ]
    names = [one.order.public_id for one in in_turn(jobs)]
    assert names == ["waits as long, due sooner", "waits long", "waits little", "soon", "later", "unknown"]


@pytest.mark.parametrize(
    ("status", "payment_status", "step"),
    [
        ("CONFIRMED", "PAID", "GO"),
        ("PREPARING", "DUE_ON_DELIVERY", "GO"),
        ("READY", "PAID", "COLLECT"),
        ("READY", "DUE_ON_DELIVERY", "COLLECT"),
        ("ON_DELIVERY", "PAID", "HAND_OVER"),
        ("ON_DELIVERY", "PARTLY_REFUNDED", "HAND_OVER"),
        ("ON_DELIVERY", "DUE_ON_DELIVERY", "CASH"),
        ("COMPLETED", "PAID", "DONE"),
        ("CANCELLED", "REFUNDED", "CANCELLED"),
    ],
)
def test_there_is_exactly_one_next_step(status, payment_status, step):
    assert next_step(status, payment_status) == step
