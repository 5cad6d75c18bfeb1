"""`manage.py seed_demo`: three shops, their people and goods, once; running it again changes nothing."""

from typing import Any

from django.conf import settings
from django.contrib.auth.hashers import make_password
from django.contrib.auth.models import Group
from django.core.management.base import BaseCommand, CommandError
from django.db import transaction

from config.demo import cards, groceries, meals
from config.demo.people import MAIL_DOMAIN, PASSWORD, PEOPLE
from config.demo.tables import Good, Section
from config.desk.roles import ensure as staff_roles
from notifications.webhooks import endpoints
from notifications.webhooks.endpoints import By
from orders.models import ApiKey, Category, KeyPool, Option, OptionGroup, Product, Shop, ShopStaff, Stock, Trade, User
from orders.roles import LEAD, SUPPORT
from orders.services import import_keys
from tracking.models import Rider

ROLES = {"supports": SUPPORT, "leads support": LEAD}
CENTRE = (31.2304, 121.4737)  # People's Square, Shanghai


class Command(BaseCommand):
    """Write the demo."""

    help = "Seed three believable shops, customers, shop staff, riders and support (development only)."

    def handle(self, *_args: Any, **_options: Any) -> None:
        """Seed unless the first demo person exists."""
        if settings.PRODUCTION:
            raise CommandError("The demo is for development; this is production. Nothing was written.")
        staff_roles()
        if User.objects.filter(username=PEOPLE[0].username).exists():
            self.stdout.write("The demo is already there.")
            return
        with transaction.atomic():
            people = _people()
            noodles = _noodles(people)
            _grocery(people)
            _cards(people)
            key = _integrator(people)
        self.stdout.write(f"Seeded 3 shops with {Product.objects.count()} products and {len(people)} people.")
        self._tell(noodles, key)

    def _tell(self, shop: Shop, key: str) -> None:
        """Write the logins where the start screen finds them (`demo.txt` in the state folder)."""
        lines = [f"{person.username:6} {person.does}" for person in PEOPLE]
        text = (
            f"Everybody's password: {PASSWORD}\n"
            + "\n".join(lines)
            + f"\nREST: header  X-Api-Key: {key}   (ivy; try shop {shop.public_id})\n"
        )
        settings.STATE_DIR.mkdir(parents=True, exist_ok=True)
        target = settings.STATE_DIR / "demo.txt"
        target.write_text(text)
        target.chmod(0o600)
        self.stdout.write(text)


def _people() -> dict[str, User]:
    secret = make_password(PASSWORD)  # one slow hash for all of them
    people = {}
    for person in PEOPLE:
        user = User(username=person.username, first_name=person.first_name, password=secret)
        user.email = f"{person.username}@{MAIL_DOMAIN}"
        user.set_phone(person.phone)
        user.is_staff = person.does in ROLES
        user.is_superuser = person.does == "leads support"
        user.save()
        if user.is_staff:
            user.groups.add(Group.objects.get(name=ROLES[person.does]))
        people[person.username] = user
        if person.does == "rides":
            Rider.objects.create(user=user, is_on_duty=True)
    return people


def _noodles(people: dict[str, User]) -> Shop:
    shop = Shop.objects.create(
        trade=Trade.MEAL, name_en="Bruno’s Noodle House", name_zh="布鲁诺面馆", art="bowl", delivery_minor=400,
        about_en="Noodles and dumplings, made when you order", about_zh="现点现做的面条和饺子", line="6 Cedar Road",
        minimum_minor=1500, latitude=CENTRE[0] + 0.006, longitude=CENTRE[1] + 0.004, prepare_minutes=15,
    )  # fmt: skip
    ShopStaff.objects.create(shop=shop, user=people["bruno"], role=ShopStaff.Role.OWNER)
    ShopStaff.objects.create(shop=shop, user=people["bea"])
    _stock(shop, meals.SECTIONS)
    return shop


def _grocery(people: dict[str, User]) -> None:
    shop = Shop.objects.create(
        trade=Trade.GROCERY, name_en="Chen’s Corner Store", name_zh="陈记便利仓", art="vegetables", delivery_minor=500,
        about_en="Groceries at the door in half an hour", about_zh="半小时送到家的日用百货", line="22 Harbour Street",
        minimum_minor=2000, latitude=CENTRE[0] - 0.004, longitude=CENTRE[1] + 0.007, prepare_minutes=8,
        auto_accept=True,
    )  # fmt: skip
    ShopStaff.objects.create(shop=shop, user=people["chen"], role=ShopStaff.Role.OWNER)
    _stock(shop, groceries.sections())
    for number, product in enumerate(shop.products.order_by("id"), start=1):
        product.barcode = groceries.barcode(number)
        product.save(update_fields=["barcode"])


def _cards(people: dict[str, User]) -> None:
    shop = Shop.objects.create(
        trade=Trade.DIGITAL, name_en="Dana’s Digital Cards", name_zh="达娜数字卡店", art="card-key", auto_accept=True,
        about_en="Activation codes, on the page the moment you pay", about_zh="付款即发的激活码与充值卡",
        allows_collection=False, prepare_minutes=0,
    )  # fmt: skip
    ShopStaff.objects.create(shop=shop, user=people["dana"], role=ShopStaff.Role.OWNER)
    _stock(shop, cards.SECTIONS)


def _integrator(people: dict[str, User]) -> str:
    """Ivy's API key, and an endpoint of hers where `webhook-sink` listens: it is on this machine, so it is proved."""
    ivy = people["ivy"]
    _key, secret = ApiKey.issue(ivy, "Demo integration")
    for host in settings.WEBHOOK_PRIVATE_HOSTS:
        topic = f"customer/{ivy.public_id}"
        made, _secret = endpoints.add(ivy.public_id, topic, f"http://{host}/", by=By("system"))
        endpoints.answer_challenge(made.pk, made.url, "")
    return secret


def _stock(shop: Shop, sections: tuple[Section, ...]) -> None:
    for place, section in enumerate(sections):
        category = Category.objects.create(shop=shop, name_en=section.name[0], name_zh=section.name[1], place=place)
        for number, good in enumerate(section.goods):
            _good(category, good, number)


def _good(category: Category, good: Good, place: int) -> None:
    product = Product(
        shop=category.shop, category=category, name_en=good.en, name_zh=good.zh, price_minor=good.price_minor,
        about_en=good.about[0], about_zh=good.about[1], art=good.art, place=place, shelf=good.shelf,
        is_cold=good.is_cold,
    )  # fmt: skip
    if category.shop.trade == Trade.DIGITAL:
        product.stock_kind = "KEYS"
        product.pool = KeyPool.objects.create(shop=category.shop, name=good.en)
        for _report in import_keys(product.pool, cards.keys(good.en)):
            pass
    elif good.on_hand is not None:
        product.stock_kind = "COUNTED"
    product.save()
    if good.on_hand is not None:
        Stock.objects.create(product=product, on_hand=good.on_hand)
    for number, group in enumerate(good.groups):
        made = OptionGroup.objects.create(
            product=product,
            name_en=group.name[0],
            name_zh=group.name[1],
            least=group.least,
            most=group.most,
            place=number,
        )
        Option.objects.bulk_create(
            Option(group=made, name_en=choice.en, name_zh=choice.zh, price_minor=choice.price_minor, place=at)
            for at, choice in enumerate(group.choices)
        )
