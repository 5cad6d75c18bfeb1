"""The desk speaks one language at a time: in zh-hans no heading, column, filter, label, button or hint is English."""

import re
from collections.abc import Iterator, Mapping
from html.parser import HTMLParser
from http import HTTPStatus
from types import SimpleNamespace
from typing import Any

import pytest
from django.apps import apps
from django.contrib import admin
from django.db import models
from django.test import Client
from django.urls import reverse
from django.utils import translation

from config.desk import roles
from config.ground import clock
from config.ground.word import Word
from notifications.letters import words as letters
from notifications.models import Letter, Message
from notifications.webhooks import words as webhooks
from orders import services
from orders import words as orders
from orders.models import StaffAction, User
from orders.services import Item, Placement
from payments import ledger
from payments import words as payments
from payments.models import Attempt, Bill, Difference, HandIn, InboxEntry
from payments.statements.words import HAND_IN
from tracking import words as tracking

LATIN, HAN = re.compile("[A-Za-z]"), re.compile("[\u4e00-\u9fff]")
STAYS = {"ID", "HTML", "SHA-256", "CSV", "Webhook", "Lockstep", "English", "esc"}
CODE = re.compile(r"[a-z]+_[a-z0-9]{16}|\d* ?[a-z]+\.[a-z_]+")  # a public id, an event's type
VOID = {"area", "base", "br", "col", "embed", "hr", "img", "input", "link", "meta", "source", "track", "wbr"}
QUIET_TAGS = {"script", "style", "svg", "template", "td"}  # a cell is what the row says, not what the page says
QUIET_CLASSES = {"material-symbols-outlined", "mono", "readonly"}  # names of icons, codes, values
SPOKEN = ("placeholder", "aria-label", "title", "alt")
SHOWN = {*admin.site._registry, *(one.model for page in admin.site._registry.values() for one in page.inlines)}


class Said(HTMLParser):
    """Everything that a page itself says: texts, and the attributes that people read or hear."""

    def __init__(self, page: str) -> None:
        super().__init__()
        self.open: list[tuple[str, bool]] = []
        self.words: set[str] = set()
        self.feed(page)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        facts = {name: value or "" for name, value in attrs}
        self.words |= {facts[name] for name in SPOKEN if name in facts}
        if facts.get("type") in {"submit", "button", "reset"} and tag == "input":
            self.words.add(facts.get("value", ""))
        if tag not in VOID:
            is_row = facts.get("href", "").partition("?")[0].endswith("/change/")
            is_quiet = tag in QUIET_TAGS or not QUIET_CLASSES.isdisjoint(facts.get("class", "").split())
            self.open.append((tag, is_quiet or is_row))

    def handle_endtag(self, tag: str) -> None:
        while self.open and self.open.pop()[0] != tag:
            pass

    def handle_data(self, data: str) -> None:
        if not any(is_quiet for _tag, is_quiet in self.open):
            self.words.add(" ".join(data.split()).removesuffix(" · Lockstep"))


def is_english(text: str) -> bool:
    return bool(LATIN.search(text)) and not HAN.search(text) and text not in STAYS and not CODE.fullmatch(text)


def row_of(model: type[models.Model], **special: Any) -> Any:
    """The first row, or else the simplest one that the database takes; what it says is Chinese."""
    if (found := model._default_manager.first()) is not None:
        return found
    kinds: dict[type, Any] = {
        models.BooleanField: False,
        models.DateTimeField: clock.now(),
        models.DateField: clock.now().date(),
        models.TimeField: clock.now().time(),
        models.DecimalField: 1,
        models.IntegerField: 1,
        models.BinaryField: b"",
        models.JSONField: {},
        models.GenericIPAddressField: "192.0.2.1",
        models.CharField: "样例",
        models.TextField: "样例",
    }
    facts: dict[str, Any] = {}
    for field in model._meta.local_fields:
        if field.has_default() or field.null or field.blank or field.name in special:
            continue
        if field.is_relation:
            facts[field.name] = row_of(field.related_model)
        elif field.choices:
            facts[field.name] = field.choices[0][0]
        else:
            facts[field.name] = next(value for kind, value in kinds.items() if isinstance(field, kind))
    return model._default_manager.create(**facts, **special)


@pytest.fixture
def boss(db: None) -> Client:
    """A superuser who reads Chinese."""
    roles.ensure()
    person = User.objects.create(username="主管", is_staff=True, is_superuser=True)
    client = Client()
    client.force_login(person, backend="orders.signin.PhoneOrNameBackend")
    client.cookies["language"] = "zh-hans"
    return client


@pytest.fixture
def rows(cast: SimpleNamespace, make_order: Any, keyshop: SimpleNamespace) -> dict[type[models.Model], Any]:
    """One row for every page of the desk."""
    order = make_order("ON_DELIVERY")
    keys = Placement(keyshop.shop.public_id, [Item(keyshop.card.public_id, 1)], "WECHAT")
    placed = services.place_order(keys, customer=cast.ana)
    services.mark_paid(placed.public_id, amount_minor=placed.total_minor, channel="WECHAT")
    ledger.book_fee("WECHAT", clock.now().date(), 100, ref="样例")
    special: dict[type[models.Model], dict[str, Any]] = {
        Letter: {"next_at": clock.now()},
        HandIn: {"rider": cast.ravi},
        Attempt: {"order": order, "out_trade_no": "sample-1"},
        InboxEntry: {"reject_reason": "样例"},
        StaffAction: {"reason": "样例"},
        Message: {"stream": order.stream},
        Bill: {"channel": "WECHAT", "why": "样例"},
    }
    return {model: row_of(model, **special.get(model, {})) for model in (*special, *admin.site._registry)}


