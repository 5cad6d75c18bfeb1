"""The products page: one tap is sold out everywhere, counts keep promises, pictures are never served as sent."""

import io
import json
import struct
import zlib
from datetime import timedelta

import pytest
from django.core.files.uploadedfile import SimpleUploadedFile
from PIL import Image

from config.ground import clock
from notifications.models import Event
from orders import services
from orders.actors import SYSTEM
from orders.catalog import pictures
from orders.models import Category, Option, OptionGroup, Product, Stock

pytestmark = pytest.mark.django_db
HTMX = {"HTTP_HX_REQUEST": "true"}


@pytest.fixture(autouse=True)
def media(settings, tmp_path):
    settings.MEDIA_ROOT = tmp_path
    return tmp_path


@pytest.fixture
def bruno(client, cast):
    client.force_login(cast.bruno)
    return client


def page(shop, part=""):
    return f"/merchant/{shop.public_id}/products/{part}"


def good(product, part=""):
    return page(product.shop, f"{product.public_id}/{part}")


def fields(product, **changes):
    return {
        "name_en": product.name_en, "name_zh": product.name_zh, "price": "26.00",
        "category": str(product.category_id), "stock_kind": "UNLIMITED", "is_listed": "on",
    } | changes  # fmt: skip


def told(shop):
    return list(
        Event.objects.filter(stream=f"shop/{shop.public_id}").order_by("version").values_list("type", flat=True)
    )


def photograph(size=(1600, 1200), kind="JPEG"):
    picture = Image.new("RGB", size, "teal")
    exif = Image.Exif()
    exif[0x010F] = "Camera of somebody"
    exif[0x0112] = 6  # lying on its side
    out = io.BytesIO()
    picture.save(out, kind, exif=exif)
    return out.getvalue()


# ── the list and its switch ──────────────────────────────────────────────────────────────────────


def test_lists_price_count_reserved_and_sold_today(bruno, noodles, make_order):
    make_order("CONFIRMED")
    html = bruno.get(page(noodles.shop)).content.decode()
    for words in ("Beef noodles", "¥26.00", "not counted", "2 in 1 order", "2 sold", "19", "2 choices"):
        assert words in html


@pytest.mark.parametrize(
    ("query", "there", "away"),
    [
        ("?q=dump", "Dumplings", "Beef noodles"),
        ("?q=（中）+beef", "Beef noodles", "Dumplings"),
        ("?show=out", "Nothing fits", "Beef noodles"),
        ("?show=low", "Dumplings", "Beef noodles"),
        ("?show=nonsense", "Beef noodles", "Nothing fits"),
    ],
)
def test_filters(bruno, noodles, query, there, away):
    Stock.objects.filter(product=noodles.dumplings).update(on_hand=3)
    table = bruno.get(page(noodles.shop) + query, **HTMX).content.decode()
    assert there in table
    assert away not in table


def test_one_tap_is_sold_out_everywhere_and_can_be_undone(bruno, noodles):
    answer = bruno.post(good(noodles.beef, "sale/"), {}, **HTMX)
    assert Product.objects.get(pk=noodles.beef.pk).is_sold_out
    trigger = json.loads(answer["HX-Trigger"])["lockstep:sale"]
    assert trigger["text"] == "Beef noodles: sold out everywhere now."
    assert "Back tomorrow 10:00" in answer.content.decode()
    bruno.post(good(noodles.beef, "sale/"), {"on": "1"}, **HTMX)
    assert not Product.objects.get(pk=noodles.beef.pk).is_sold_out
    assert told(noodles.shop) == ["stock.sold_out", "stock.back"]


def test_back_tomorrow_at_ten_by_the_shops_clock(bruno, noodles):
    bruno.post(good(noodles.beef, "sale/"), {"until": "tomorrow"})
    product = Product.objects.get(pk=noodles.beef.pk)
    local = product.back_at.astimezone(noodles.shop.tz)
    assert (local.hour, local.minute) == (10, 0)
    assert local.date() == clock.now().astimezone(noodles.shop.tz).date() + timedelta(days=1)
    Product.objects.filter(pk=product.pk).update(back_at=clock.now() - timedelta(seconds=1))
    assert "checked" in bruno.get(good(product, "row/")).content.decode()


def test_the_count_keeps_what_is_promised(bruno, noodles, make_order):
    make_order("CONFIRMED")
    answer = bruno.post(good(noodles.dumplings, "count/"), {"on_hand": "0"})
    assert answer.status_code == 422
    assert "1 of Dumplings are promised" in answer.content.decode()
    bruno.post(good(noodles.dumplings, "count/"), {"on_hand": "7"})
    assert Stock.objects.get(product=noodles.dumplings).on_hand == 7


