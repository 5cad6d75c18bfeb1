"""Placing an order: what the customer wants becomes a row that the database vouches for.

The server reads the offer, prices it (a price sent by a client is never looked at), reserves stock and writes
order, lines and the first event in one statement. Called by the storefront's checkout and by the API.
"""

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any

from django.conf import settings
from django.db import transaction
from django.utils import timezone

from config.ground import clock, figures, ids, vault
from notifications import log
from notifications.webhooks import hosts
from orders import pricing, promise
from orders.actors import Actor, as_customer
from orders.catalog.models import StockKind, Trade, in_language
from orders.catalog.offer import Offer, read_offer
from orders.order.insert import insert
from orders.order.models import Fulfilment, Order, OrderLine
from orders.order.states import Method, Status
from orders.people import User, hash_key, phone_index
from orders.services.confirm import accept_by_itself
from orders.services.pools import TooManyForOne
from orders.services.refusals import (
    BelowMinimum,
    CashRefused,
    NotDeliverable,
    OptionRequired,
    OptionUnknown,
    OutOfStock,
    PriceChanged,
    ProductUnknown,
    Required,
    ShopClosed,
    ShopUnknown,
)
from orders.stock import keys
from orders.stock.models import KeyPool, Stock
from orders.words import facts_of, status_key

ADDRESS_FIELDS = ("name", "phone", "line")


@dataclass(frozen=True)
class Item:
    """One thing wanted: a product, the chosen options, how many, a note to the kitchen."""

    product_id: str
    quantity: int
    option_ids: tuple[str, ...] = ()
    note: str = ""


@dataclass(frozen=True)
class Placement:
    """Everything that a customer decides. `address` is `{name, phone, line, city?, location?: {lat, lng}}`."""

    shop_id: str
    items: Sequence[Item]
    method: str
    address: Mapping[str, Any] = field(default_factory=dict)
    collects: bool = False
    note: str = ""
    notification_url: str = ""
    language: str = "en"
    expected_minor: int | None = None  # the total that the customer saw, if a page showed one


@transaction.atomic
def place_order(
    placement: Placement, *, customer: User | None, guest_secret: str = "", at: datetime | None = None
) -> Order:
    """Place one order; returns it (PENDING). Nothing is kept when anything is refused.

    A guest's link is opened by `guest_secret`, of which only a hash is stored. Raises the refusals of
    orders/services/refusals.py, each naming its field.
    """
    return place_within(placement, customer=customer, guest_secret=guest_secret, at=at)


def place_within(
    placement: Placement, *, customer: User | None, guest_secret: str = "", at: datetime | None = None
) -> Order:
    """`place_order` for a caller whose transaction is rolled back by any refusal, which saves a savepoint."""
    moment = at or clock.now()
    offer = read_offer(placement.shop_id, [item.product_id for item in placement.items], moment)
    if offer is None:
        raise ShopUnknown(field="restaurantId")
    _check_doors(placement, offer, moment, is_guest=customer is None)
    lines = [_line(item, index, offer, moment) for index, item in enumerate(placement.items)]
    order = _draft(placement, offer, lines, customer, moment)
    order.guest_hash = hash_key(guest_secret) if guest_secret else ""
    _check_bill(placement, order, offer)
    if placement.notification_url:
        hosts.require_registered(customer.public_id if customer else "", placement.notification_url)
    _write(order, lines, offer, as_customer(customer))
    accept_by_itself(order)
    return order


def _check_doors(placement: Placement, offer: Offer, moment: datetime, *, is_guest: bool) -> None:
    """Shop open, method fits the trade, address complete and near enough."""
    shop = offer.shop
    if not offer.takes_orders(moment):
        opens = shop.opens_next(moment, offer.hours)
        raise ShopClosed(
            field="restaurantId", shop=shop.name, time=f"{opens.astimezone(shop.tz):%H:%M}" if opens else "–"
        )
    if shop.trade == Trade.DIGITAL:
        if placement.method == Method.CASH:
            raise CashRefused(field="paymentMethod")
        if is_guest and not str(placement.address.get("phone", "")).strip():
            raise Required(field="address.phone")  # the second lock of the private link
        return
    needed = ADDRESS_FIELDS[:2] if placement.collects and shop.allows_collection else ADDRESS_FIELDS
    for name in needed:
        if not str(placement.address.get(name, "")).strip():
            raise Required(field=f"address.{name}")
    straight_m = _distance(placement, offer)
    if not placement.collects and straight_m is not None and straight_m > shop.radius_m:
        raise NotDeliverable(field="address", shop=shop.name)


