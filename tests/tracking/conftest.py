"""Riders on duty, and orders that they carry."""

from collections.abc import Callable
from types import SimpleNamespace

import pytest

from orders.models import Order
from tests.conftest import make_user
from tracking import services
from tracking.models import Delivery, Rider


@pytest.fixture
def riders(cast: SimpleNamespace) -> SimpleNamespace:
    """Ravi and rosa are on duty, remy is not."""
    return SimpleNamespace(
        ravi=Rider.objects.create(user=cast.ravi, is_on_duty=True, look_en="blue jacket", look_zh="蓝色外套"),
        rosa=Rider.objects.create(user=make_user("rosa"), is_on_duty=True),
        remy=Rider.objects.create(user=make_user("remy")),
    )


Claimed = Callable[..., Delivery]


@pytest.fixture
def claimed(make_order: Callable[..., Order], riders: SimpleNamespace) -> Claimed:
    """`claimed("READY")` is Ravi's claim of Ana's order in that state; ON_DELIVERY is collected by him."""

    def make(status: str = "READY", **changes: object) -> Delivery:
        order = make_order("READY" if status == "ON_DELIVERY" else status, **changes)
        delivery = services.claim(order.public_id, rider=riders.ravi)
        if status == "ON_DELIVERY":
            delivery = services.pick_up(order.public_id, rider=riders.ravi)
        return delivery

    return make
