"""What surrounds every page: trace numbers, languages, refusals, the content policy, and the shared tags."""

import re
from datetime import UTC, datetime, timedelta
from pathlib import Path
from types import SimpleNamespace

import pytest
import structlog
from django import forms
from django.conf import settings
from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.template import engines
from django.test import Client, RequestFactory, override_settings
from django.urls import path
from django.utils import translation

from config import arts, errors, modules
from config.ground import clock, figures
from config.ground.problems import Refusal
from config.ground.word import Word
from config.icons import ICONS
from config.staticfiles import HashedStorage

ROOT = Path(settings.BASE_DIR)
SHARED = ROOT / "config" / "static" / "shared"
TRACE = "4bf92f3577b34da6a3ce929d0e0e4736"


class OutOfNoodles(Refusal):
    code = "out_of_noodles"
    status = 409
    message = "{item} sold out."


def page(request: HttpRequest) -> HttpResponse:
    return render(request, "404.html")


def refusing(request: HttpRequest) -> HttpResponse:
    raise OutOfNoodles(item="Lamb <noodles>")


def breaking(request: HttpRequest) -> HttpResponse:
    raise RuntimeError


def bound(request: HttpRequest) -> HttpResponse:
    return HttpResponse(structlog.contextvars.get_contextvars()["traceparent"])


urlpatterns = [path("page", page), path("admin/page", page), path("no", refusing), path("broken", breaking)]
urlpatterns += [path("bound", bound)]
handler500 = errors.server_error
here = override_settings(ROOT_URLCONF=__name__)


@pytest.fixture
def visit() -> Client:
    with here:
        yield Client(raise_request_exception=False)


def draw(source: str, **facts: object) -> str:
    return engines["django"].from_string("{% load i18n lockstep %}" + source).render(facts)


# ── around a page ────────────────────────────────────────────────────────────────────────────────


def test_keeps_the_trace_of_the_caller(visit: Client) -> None:
    answer = visit.get("/bound", headers={"traceparent": f"00-{TRACE}-00f067aa0ba902b7-00"})
    assert answer["X-Trace"] == TRACE
    assert re.fullmatch(rf"00-{TRACE}-[0-9a-f]{{16}}-00", answer.content.decode())


@pytest.mark.parametrize("sent", ["", "nonsense", "00-" + "0" * 32 + "-00f067aa0ba902b7-01"])
def test_gives_a_trace_where_none_can_be_read(visit: Client, sent: str) -> None:
    assert re.fullmatch("[0-9a-f]{32}", visit.get("/page", headers={"traceparent": sent})["X-Trace"])


def test_forgets_the_trace_after_the_answer(visit: Client) -> None:
    visit.get("/bound")
    assert "trace" not in structlog.contextvars.get_contextvars()


@pytest.mark.parametrize(
    ("accepted", "cookie", "language"),
    [
        ("", "", "en"),
        ("zh", "", "zh-hans"),
        ("zh-CN,zh;q=0.9,en;q=0.8", "", "zh-hans"),
        ("zh-TW", "", "zh-hans"),
        ("zh;q=0.3, en-GB;q=0.9", "", "en"),
        ("fr, de;q=0.5", "", "en"),
        ("en", "zh-hans", "zh-hans"),
        ("zh", "en", "en"),
        ("zh", "klingon", "zh-hans"),
    ],
)
def test_speaks_the_language_of_the_cookie_then_of_the_browser(
    visit: Client, accepted: str, cookie: str, language: str
) -> None:
    if cookie:
        visit.cookies["language"] = cookie
    answer = visit.get("/page", headers={"accept-language": accepted} if accepted else {})
    assert answer["Content-Language"] == language
    assert f'<html lang="{"zh-Hans" if language == "zh-hans" else "en"}"' in answer.content.decode()
    assert {"Accept-Language", "Cookie"} <= set(answer["Vary"].replace(" ", "").split(","))


@pytest.mark.parametrize(("cookie", "said"), [("dark", ' data-theme="dark"'), ("light", ' data-theme="light"')])
def test_paints_the_theme_that_was_chosen(visit: Client, cookie: str, said: str) -> None:
    visit.cookies["theme"] = cookie
    assert said in visit.get("/page").content.decode()


def test_leaves_the_theme_to_the_device_when_the_cookie_means_nothing(visit: Client) -> None:
    visit.cookies["theme"] = '"><script>'
    assert "data-theme=" not in visit.get("/page").content.decode()


def test_says_sandbox_on_every_page_while_no_money_moves(visit: Client) -> None:
    with override_settings(SANDBOX=True):
        assert 'class="sandbox" role="note"' in visit.get("/page").content.decode()
    with override_settings(SANDBOX=False):
        assert "sandbox" not in visit.get("/page").content.decode()


def test_shows_a_refusal_that_the_page_did_not_show_itself(visit: Client) -> None:
    answer = visit.get("/no")
    assert answer.status_code == 409
    assert "Lamb &lt;noodles&gt; sold out." in answer.content.decode()
    assert "<html" in answer.content.decode()


