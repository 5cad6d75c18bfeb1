"""Every sentence that code or templates hand to gettext exists in zh-hans; a missing one fails here by name."""

import re
from collections.abc import Iterator
from pathlib import Path

import pytest
import unfold
from babel.messages.extract import extract
from babel.messages.pofile import read_po
from django.template.base import Lexer, TokenType
from django.utils import translation
from django.utils.translation import gettext
from django.utils.translation.template import block_re, constant_re, endblock_re, inline_re, plural_re

ROOT = Path(__file__).resolve().parents[2]
CODE = ("config", "orders", "payments", "tracking", "notifications")
SURFACES = ("storefront", "payments", "merchant", "rider", "staff", "api", "account", "letters", "developers", "shared")
KEYWORDS = {
    "_": None,
    "gettext": None,
    "gettext_lazy": None,
    "gettext_noop": None,
    "ngettext": (1, 2),
    "ngettext_lazy": (1, 2),
    "pgettext": ((1, "c"), 2),
    "pgettext_lazy": ((1, "c"), 2),
}
Message = tuple[str, str, str]  # its context (mostly none), the sentence, and where it stands
NOT_TRANSLATED = {"简体中文"}  # a language's own name for itself


def messages_of_module(path: Path) -> Iterator[Message]:
    with path.open("rb") as source:
        for line, found, _comments, context in extract("python", source, keywords=KEYWORDS):
            yield context or "", found[0] if isinstance(found, tuple) else found, f"{path}:{line}"


def messages_of_python() -> Iterator[Message]:
    for app in CODE:
        for path in sorted((ROOT / app).rglob("*.py")):
            if "migrations" not in path.parts and "simulator" not in path.parts:
                yield from messages_of_module(path)


def unquoted(text: str) -> str:
    return text.strip()[1:-1].replace('\\"', '"').replace("\\'", "'")


def messages_of_template(path: Path) -> Iterator[Message]:
    """What makemessages would find: {% translate %}, _("…") in any tag, and blocks with their variables as %(x)s."""
    block: list[str] | None = None
    trimmed, context = False, ""
    for token in Lexer(path.read_text()).tokenize():
        where = f"{path}:{token.lineno}"
        if block is not None:
            if token.token_type == TokenType.BLOCK and (
                endblock_re.match(token.contents) or plural_re.match(token.contents)
            ):
                text = "".join(block)
                yield context, (" ".join(text.split()) if trimmed else text), where
                block = None
            elif token.token_type == TokenType.VAR:
                block.append(f"%({token.contents})s")
            else:
                block.append(token.contents.replace("%", "%%"))
            continue
        if token.token_type == TokenType.BLOCK:
            if inline := inline_re.match(token.contents):
                yield unquoted(inline[3] or ""), unquoted(inline[1]), where
            elif opened := block_re.match(token.contents):
                block, trimmed = [], bool(re.search(r"\strimmed\b", token.contents))
                context = unquoted(opened[2] or "")
        if token.token_type in {TokenType.BLOCK, TokenType.VAR}:
            for constant in constant_re.findall(token.contents):
                yield "", unquoted(constant.removeprefix("_(").removesuffix(")")), where


def messages_of_templates() -> Iterator[Message]:
    for folder in (ROOT / "templates", *(ROOT / app / "templates" for app in CODE)):
        for path in sorted(folder.rglob("*")):
            if path.suffix in {".html", ".txt", ".mjml"}:
                yield from messages_of_template(path)


def catalogue() -> dict[tuple[str, str], str]:
    """All surfaces as one, as Django merges them: context (mostly none) and msgid → its zh-hans text."""
    known: dict[tuple[str, str], str] = {}
    for path in sorted((ROOT / "config" / "locale").glob("*/zh_Hans/LC_MESSAGES/django.po")):
        with path.open("rb") as source:
            for message in read_po(source, locale="zh_Hans"):
                if not message.id or "fuzzy" in message.flags:
                    continue
                msgid = message.id[0] if isinstance(message.id, tuple) else message.id
                said = message.string[0] if isinstance(message.string, tuple) else message.string
                known[message.context or "", msgid] = said
    return known


def test_zh_hans_says_everything() -> None:
    known = catalogue()
    missing = sorted(
        f"{where.removeprefix(f'{ROOT}/')}  {message!r}"
        for context, message, where in {*messages_of_python(), *messages_of_templates()}
        if message not in NOT_TRANSLATED and not known.get((context, message))
    )
    assert not missing, "zh-hans lacks:\n" + "\n".join(missing)


def test_zh_hans_says_what_unfold_says() -> None:
    """It brings no catalogue: what Django does not happen to say too, ours must."""
    root = Path(unfold.__file__).parent
    parts = (root, root / "contrib" / "filters")  # what INSTALLED_APPS has of it
    templates = [path for part in parts for path in sorted((part / "templates").rglob("*.html"))]
    modules = [path for path in sorted(root.rglob("*.py")) if "contrib" not in path.parts or "filters" in path.parts]
    said = {one for path in templates for one in messages_of_template(path)}
    said |= {one for path in modules for one in messages_of_module(path)}
    with translation.override("zh-hans"):
        missing = sorted(f"{where}  {message!r}" for _context, message, where in said if gettext(message) == message)
    assert not missing, "zh-hans lacks:\n" + "\n".join(missing)


def test_a_translation_keeps_the_placeholders_of_its_sentence() -> None:
    placeholder = re.compile(r"%\(\w+\)[sd]|\{\w+\}")
    broken = [
        msgid
        for (_context, msgid), said in catalogue().items()
        if said and set(placeholder.findall(msgid)) != set(placeholder.findall(said))
    ]
    assert not broken


def test_every_catalogue_belongs_to_a_surface() -> None:
    folders = {path.name for path in (ROOT / "config" / "locale").iterdir() if path.is_dir()}
    assert folders <= set(SURFACES)


@pytest.mark.parametrize(
    ("source", "messages"),
    [
        ('{% translate "Hello" %}', ["Hello"]),
        ("{% translate 'Hello' as x %}", ["Hello"]),
        ("{% blocktranslate %}Hi {{ name }}{% endblocktranslate %}", ["Hi %(name)s"]),
        ("{% blocktranslate trimmed %}\n  Hi\n  you\n{% endblocktranslate %}", ["Hi you"]),
        ("{% blocktranslate count n=n %}one{% plural %}many{% endblocktranslate %}", ["one"]),
        ('{% field form.phone hint=_("Eleven digits") %}', ["Eleven digits"]),
    ],
)
def test_finds_what_a_template_says(source: str, messages: list[str], monkeypatch: pytest.MonkeyPatch) -> None:
    """The extractor itself: a sentence it overlooks could be missing for ever."""
    monkeypatch.setattr(Path, "read_text", lambda _self: source)
    assert [message for _context, message, _where in messages_of_template(ROOT / "templates" / "x.html")] == messages
