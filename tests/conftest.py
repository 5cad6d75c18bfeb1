"""The standing cast and their shops, for every test.

Ana buys, bruno owns the noodle house, bea works there, chen runs the grocery, dana the card-key shop, ravi rides,
sam supports, mallory belongs nowhere. `make_order` walks the real services up to the state that a test wants.
"""

from collections.abc import Callable
from types import SimpleNamespace
from typing import Any

import pytest

from orders import services
from orders.actors import SYSTEM, as_merchant, as_rider
from orders.models import Category, Key, KeyPool, Option, OptionGroup, Order, Product, Shop, ShopStaff, Stock, User
from orders.people import public_id_of
from orders.services import Item, Placement
from tests import emptying, once

emptying.quicken()
once.quicken()
ADDRESS = {
    "name": "Ana Lima",
    "phone": "13800132071",
    "line": "18 Maple Lane, Unit 502",
    "city": "Shanghai",
    "location": {"lat": 31.2304, "lng": 121.4737},
}
PASSWORD = "correct horse battery"


@pytest.fixture(autouse=True)
def _no_names_of_before():
    """Another test may have had another database."""
    public_id_of.cache_clear()


def new_user(name: str, **fields: Any) -> User:
    """Not stored yet; the hash is made only for tests that sign in by password."""
    return User(username=name, first_name=name.title(), password="!", **fields)


def make_user(name: str, **fields: Any) -> User:
    user = new_user(name, **fields)
    user.save()
    return user


@pytest.fixture
def cast(db: None) -> SimpleNamespace:
    names = ["ana", "bruno", "bea", "chen", "dana", "ravi", "mallory"]
    people = [*map(new_user, names), new_user("sam", is_staff=True)]
    return SimpleNamespace(**{user.username: user for user in User.objects.bulk_create(people)})


def make_shop(trade: str, owner: User, **fields: Any) -> Shop:
    names = {"name_en": f"{owner.name}’s shop", "name_zh": f"{owner.name} 的店"}
    shop = Shop.objects.create(trade=trade, latitude=31.23, longitude=121.47, **{**names, **fields})
    ShopStaff.objects.create(shop=shop, user=owner, role="OWNER")
    return shop


def make_product(shop: Shop, name: str, price_minor: int, **fields: Any) -> Product:
    everything = {"shop": shop, "name_en": "All", "name_zh": "全部"}
    category = Category.objects.filter(**everything).first() or Category.objects.create(**everything)
    on_hand = fields.pop("on_hand", None)
    if on_hand is not None:
        fields["stock_kind"] = "COUNTED"
    product = Product.objects.create(
        shop=shop, category=category, name_en=name, name_zh=f"{name}（中）", price_minor=price_minor, **fields
    )
    if on_hand is not None:
        Stock.objects.create(product=product, on_hand=on_hand)
    return product


@pytest.fixture
def noodles(cast: SimpleNamespace) -> SimpleNamespace:
    """Bruno's restaurant: noodles with a required and an optional choice, counted dumplings."""
    shop = make_shop("MEAL", cast.bruno, delivery_minor=400)
    ShopStaff.objects.create(shop=shop, user=cast.bea)
    beef = make_product(shop, "Beef noodles", 2600)
    spice = OptionGroup(product=beef, name_en="Spice", name_zh="辣度", least=1, most=1)
    extra = OptionGroup(product=beef, name_en="Extras", name_zh="加料", least=0, most=2)
    OptionGroup.objects.bulk_create([spice, extra])
    mild = Option(group=spice, name_en="Mild", name_zh="微辣")
    egg = Option(group=extra, name_en="Extra egg", name_zh="加蛋", price_minor=300)
    Option.objects.bulk_create([mild, egg])
    dumplings = make_product(shop, "Dumplings", 2200, on_hand=20)
    return SimpleNamespace(shop=shop, beef=beef, mild=mild, egg=egg, dumplings=dumplings)


@pytest.fixture
def grocery(cast: SimpleNamespace) -> SimpleNamespace:
    """Chen's warehouse: accepts by itself, everything counted."""
    shop = make_shop("GROCERY", cast.chen, auto_accept=True, delivery_minor=500)
    milk = make_product(shop, "Whole milk", 1200, on_hand=30, shelf="C-01-1", is_cold=True, barcode="6900000000017")
    bread = make_product(shop, "Bread", 900, on_hand=10, shelf="A-02-3", barcode="6900000000024")
    return SimpleNamespace(shop=shop, milk=milk, bread=bread)


@pytest.fixture
def keyshop(cast: SimpleNamespace) -> SimpleNamespace:
    """Dana's card-key shop: one product, twenty keys."""
    shop = make_shop("DIGITAL", cast.dana)
    pool = KeyPool.objects.create(shop=shop, name="Music, one month")
    card = make_product(shop, "Music, one month", 1500, stock_kind="KEYS", pool=pool)
    list(services.import_keys(pool, [f"MUSIC-{number:04d}-SECRET".encode() for number in range(20)]))
    assert Key.objects.filter(pool=pool).count() == 20
    return SimpleNamespace(shop=shop, pool=pool, card=card)


def noodle_items(noodles: SimpleNamespace) -> list[Item]:
    chosen = (noodles.mild.public_id, noodles.egg.public_id)
    return [Item(noodles.beef.public_id, 2, chosen, note="no coriander"), Item(noodles.dumplings.public_id, 1)]


MakeOrder = Callable[..., Order]


@pytest.fixture
def make_order(cast: SimpleNamespace, noodles: SimpleNamespace) -> MakeOrder:
    """`make_order("READY")` places Ana's noodles and walks them there; `items`, `shop`, `method`, … as in Placement."""

    def make(status: str = "PENDING", *, paid: bool = True, **changes: Any) -> Order:
        wanted = {
            "shop_id": noodles.shop.public_id,
            "items": changes.pop("items", None) or noodle_items(noodles),
            "method": "WECHAT",
            "address": ADDRESS,
        } | changes
        order = services.place_order(Placement(**wanted), customer=cast.ana)
        if not paid and status == "PENDING":
            return order
        if status == "CANCELLED":
            return services.cancel_order(order.public_id, reason="CUSTOMER", actor=SYSTEM)
        return walk(order, status, cast)

    return make


def walk(order: Order, status: str, cast: SimpleNamespace) -> Order:
    """Take the real services until the order is in `status` (paid, when it still waits for money)."""
    bruno, ravi = as_merchant(cast.bruno), as_rider(cast.ravi)
    steps: dict[str, Callable[[str], Order]] = {
        "CONFIRMED": lambda ref: services.confirm_order(ref, minutes=15, actor=bruno),
        "PREPARING": lambda ref: services.start_preparing(ref, actor=bruno),
        "READY": lambda ref: services.mark_ready(ref, actor=bruno),
        "ON_DELIVERY": lambda ref: _carry(ref, cast, ravi),
        "COMPLETED": lambda ref: services.complete_order(ref, actor=ravi),
    }
    if order.payment_status in {"UNPAID", "PROCESSING"}:
        order = services.mark_paid(order.public_id, amount_minor=order.total_minor, channel=order.method)
    for name, step in steps.items():
        if order.status == status:
            break
        if list(steps).index(name) > (list(steps).index(order.status) if order.status in steps else -1):
            order = step(order.public_id)
    assert order.status == status
    return order


def _carry(ref: str, cast: SimpleNamespace, ravi: Any) -> Order:
    services.assign_carrier(ref, carrier=cast.ravi, actor=ravi)
    return services.pick_up(ref, carrier=cast.ravi, actor=ravi)