def test_sends_htmx_only_the_banner_of_a_refusal(visit: Client) -> None:
    answer = visit.get("/no", headers={"HX-Request": "true"})
    assert (answer.status_code, answer["HX-Retarget"]) == (409, "#notices")
    assert "<html" not in answer.content.decode()
    assert 'role="alert"' in answer.content.decode()


def test_names_the_trace_when_our_side_breaks(visit: Client) -> None:
    answer = visit.get("/broken", headers={"traceparent": f"00-{TRACE}-00f067aa0ba902b7-01"})
    assert answer.status_code == 500
    assert TRACE in answer.content.decode()


# ── the content policy ───────────────────────────────────────────────────────────────────────────


def test_lets_no_inline_script_or_style_run(visit: Client) -> None:
    answer = visit.get("/page")
    policy = answer["Content-Security-Policy"]
    assert "unsafe" not in policy
    nonce = re.search(r"'nonce-([^']+)'", policy)
    assert nonce is not None
    assert f'<script type="importmap" nonce="{nonce[1]}">' in answer.content.decode()


def test_widens_the_policy_for_the_admin_alone(visit: Client) -> None:
    assert "'unsafe-eval'" in visit.get("/admin/page")["Content-Security-Policy"]
    assert "'unsafe-eval'" not in visit.get("/page")["Content-Security-Policy"]


@pytest.mark.parametrize("file", sorted((ROOT / "templates").rglob("*.html")), ids=lambda file: file.name)
def test_no_template_needs_inline_script_or_style(file: Path) -> None:
    """Mails have their own rules, the admin its own policy; everywhere else the policy would block it silently."""
    if {"emails", "admin"} & set(file.relative_to(ROOT).parts):
        return
    source = re.sub(r"{%.*?%}|{#.*?#}", "", file.read_text(), flags=re.DOTALL)
    assert not re.search(r"\sstyle\s*=|<style|\son[a-z]+\s*=|hx-on|javascript:", source)
    for attributes in re.findall(r"<script\b([^>]*)>", source):
        assert "src=" in attributes or 'type="application/json"' in attributes


# ── modules, stylesheets, pictures ───────────────────────────────────────────────────────────────


PUBLISHED = ROOT / "config" / "static" / "shared" / "line.js"  # others fetch it alone: one file without imports


def test_the_published_client_needs_nothing_else() -> None:
    assert not re.search(r'(?:from|import)\s+"', PUBLISHED.read_text().partition("*/")[2])


@pytest.mark.parametrize("file", sorted((ROOT / "config" / "static").rglob("*.js")), ids=lambda file: file.name)
def test_a_module_is_short_and_imports_what_exists(file: Path) -> None:
    source = file.read_text()
    if file != PUBLISHED:
        assert source.count("\n") <= 150
    known = modules.names()
    for name in re.findall(r'(?:from|import)\s+"(lockstep/[^"]+)"', source):
        assert name in known, f"{file.name} imports {name}, which does not exist"


def test_only_the_tokens_hold_colours() -> None:
    """Drawn marks, QR codes and print apart: those are black, white and the mark's two greens in both themes."""
    allowed = {"#ffffff", "#000000", "#0b5d54", "#7fe0cc"}
    for sheet in SHARED.glob("*.css"):
        if sheet.name != "tokens.css":
            assert set(re.findall(r"#[0-9a-fA-F]{3,8}\b(?=[;, )])", sheet.read_text())) <= allowed, sheet.name


def test_every_token_that_is_used_exists_in_both_themes() -> None:
    tokens = (SHARED / "tokens.css").read_text()
    defined = set(re.findall(r"(--[\w-]+):", tokens))
    used = {name for sheet in SHARED.glob("*.css") for name in re.findall(r"var\((--[\w-]+)\)", sheet.read_text())}
    assert used - defined <= {"--dot"}
    by_hand, by_device = re.findall(r"color-scheme: dark;(.*?)\n\s*}", tokens, flags=re.DOTALL)
    assert by_hand.split() == by_device.split()


@pytest.mark.parametrize("name", arts.ARTS)
def test_every_drawn_picture_exists(name: str) -> None:
    drawing = (SHARED / "art" / f"{name}.svg").read_text()
    assert drawing.startswith("<svg")
    assert "style" not in drawing


@pytest.mark.parametrize("file", sorted((ROOT / "templates").rglob("*.html")), ids=lambda file: file.name)
def test_every_icon_that_a_template_names_is_drawn(file: Path) -> None:
    named = re.findall(r'{%\s*icon\s+"([^"]+)"|icon_name="([^"]+)"', file.read_text())
    assert {first or second for first, second in named} <= set(ICONS)