def pages_of(client: Client, model: type[models.Model], row: Any) -> Iterator[tuple[str, str]]:
    """Address and text of the list, the form to add where there is one, and the page of the row."""
    name = f"admin:{model._meta.app_label}_{model._meta.model_name}"
    keys = {str(row.pk), str(row), getattr(row, "public_id", "")} - {""}  # some go by public id, some by name
    changes = [reverse(f"{name}_change", args=[key]) for key in keys]
    opened = [(page, client.get(page)) for page in (reverse(f"{name}_changelist"), reverse(f"{name}_add"), *changes)]
    shown = {page: answer.text for page, answer in opened if answer.status_code == HTTPStatus.OK}
    assert shown.keys() & set(changes) or model is Difference, f"{model.__name__}: the page of a row does not open"
    yield from shown.items()


def test_no_page_of_the_desk_says_a_word_of_english(boss, rows):
    """Every list, form and page of a row; what the row itself says is not looked at."""
    data = {str(row) for row in rows.values()} | set(User.objects.values_list("username", flat=True))
    english = [
        f"{page}  {word!r}"
        for model, row in rows.items()
        for page, text in pages_of(boss, model, row)
        for word in (*sorted(Said(text).words - data), *re.findall(r"\w+ object \(\d+\)", text))
        if is_english(word)
    ]
    assert not english, "\n".join(english)


def test_every_name_field_and_choice_has_its_chinese() -> None:
    """Also of what stands on no page of this test; a missing one is named with the place that it is missing for."""
    with translation.override("zh-hans"):
        said = [
            (model._meta.label, name)
            for model in apps.get_models()
            for name in (model._meta.verbose_name, model._meta.verbose_name_plural, model._meta.app_config.verbose_name)
        ]
        for field in (field for model in SHOWN for field in (*model._meta.fields, *model._meta.many_to_many)):
            labels = [label for _value, label in field.flatchoices or ()]
            said += [(str(field), text) for text in (field.verbose_name, field.help_text, *labels)]
        english = sorted(f"{place}  {str(text)!r}" for place, text in said if is_english(str(text)))
    assert not english, "\n".join(english)


def test_english_is_as_the_models_were_written() -> None:
    """Plain words, the plural by its own rule, and a choice as its class says it."""
    with translation.override("en"):
        names = [str(one) for one in (Attempt._meta.verbose_name, Attempt._meta.verbose_name_plural)]
        assert names == ["attempt", "attempts"]
        assert str(Attempt._meta.get_field("out_trade_no").verbose_name) == "out trade no"
        assert Attempt(state="PENDING").get_state_display() == Attempt.State.PENDING.label


WORDS: dict[str, Mapping[str, Word]] = {
    "orders.Order.status": {code: words["staff"] for code, words in orders.STATUS.items()},
    "orders.Order.payment_status": {code: words["staff"] for code, words in orders.PAYMENT.items()},
    "orders.Order.cancel_reason": {code: words["staff"] for code, words in orders.CANCEL.items()},
    "orders.Order.method": orders.CHANNEL,
    "payments.Attempt.state": payments.ATTEMPT,
    "payments.Attempt.disposition": {code: words["staff"] for code, words in payments.DISPOSITION.items()},
    "payments.Refund.state": {code: words["staff"] for code, words in payments.REFUND_STATE.items()},
    "payments.Refund.reason": {code: words["staff"] for code, words in payments.REFUND_REASON.items()},
    "payments.Refund.way": payments.WAY,
    "payments.RefundProposal.state": payments.PROPOSAL,
    "payments.Difference.kind": payments.DIFFERENCE,
    "payments.Difference.state": payments.DIFFERENCE_STATE,
    "payments.Bill.state": payments.BILL_STATE,
    "payments.HandIn.state": HAND_IN,
    "notifications.Letter.channel": letters.CHANNEL,
    "notifications.Letter.state": letters.STATE,
    "notifications.Endpoint.state": webhooks.ENDPOINT,
    "notifications.Message.state": webhooks.MESSAGE,
    "tracking.Rider.vehicle": tracking.VEHICLE,
    "tracking.Delivery.state": tracking.DELIVERY,
}


@pytest.mark.parametrize("place", WORDS)
def test_a_choice_is_called_as_in_the_glossary(place: str) -> None:
    """Where a badge has the same English, the filter beside it has the same Chinese."""
    model, _dot, name = place.rpartition(".")
    field = apps.get_model(model)._meta.get_field(name)
    with translation.override("en"):
        written = {code: str(label) for code, label in field.flatchoices}
    with translation.override("zh-hans"):
        shown = {code: str(label) for code, label in field.flatchoices}
    same = [code for code, word in WORDS[place].items() if word.en.startswith(written.get(code, "–"))]
    assert same
    assert {code: shown[code] for code in same if not WORDS[place][code].zh.startswith(shown[code])} == {}
