"""Writing the menu: goods, their pictures, the choices they offer. Each change is told live on `shop/<id>`."""

from dataclasses import dataclass
from typing import BinaryIO

from django.db import transaction

from config.ground import ids
from orders.actors import Actor
from orders.catalog import pictures
from orders.catalog.models import Category, Option, OptionGroup, Product, Shop, StockKind
from orders.services.shelf import set_listed, set_price, tell_shop
from orders.stock.models import KeyPool, Stock


@dataclass(frozen=True)
class ProductDraft:
    """What a shop decides about one good; both names are needed, `pool` only for card keys."""

    name_en: str
    name_zh: str
    price_minor: int
    category: Category
    about_en: str = ""
    about_zh: str = ""
    stock_kind: str = StockKind.UNLIMITED
    pool: KeyPool | None = None
    barcode: str = ""
    shelf: str = ""
    is_cold: bool = False
    is_listed: bool = True


@dataclass(frozen=True)
class OptionDraft:
    """One answer of a choice; an empty `public_id` is a new one."""

    name_en: str
    name_zh: str
    price_minor: int = 0
    is_sold_out: bool = False
    public_id: str = ""


@dataclass(frozen=True)
class ChoiceDraft:
    """A choice to make about a good: between `least` and `most` of the options."""

    name_en: str
    name_zh: str
    least: int
    most: int
    options: tuple[OptionDraft, ...]


COPIED = ("name_en", "name_zh", "about_en", "about_zh", "category", "stock_kind", "pool", "barcode", "shelf", "is_cold")


@transaction.atomic
def add_product(shop_id: str, draft: ProductDraft, *, actor: Actor) -> Product:
    """A new good, last in its category, on the menu unless the draft hides it."""
    shop = Shop.objects.select_for_update(no_key=True).get(public_id=shop_id)
    product = Product(shop=shop, price_minor=draft.price_minor, is_listed=draft.is_listed)
    product.place = Product.objects.filter(category=draft.category).count()
    _write(product, draft)
    tell_shop(shop, "product.added", {"product": product.public_id}, actor)
    return product


@transaction.atomic
def change_product(product_id: str, draft: ProductDraft, *, actor: Actor) -> Product:
    """Another name, place, kind or price; running orders keep what they were placed with."""
    product = Product.objects.select_for_update(no_key=True, of=("self",)).get(public_id=product_id)
    price_was, listed_was = product.price_minor, product.is_listed
    _write(product, draft)
    tell_shop(product.shop, "product.changed", {"product": product_id}, actor)
    if draft.price_minor != price_was:
        product = set_price(product_id, price_minor=draft.price_minor, actor=actor)
    if draft.is_listed != listed_was:
        product = set_listed(product_id, listed=draft.is_listed, actor=actor)
    return product


@transaction.atomic
def set_picture(product_id: str, *, upload: BinaryIO, size: int, actor: Actor) -> Product:
    """Another picture, re-encoded. Raises PictureTooLarge, PictureUnreadable; then the old one stays."""
    clean = pictures.reencode(upload, size)
    product = Product.objects.select_for_update(no_key=True, of=("self",)).get(public_id=product_id)
    old = product.picture.name
    product.picture.save(f"{ids.new_id('pic')}.webp", clean, save=False)
    product.save(update_fields=["picture"])
    tell_shop(product.shop, "product.changed", {"product": product_id}, actor)
    if old:
        transaction.on_commit(lambda: product.picture.storage.delete(old))
    return product


@transaction.atomic
def save_choice(product_id: str, draft: ChoiceDraft, *, group: OptionGroup | None = None, actor: Actor) -> OptionGroup:
    """Write one choice with its options in their order; options that the draft does not name are taken off.

    Orders keep a copy of the options they were placed with, so nothing placed changes.
    """
    product = Product.objects.select_for_update(no_key=True, of=("self",)).get(public_id=product_id)
    group = group or OptionGroup(product=product, place=product.groups.count())
    group.name_en, group.name_zh, group.least, group.most = draft.name_en, draft.name_zh, draft.least, draft.most
    group.save()
    known = {option.public_id: option for option in group.options.all()}
    for place, wanted in enumerate(draft.options):
        option = known.pop(wanted.public_id, None) or Option(group=group)
        option.name_en, option.name_zh, option.place = wanted.name_en, wanted.name_zh, place
        option.price_minor, option.is_sold_out = wanted.price_minor, wanted.is_sold_out
        option.save()
    Option.objects.filter(pk__in=[option.pk for option in known.values()]).delete()
    tell_shop(product.shop, "product.changed", {"product": product_id}, actor)
    return group


@transaction.atomic
def remove_choice(group: OptionGroup, *, actor: Actor) -> None:
    """The good is sold without this choice from now on."""
    product = group.product
    group.delete()
    tell_shop(product.shop, "product.changed", {"product": product.public_id}, actor)


@transaction.atomic
def add_category(shop_id: str, *, name_en: str, name_zh: str) -> Category:
    """A new section, last on the menu; the one of that name when it is there already."""
    shop = Shop.objects.select_for_update(no_key=True).get(public_id=shop_id)
    found = Category.objects.filter(shop=shop, name_en=name_en, name_zh=name_zh).first()
    return found or Category.objects.create(
        shop=shop, name_en=name_en, name_zh=name_zh, place=Category.objects.filter(shop=shop).count()
    )


def _write(product: Product, draft: ProductDraft) -> None:
    for name in COPIED:
        setattr(product, name, getattr(draft, name))
    product.save()
    if product.stock_kind == StockKind.COUNTED:
        Stock.objects.get_or_create(product=product)