@pytest.mark.parametrize("number", ["", "-1", "x", "1.5", "99999999999"])
def test_refuses_what_is_no_count(bruno, noodles, number):
    assert bruno.post(good(noodles.dumplings, "count/"), {"on_hand": number}).status_code == 422
    assert Stock.objects.get(product=noodles.dumplings).on_hand == 20


@pytest.mark.parametrize("name", ["mallory", "chen", "ana"])
def test_the_goods_of_a_shop_are_its_own(client, cast, noodles, grocery, name):
    client.force_login(getattr(cast, name))
    for shop in (noodles.shop, grocery.shop):
        for part in ("", "row/", "count/", "choices/1/"):
            address = f"/merchant/{shop.public_id}/products/{noodles.beef.public_id}/{part}"
            assert client.get(address).status_code == 404
        address = f"/merchant/{shop.public_id}/products/{noodles.beef.public_id}/sale/"
        assert client.post(address).status_code == 404
    assert not Product.objects.get(pk=noodles.beef.pk).is_sold_out


# ── writing a good ───────────────────────────────────────────────────────────────────────────────


def test_changes_names_and_price_and_tells_the_price(bruno, noodles):
    answer = bruno.post(good(noodles.beef), fields(noodles.beef, name_en="Beef soup noodles", price="28.50"))
    assert answer["Location"] == page(noodles.shop)
    product = Product.objects.get(pk=noodles.beef.pk)
    assert (product.name_en, product.price_minor) == ("Beef soup noodles", 2850)
    assert told(noodles.shop) == ["product.changed", "price.changed"]


def test_adds_a_good_in_a_new_section(bruno, noodles):
    form = {
        "name_en": "Cold noodles", "name_zh": "凉面", "price": "18", "category": "new",
        "new_category_en": "Summer", "new_category_zh": "夏天", "stock_kind": "COUNTED", "is_listed": "on",
    }  # fmt: skip
    bruno.post(page(noodles.shop, "new/"), form)
    product = Product.objects.get(name_en="Cold noodles")
    assert (product.category.name_zh, product.price_minor, product.stock.on_hand) == ("夏天", 1800, 0)
    assert told(noodles.shop) == ["product.added"]


WRONG = {
    "price": ["", "-1", "x", "1.234", "1e99", "NaN", "Infinity"],
    "name_en": ["", "x" * 121],
    "name_zh": [""],
    "category": ["", "999999", "x"],
    "stock_kind": ["", "KEYS", "MAGIC"],
}


@pytest.mark.parametrize(("field", "value"), [(field, value) for field, values in WRONG.items() for value in values])
def test_refuses_a_wrong_field_by_name_and_keeps_the_rest(bruno, noodles, field, value):
    answer = bruno.post(good(noodles.beef), fields(noodles.beef, about_en="Slow broth", **{field: value}))
    assert answer.status_code == 422
    html = answer.content.decode()
    assert f'href="#id_{field}"' in html
    assert "Slow broth" in html
    assert told(noodles.shop) == []


def test_a_section_of_another_shop_is_no_choice(bruno, noodles, grocery):
    foreign = Category.objects.get(shop=grocery.shop)
    assert bruno.post(good(noodles.beef), fields(noodles.beef, category=str(foreign.pk))).status_code == 422


def test_running_orders_keep_the_price_they_were_placed_with(bruno, noodles, make_order):
    order = make_order("CONFIRMED")
    bruno.post(good(noodles.beef), fields(noodles.beef, price="99"))
    assert order.lines.get(line_no=1).unit_minor == 2900


# ── choices ──────────────────────────────────────────────────────────────────────────────────────


def choice(options, **changes):
    form = {"name_en": "Size", "name_zh": "份量", "least": "1", "most": "1"} | changes
    form |= {"options-TOTAL_FORMS": str(len(options)), "options-INITIAL_FORMS": "0"}
    for number, option in enumerate(options):
        form |= {f"options-{number}-{name}": value for name, value in option.items()}
    return form


def test_writes_changes_and_removes_a_choice(bruno, noodles):
    small, large = {"name_en": "Small", "name_zh": "小"}, {"name_en": "Large", "name_zh": "大", "price": "4.50"}
    bruno.post(good(noodles.beef, "choices/3/"), choice([small, large, {}]))
    group = OptionGroup.objects.get(name_en="Size")
    assert [(o.name_zh, o.price_minor) for o in group.options.all()] == [("小", 0), ("大", 450)]
    kept = group.options.get(name_en="Large").public_id
    bruno.post(good(noodles.beef, "choices/3/"), choice([large | {"public_id": kept, "price": "5"}]))
    assert [(o.public_id, o.price_minor) for o in group.options.all()] == [(kept, 500)]
    bruno.post(good(noodles.beef, "choices/3/"), {"do": "remove"})
    assert not OptionGroup.objects.filter(name_en="Size").exists()


