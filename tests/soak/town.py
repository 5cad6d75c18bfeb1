"""The town of a soak: three shops and the people who buy there, made once in a fresh database by the house."""

from collections.abc import Sequence
from typing import Any

from orders import services
from orders.models import ApiKey, Category, KeyPool, Product, Shop, ShopStaff, Stock, User
from tracking.models import Rider

PLENTY = 1_000_000


def settle(keys: int, rare: Sequence[int]) -> dict[str, Any]:
    """Make everybody: `{"buyers": [api key], "rider": api key, "shops": {trade: {"id", "key", "goods": [id]}}}`.

    `keys` is how many card keys there are: fewer than will be wanted, so that somebody gets the last one. Each of
    `rare` is the size of a pool that one order wants whole.
    """
    return {
        "buyers": [_person(name)[1] for name in ("ana", "leo", "mei")],
        "rider": _rider("ravi"),
        "shops": {
            "MEAL": _shop("MEAL", "bruno", {"Beef noodles": 2600, "Dumplings": 2200}),
            "GROCERY": _shop("GROCERY", "chen", {"Whole milk": 1200, "Bread": 900}, auto_accept=True),
            "DIGITAL": _key_shop(keys, rare),
        },
    }


def _person(name: str) -> tuple[User, str]:
    user = User(username=name, first_name=name.title())
    user.set_unusable_password()
    user.save()
    return user, ApiKey.issue(user, "soak")[1]


def _rider(name: str) -> str:
    user, secret = _person(name)
    Rider.objects.create(user=user, is_on_duty=True)
    return secret


def _shop(trade: str, owner_name: str, prices: dict[str, int], **fields: Any) -> dict[str, Any]:
    owner, secret = _person(owner_name)
    shop = Shop.objects.create(
        trade=trade,
        name_en=f"{owner_name}’s",
        name_zh=owner_name,
        latitude=31.23,
        longitude=121.47,
        delivery_minor=500,
        **fields,
    )
    ShopStaff.objects.create(shop=shop, user=owner, role="OWNER")
    goods = []
    for name, price in prices.items():
        product = _product(shop, name, price, stock_kind="COUNTED")
        Stock.objects.create(product=product, on_hand=PLENTY)
        goods.append(product.public_id)
    return {"id": shop.public_id, "key": secret, "goods": goods}


def _key_shop(keys: int, rare: Sequence[int]) -> dict[str, Any]:
    told = _shop("DIGITAL", "dana", {})
    shop = Shop.objects.get(public_id=told["id"])
    common = _card(shop, "Music, one month", keys)
    return told | {"goods": [common], "rare": [_card(shop, f"Rare {n}", least) for n, least in enumerate(rare)]}


def _card(shop: Shop, name: str, keys: int) -> str:
    pool = KeyPool.objects.create(shop=shop, name=name)
    list(services.import_keys(pool, [f"{name}-{number:06d}".encode() for number in range(keys)]))
    product_id: str = _product(shop, name, 1500, stock_kind="KEYS", pool=pool).public_id
    return product_id


def _product(shop: Shop, name: str, price_minor: int, **fields: Any) -> Product:
    category = Category.objects.get_or_create(shop=shop, name_en="All", name_zh="全部")[0]
    return Product.objects.create(
        shop=shop, category=category, name_en=name, name_zh=name, price_minor=price_minor, **fields
    )
