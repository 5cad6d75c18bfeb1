"""The cart: what one visit wants from one shop, kept in the session and priced anew from the menu at each look.

Nothing is reserved here and no price is kept: the session holds product, options, quantity and note only.
"""

import hashlib
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

from django.http import HttpRequest
from django.utils.translation import gettext_lazy as _

from config.ground.problems import Refusal
from orders import pricing
from orders.catalog.models import Option, Product, Shop
from orders.order.models import Order
from orders.services import Item
from orders.storefront.shelves import Good, goods_of

CARTS = "carts"  # session key: {shop id: [entry, …]}
MOST_QUANTITY = 99
MOST_LINES = 50
MOST_CARTS = 12
LONGEST_NOTE = 120  # characters beside one line


class CartFull(Refusal):
    """More lines than one order may have."""

    code = "cart_full"
    status = 422
    message = _("One order holds {most} different lines. Place this one first.")


class QuantityOutOfRange(Refusal):
    """Not a number between 0 and 99."""

    code = "quantity_wrong"
    status = 422
    message = _("Between 1 and {most} of one thing can be ordered at once.")


@dataclass(frozen=True)
class CartLine:
    """One line: a good as chosen. `problem` is empty, `gone`, `short` (fewer left) or `choose` (options changed)."""

    key: str
    good: Good
    options: tuple[Option, ...]
    quantity: int
    note: str
    problem: str

    @property
    def product(self) -> Product:
        """What is wanted."""
        return self.good.product

    @property
    def unit_minor(self) -> int:
        """One unit with its options."""
        return self._priced.unit_minor

    @property
    def total_minor(self) -> int:
        """The whole line."""
        return self.unit_minor * self.quantity

    @property
    def _priced(self) -> pricing.PricedLine:
        return pricing.PricedLine(
            self.product.price_minor, tuple(option.price_minor for option in self.options), self.quantity
        )

    @property
    def is_ordered(self) -> bool:
        """Whether it is part of the order; what is sold out or must be chosen again is shown, never charged."""
        return self.problem in {"", "short"}

    @property
    def less(self) -> int:
        """The quantity after one press on minus."""
        return self.quantity - 1

    @property
    def more(self) -> int:
        """The quantity after one press on plus."""
        return min(MOST_QUANTITY, self.quantity + 1)

    @property
    def item(self) -> Item:
        """As place_order wants it."""
        chosen = tuple(option.public_id for option in self.options)
        return Item(self.product.public_id, self.quantity, chosen, self.note)


@dataclass(frozen=True)
class Basket:
    """All lines of one shop's cart."""

    shop: Shop
    lines: tuple[CartLine, ...]

    @property
    def ordered(self) -> tuple[CartLine, ...]:
        """The lines that an order would hold."""
        return tuple(line for line in self.lines if line.is_ordered)

    @property
    def count(self) -> int:
        """How many things."""
        return sum(line.quantity for line in self.ordered)

    @property
    def items_minor(self) -> int:
        """What the things cost."""
        return sum(line.total_minor for line in self.ordered)

    @property
    def total_minor(self) -> int:
        """With delivery."""
        return self.items_minor + self.shop.delivery_minor

    @property
    def missing_minor(self) -> int:
        """How much is missing to what the shop sends out at least."""
        return max(0, self.shop.minimum_minor - self.items_minor)

    @property
    def digest(self) -> str:
        """Changes with what is in the cart; a checkout form carries it."""
        text = "|".join(f"{line.key}*{line.quantity}" for line in self.ordered)
        return hashlib.sha256(text.encode()).hexdigest()[:16]

    def beside(self, goods: Iterable[Good]) -> list[tuple[Good, CartLine | None]]:
        """Each good of a menu with its stepper's line, if it is in the cart."""
        return [(good, self.plain(good.product.public_id)) for good in goods]

    def plain(self, product_id: str) -> CartLine | None:
        """The line of a product without options and note, whose stepper stands on the menu."""
        key = key_of(product_id, (), "")
        return next((line for line in self.lines if line.key == key), None)