def test_cannot_take_an_option_of_another_choice(bruno, noodles):
    """A foreign public id makes a new option; the other group's stays as it is."""
    stolen = {"name_en": "Egg", "name_zh": "蛋", "public_id": noodles.egg.public_id}
    bruno.post(good(noodles.beef, "choices/3/"), choice([stolen]))
    assert Option.objects.get(pk=noodles.egg.pk).name_en == "Extra egg"
    assert Option.objects.filter(name_en="Egg").exclude(pk=noodles.egg.pk).count() == 1


@pytest.mark.parametrize(
    "form",
    [
        choice([]),
        choice([{"name_en": "Small"}]),
        choice([{"name_en": "S", "name_zh": "小"}], least="2", most="1"),
        choice([{"name_en": "S", "name_zh": "小"}], least="2", most="2"),
        choice([{"name_en": "S", "name_zh": "小", "price": "-1"}]),
        {"name_en": "Size"},
    ],
)
def test_refuses_a_choice_that_cannot_be_made(bruno, noodles, form):
    assert bruno.post(good(noodles.beef, "choices/3/"), form).status_code == 422
    assert noodles.beef.groups.count() == 2


def test_there_is_no_choice_behind_the_next_new_one(bruno, noodles):
    assert bruno.get(good(noodles.beef, "choices/3/")).status_code == 200
    for place in ("0", "4", "99"):
        assert bruno.get(good(noodles.beef, f"choices/{place}/")).status_code == 404


# ── pictures ─────────────────────────────────────────────────────────────────────────────────────


def upload(content, name="noodles.jpg"):
    return SimpleUploadedFile(name, content, "image/jpeg")


def test_a_picture_is_written_anew_without_what_the_camera_knew(bruno, noodles, media):
    bruno.post(good(noodles.beef), fields(noodles.beef) | {"picture": upload(photograph())})
    product = Product.objects.get(pk=noodles.beef.pk)
    stored = media / product.picture.name
    with Image.open(stored) as picture:
        assert picture.format == "WEBP"
        assert not picture.getexif()
        assert (picture.width, picture.height) == (675, 900), "upright, inside the box"
    assert b"Camera of somebody" not in stored.read_bytes()
    assert "noodles" not in product.picture.name
    bruno.post(good(noodles.beef), fields(noodles.beef) | {"picture": upload(photograph((40, 30), "PNG"))})
    assert product.picture.name != Product.objects.get(pk=noodles.beef.pk).picture.name


def bomb():
    """A PNG of a few hundred bytes that says it is 30,000 × 30,000."""

    def chunk(kind, body):
        return struct.pack(">I", len(body)) + kind + body + struct.pack(">I", zlib.crc32(kind + body))

    head = chunk(b"IHDR", struct.pack(">IIBBBBB", 30_000, 30_000, 8, 2, 0, 0, 0))
    return b"\x89PNG\r\n\x1a\n" + head + chunk(b"IDAT", zlib.compress(b"\0" * 999)) + chunk(b"IEND", b"")


BAD = {
    "no picture": b"<script>alert(1)</script>",
    "an svg": b'<svg xmlns="http://www.w3.org/2000/svg" onload="alert(1)"/>',
    "half a picture": photograph()[:3000],
    "a bomb": bomb(),
    "a gif": b"GIF89a" + b"\0" * 200,
    "too many bytes": b"\xff\xd8" + b"\0" * (pictures.MOST_BYTES + 1),
}


@pytest.mark.parametrize("case", BAD)
def test_refuses_a_bad_picture_in_words_and_keeps_the_rest(bruno, noodles, media, case):
    answer = bruno.post(good(noodles.beef), fields(noodles.beef, about_en="Slow broth", picture=upload(BAD[case])))
    assert answer.status_code == 422
    html = answer.content.decode()
    assert "Slow broth" in html
    assert "picture" in html.lower()
    assert not Product.objects.get(pk=noodles.beef.pk).picture
    assert not list(media.rglob("*.*"))
    assert told(noodles.shop) == [], "nothing half-written"


def test_a_transparent_picture_stays_transparent(noodles, media):
    out = io.BytesIO()
    Image.new("RGBA", (20, 20), (0, 0, 0, 0)).save(out, "PNG")
    services.set_picture(noodles.beef.public_id, upload=io.BytesIO(out.getvalue()), size=10, actor=SYSTEM)
    with Image.open(media / Product.objects.get(pk=noodles.beef.pk).picture.name) as picture:
        assert picture.mode == "RGBA"