def _distance(placement: Placement, offer: Offer) -> float | None:
    spot = placement.address.get("location")
    if not spot:
        return None
    return promise.distance_m(offer.shop.latitude, offer.shop.longitude, spot["lat"], spot["lng"])


def _line(item: Item, index: int, offer: Offer, moment: datetime) -> OrderLine:
    product = offer.products.get(item.product_id)
    if product is None:
        raise ProductUnknown(field=f"items[{index}].productId", product=item.product_id)
    if product["sold_out"]:
        raise _sold_out(product, index, offer, moment)
    options = _options(item, product, index)
    return OrderLine(
        line_no=index + 1,
        product_id=product["pk"],
        name_en=product["en"],
        name_zh=product["zh"],
        options=options,
        unit_minor=product["price"] + sum(option["price_minor"] for option in options),
        quantity=item.quantity,
        is_counted=product["kind"] == StockKind.COUNTED,
        note_sealed=b"",
    )


def _options(item: Item, product: dict[str, Any], index: int) -> list[dict[str, Any]]:
    """The chosen options in the order of the groups; each group's least and most are kept."""
    place = f"items[{index}].options"
    wanted, chosen = list(item.option_ids), []
    for group in product["groups"]:
        mine = [option for option in wanted if option in group["options"]]
        if not group["least"] <= len(mine) <= group["most"]:
            raise OptionRequired(field=place, group=in_language(group["en"], group["zh"]))
        for option_id in mine:
            option = group["options"][option_id]
            if option["sold_out"]:
                raise OutOfStock(field=place, item=in_language(option["en"], option["zh"]), time="–")
            chosen.append({"id": option_id, "en": option["en"], "zh": option["zh"], "price_minor": option["price"]})
            wanted.remove(option_id)
    if wanted:
        raise OptionUnknown(field=place, option=wanted[0])
    return chosen


def _draft(
    placement: Placement, offer: Offer, lines: Sequence[OrderLine], customer: User | None, moment: datetime
) -> Order:
    shop = offer.shop
    fulfilment = _fulfilment(placement, offer)
    bill = pricing.quote(
        [pricing.PricedLine(line.unit_minor, (), line.quantity) for line in lines],
        delivery_minor=shop.delivery_minor if fulfilment == Fulfilment.DELIVERY else 0,
    )
    order = Order(
        shop=shop, trade=shop.trade, customer=customer, number=0, fulfilment=fulfilment, method=placement.method,
        currency=shop.currency, items_minor=bill.items_minor, delivery_minor=bill.delivery_minor,
        language=placement.language, notification_url=placement.notification_url,
        shop_code=ids.new_code(2), door_code=ids.new_code(4), placed_at=moment,
    )  # fmt: skip
    _seal_people(order, placement, lines)
    _promise(order, placement, offer, moment)
    if placement.method == Method.CASH:
        order.promise_cash()
        order.answer_by = moment + timedelta(minutes=settings.ANSWER_MINUTES)
    else:
        order.expires_at = moment + timedelta(minutes=settings.PAYMENT_MINUTES)
    return order


def _fulfilment(placement: Placement, offer: Offer) -> str:
    if offer.shop.trade == Trade.DIGITAL:
        return Fulfilment.ISSUE
    return Fulfilment.COLLECTION if placement.collects and offer.shop.allows_collection else Fulfilment.DELIVERY


def _seal_people(order: Order, placement: Placement, lines: Sequence[OrderLine]) -> None:
    if placement.address:
        order.recipient_sealed = vault.seal_json(dict(placement.address), f"order|recipient|{order.public_id}")
        if placement.address.get("phone"):
            order.phone_index = phone_index(str(placement.address["phone"]))
    if placement.note:
        order.note_sealed = vault.seal(placement.note, f"order|note|{order.public_id}")
    for line, item in zip(lines, placement.items, strict=True):
        if item.note:
            line.note_sealed = vault.seal(item.note, f"line|note|{order.public_id}|{line.line_no}")