def test_every_static_file_survives_hashing(tmp_path: Path) -> None:
    """Our own modules and stylesheets, stored as production stores them, under names that change with the content."""
    storage = HashedStorage(location=str(tmp_path), base_url="/static/")
    ours = {}
    for file in (ROOT / "config" / "static").rglob("*.*"):
        name = file.relative_to(ROOT / "config" / "static").as_posix()
        target = tmp_path / name
        target.parent.mkdir(parents=True, exist_ok=True)
        target.write_bytes(file.read_bytes())
        ours[name] = (storage, name)
    outcomes = {name: outcome for name, _hashed, outcome in storage.post_process(ours)}
    assert not [outcome for outcome in outcomes.values() if isinstance(outcome, Exception)]
    assert re.search(r"shared/base\.[0-9a-f]{12}\.css$", storage.url("shared/base.css"))


# ── figures and tags ─────────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize(
    ("minor", "said"), [(8400, "¥84.00"), (-3200, "−¥32.00"), (5, "¥0.05"), (0, "¥0.00"), (-1, "−¥0.01")]
)
def test_says_money_in_full(minor: int, said: str) -> None:
    assert figures.money(minor) == said


@pytest.mark.parametrize(
    ("early", "late", "said"),
    [("42:10", "49:01", "18:42–18:50"), ("42:00", "50:00", "18:42–18:50"), ("42:10", "42:20", "18:42–18:43")],
)
def test_rounds_a_window_outwards_and_never_to_one_minute(early: str, late: str, said: str) -> None:
    at = [datetime.strptime(f"2026-11-20 10:{text}", "%Y-%m-%d %H:%M:%S").replace(tzinfo=UTC) for text in (early, late)]
    assert figures.window(*at, "Asia/Shanghai") == said


def test_counts_down_without_going_below_zero() -> None:
    assert [figures.span(left) for left in (3847, 247, 59.9, -3)] == ["1:04:07", "4:07", "0:59", "0:00"]


def test_a_word_speaks_the_active_language() -> None:
    word = Word("Picking, {n} of {m}", "拣货中 {n}/{m}", "move", "basket")
    assert word.format(n=1, m=3) == "Picking, 1 of 3"
    with translation.override("zh-hans"):
        assert word.format(n=1, m=3) == "拣货中 1/3"


@pytest.mark.parametrize("cells", [("", "有"), ("Yes", ""), ("Yes", "是", "pink")])
def test_refuses_half_a_word(cells: tuple[str, ...]) -> None:
    with pytest.raises(ValueError, match="both languages"):
        Word(*cells)


def test_a_badge_is_shape_word_and_colour() -> None:
    drawn = draw("{% badge word n=2 %}", word=Word("Rider in {n} min", "骑手 {n} 分钟到店", "move", "bike"))
    assert 'class="badge move"' in drawn
    assert 'aria-hidden="true"' in drawn
    assert "Rider in 2 min" in drawn


def test_a_badge_escapes_what_people_typed() -> None:
    assert "&lt;b&gt;" in draw("{% badge word words='<b>' %}", word=Word("“{words}”", "“{words}”", "stop", "cross"))


def test_shows_the_picture_or_the_drawing_or_the_drawing_of_the_trade() -> None:
    photographed = SimpleNamespace(picture=SimpleNamespace(url="/media/x.jpg"), art="bowl")
    assert 'src="/media/x.jpg"' in draw("{% art thing %}", thing=photographed)
    for thing, name in (
        (SimpleNamespace(picture=None, art="dumplings"), "dumplings"),
        (SimpleNamespace(picture=None, art="", shop=SimpleNamespace(trade="GROCERY")), "vegetables"),
        (SimpleNamespace(picture=None, art="unknown"), "parcel"),
    ):
        assert f"art/{name}" in draw("{% art thing %}", thing=thing)


def test_says_ages_until_the_clock_says_more() -> None:
    ages = [clock.now() - timedelta(seconds=passed) for passed in (6, 245)]
    assert [draw("{{ at|age }}", at=at) for at in ages] == ["6 s", "4 min"]
    assert re.fullmatch(r"\d\d:\d\d", draw("{{ at|age }}", at=clock.now() - timedelta(hours=2)))


def test_the_pill_carries_its_words_in_the_active_language() -> None:
    request = RequestFactory().get("/orders/?page=2")
    drawn = engines["django"].from_string("{% load lockstep %}{% fresh 'Asia/Shanghai' %}").render({}, request)
    assert 'data-fresh="old"' in drawn
    assert 'href="/orders/?page=2"' in drawn
    assert 'data-word-again="Reconnecting…"' in drawn
    assert "href" not in draw("{% fresh 'Asia/Shanghai' refresh=False %}")


def test_a_field_names_its_error_to_screen_readers() -> None:
    class Form(forms.Form):
        phone = forms.CharField(label="Phone")

    drawn = draw("{% field form.phone hint='Eleven digits' inputmode='numeric' %}", form=Form({"phone": ""}))
    assert 'aria-describedby="id_phone-hint id_phone-error"' in drawn
    assert 'aria-invalid="true"' in drawn
    assert 'id="id_phone-error"' in drawn
    assert 'inputmode="numeric"' in drawn


def test_a_countdown_starts_with_what_the_server_says() -> None:
    drawn = draw("{% countdown deadline total=120 %}", deadline=clock.now() + timedelta(seconds=107.5))
    assert 'role="timer"' in drawn
    assert ">1:47</b>" in drawn