def key_of(product_id: str, option_ids: Iterable[str], note: str) -> str:
    """The name of a line: the same choice twice is one line."""
    text = "|".join([product_id, *sorted(option_ids), note])
    return hashlib.sha256(text.encode()).hexdigest()[:12]


def put(request: HttpRequest, shop: Shop, item: Item) -> None:
    """Put so many more of a choice into the cart. Raises QuantityOutOfRange, CartFull."""
    if not 1 <= item.quantity <= MOST_QUANTITY:
        raise QuantityOutOfRange(field="quantity", most=MOST_QUANTITY)
    entries = _entries(request, shop.public_id)
    key = key_of(item.product_id, item.option_ids, item.note)
    same = next((entry for entry in entries if entry["key"] == key), None)
    if same:
        same["quantity"] = min(MOST_QUANTITY, same["quantity"] + item.quantity)
    elif len(entries) >= MOST_LINES:
        raise CartFull(most=MOST_LINES)
    else:
        entry = {"product": item.product_id, "options": list(item.option_ids), "note": item.note}
        entries.append(entry | {"key": key, "quantity": item.quantity})
    _store(request, shop.public_id, entries)


def set_quantity(request: HttpRequest, shop: Shop, key: str, quantity: int) -> None:
    """So many of a line; 0 takes it out. A line that is not there stays not there. Raises QuantityOutOfRange."""
    if not 0 <= quantity <= MOST_QUANTITY:
        raise QuantityOutOfRange(field="quantity", most=MOST_QUANTITY)
    entries = _entries(request, shop.public_id)
    for entry in entries:
        if entry["key"] == key:
            entry["quantity"] = quantity
    _store(request, shop.public_id, [entry for entry in entries if entry["quantity"]])


def refill(request: HttpRequest, order: Order) -> None:
    """Fill the cart of the shop with what an order held; what is no longer sold is left out at the next look."""
    for line in order.lines.select_related("product"):
        chosen = tuple(option["id"] for option in line.options)
        put(request, order.shop, Item(line.product.public_id, min(line.quantity, MOST_QUANTITY), chosen, line.note))


def empty(request: HttpRequest, shop_id: str) -> None:
    """Forget the cart of this shop."""
    _store(request, shop_id, [])


def read(request: HttpRequest, shop: Shop) -> Basket:
    """The cart of this shop with today's names, prices and stock."""
    entries = _entries(request, shop.public_id)
    wanted = shop.products.listed().for_menu().filter(public_id__in=[entry["product"] for entry in entries])
    goods = {good.product.public_id: good for good in goods_of(wanted)}
    lines = (_line(entry, goods[entry["product"]]) for entry in entries if entry["product"] in goods)
    return Basket(shop, tuple(lines))


def _line(entry: dict[str, Any], good: Good) -> CartLine:
    known = {option.public_id: option for group in good.groups for option in group.options.all()}
    options = tuple(known[option] for option in entry["options"] if option in known)
    quantity = entry["quantity"]
    problem = ""
    if good.is_gone:
        problem = "gone"
    elif len(options) < len(entry["options"]) or not good.is_complete(entry["options"]):
        problem = "choose"
    elif good.left is not None and good.left < quantity:
        problem = "short"
    return CartLine(entry["key"], good, options, quantity, entry["note"], problem)


def _entries(request: HttpRequest, shop_id: str) -> list[dict[str, Any]]:
    return list(request.session.get(CARTS, {}).get(shop_id, []))


def _store(request: HttpRequest, shop_id: str, entries: list[dict[str, Any]]) -> None:
    """Keep the carts touched last; a cart without lines is no cart."""
    carts = {shop: lines for shop, lines in request.session.get(CARTS, {}).items() if shop != shop_id}
    if entries:
        carts[shop_id] = entries
    request.session[CARTS] = dict(list(carts.items())[-MOST_CARTS:])