def _promise(order: Order, placement: Placement, offer: Offer, moment: datetime) -> None:
    if order.fulfilment == Fulfilment.ISSUE:
        return
    prepare = offer.shop.prepare_minutes + offer.shop.busy_minutes
    travel = promise.travel_minutes(_distance(placement, offer) or 0) if order.fulfilment == Fulfilment.DELIVERY else 0
    span = promise.window(moment, prepare, travel)
    order.promised_from, order.promised_to, order.estimated_minutes = span


def _check_bill(placement: Placement, order: Order, offer: Offer) -> None:
    shop = offer.shop
    if order.items_minor < shop.minimum_minor:
        raise BelowMinimum(field="items", minimum=figures.money(shop.minimum_minor), shop=shop.name)
    if placement.expected_minor is not None and placement.expected_minor != order.total_minor:
        raise PriceChanged(
            item=shop.name, new=figures.money(order.total_minor), old=figures.money(placement.expected_minor)
        )


def _write(order: Order, lines: Sequence[OrderLine], offer: Offer, actor: Actor) -> None:
    """Stock, order, lines and event in one statement; then the keys, which need the order's row."""
    kinds = {product["pk"]: product for product in offer.products.values()}
    held: Counter[int] = Counter()
    for line in sorted(lines, key=lambda line: line.product_id):
        if line.is_counted:
            held[line.product_id] += line.quantity
    if not insert(order, lines, dict(held), _placed(order, actor)):
        raise _first_short(held, lines, offer)
    wanted = [line for line in lines if kinds[line.product_id]["kind"] == StockKind.KEYS]
    for line in sorted(wanted, key=lambda line: (kinds[line.product_id]["pool"], line.line_no)):
        _reserve_keys(order, line, kinds[line.product_id], offer)


def _reserve_keys(order: Order, line: OrderLine, product: dict[str, Any], offer: Offer) -> None:
    """Keys for one line, as many as this buyer may have. Lines come by pool, so that buyers never wait crosswise."""
    pool = KeyPool.objects.get(pk=product["pool"])
    buyer = order.customer.public_id if order.customer else bytes(order.phone_index or b"").hex()
    field, item = f"items[{line.line_no - 1}].quantity", in_language(product["en"], product["zh"])
    if pool.per_buyer and buyer and keys.held_by(buyer, pool) + line.quantity > pool.per_buyer:
        raise TooManyForOne(field=field, item=item, most=pool.per_buyer)
    if keys.reserve(order.pk, line.line_no, pool, line.quantity, buyer):
        return
    if pool.is_single_use or keys.left_in([pool.pk]).get(pool.pk, 0) < line.quantity:
        raise _sold_out(product, line.line_no - 1, offer, order.placed_at)
    raise TooManyForOne(field=field, item=item, most=keys.different_in(pool))


def _placed(order: Order, actor: Actor) -> log.Envelope:
    topics = [f"board/{order.shop.public_id}", "ops"]
    if order.customer is not None:
        topics.append(f"customer/{order.customer.public_id}")
    return log.Envelope(
        stream=order.stream,
        version=order.version,
        type="order.placed",
        data={
            "status": Status.PENDING,
            "paymentStatus": order.payment_status,
            "word": status_key(order),
            "facts": facts_of(order),
            "totalMinor": order.total_minor,
        },
        topics=topics,
        actor=actor.role,
        account=actor.account,
    )


def _first_short(held: Mapping[int, int], lines: Sequence[OrderLine], offer: Offer) -> OutOfStock:
    """Which line could not be reserved; read after the fact, so it may have come back: then the first one is named."""
    left = {row.product_id: row.left for row in Stock.objects.filter(product_id__in=held)}
    short = next(
        (line for line in lines if line.is_counted and left.get(line.product_id, 0) < held[line.product_id]), None
    )
    line = short or next(line for line in lines if line.is_counted)
    product = next(entry for entry in offer.products.values() if entry["pk"] == line.product_id)
    return _sold_out(product, line.line_no - 1, offer, timezone.now())


def _sold_out(product: dict[str, Any], index: int, offer: Offer, moment: datetime) -> OutOfStock:
    return OutOfStock(
        field=f"items[{index}].productId",
        item=in_language(product["en"], product["zh"]),
        time=f"{moment.astimezone(offer.shop.tz):%H:%M}",
    )
