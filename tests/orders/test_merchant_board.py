"""The board: who sees it, which ticket stands where, and what each press does, with and without htmx."""

import re
from datetime import timedelta

import pytest
from django.db import connection

from config.ground import clock
from orders import services
from orders.actors import as_merchant
from orders.models import Order, Shop

pytestmark = pytest.mark.django_db
HTMX = {"HTTP_HX_REQUEST": "true"}


@pytest.fixture
def bruno(client, cast):
    client.force_login(cast.bruno)
    return client


def board_of(shop):
    return f"/merchant/{shop.public_id}/"


def press(client, order, verb, form=None, **headers):
    return client.post(f"/merchant/{order.shop.public_id}/orders/{order.public_id}/{verb}/", form or {}, **headers)


def column_of(html, order):
    found = re.search(rf'id="t-{order.public_id}"[^>]*data-column="(\w+)"', html)
    return found[1] if found else None


PAGES = ("", "products/", "products/new/", "keys/", "switches/")


@pytest.mark.parametrize("page", PAGES)
@pytest.mark.parametrize("name", ["mallory", "ana", "chen", "sam"])
def test_a_shop_is_not_there_for_those_who_do_not_work_in_it(client, cast, noodles, grocery, name, page):
    client.force_login(getattr(cast, name))
    assert client.get(board_of(noodles.shop) + page).status_code == 404


def test_staff_of_one_shop_do_not_reach_another_shops_order(client, cast, noodles, grocery, make_order):
    """Bea works at the noodle house; its order is not found under any shop of others, nor theirs under hers."""
    order = make_order("PENDING")
    client.force_login(cast.chen)
    for shop in (noodles.shop, grocery.shop):
        base = f"/merchant/{shop.public_id}/"
        assert client.get(f"{base}orders/{order.public_id}/").status_code == 404
        assert client.get(f"{base}tickets/{order.public_id}/").status_code == 404
        assert client.post(f"{base}orders/{order.public_id}/accept/", {"minutes": "15"}).status_code == 404
    assert Order.objects.get(pk=order.pk).status == "PENDING"


def test_asks_a_guest_to_sign_in(client, noodles):
    answer = client.get(board_of(noodles.shop))
    assert answer.status_code == 302
    assert "/account/" in answer["Location"]


def test_leads_to_the_only_shop(bruno, noodles):
    assert bruno.get("/merchant/")["Location"] == board_of(noodles.shop)


def test_offers_all_shops_to_who_works_in_several(client, cast, noodles, grocery):
    grocery.shop.staff.create(user=cast.bruno)
    client.force_login(cast.bruno)
    html = client.get("/merchant/").content.decode()
    assert board_of(noodles.shop) in html
    assert board_of(grocery.shop) in html


def test_says_so_to_who_works_nowhere(client, cast):
    client.force_login(cast.mallory)
    assert "You work at no shop yet" in client.get("/merchant/").content.decode()


STANDS = {
    "PENDING": "new",
    "CONFIRMED": "cook",
    "PREPARING": "cook",
    "READY": "ready",
    "ON_DELIVERY": "out",
    "COMPLETED": "done",
}


@pytest.mark.parametrize("status", STANDS)
def test_each_order_stands_in_its_column(bruno, noodles, make_order, status):
    order = make_order(status)
    html = bruno.get(board_of(noodles.shop)).content.decode()
    assert column_of(html, order) == STANDS[status]


def test_unpaid_orders_never_reach_the_shop(bruno, noodles, make_order):
    order = make_order("PENDING", paid=False)
    assert order.public_id not in bruno.get(board_of(noodles.shop)).content.decode()
    assert bruno.get(f"{board_of(noodles.shop)}orders/{order.public_id}/").status_code == 404


def test_a_ticket_says_items_options_notes_amount_and_time_left(bruno, noodles, make_order):
    make_order("PENDING", note="Ring twice.")
    html = bruno.get(board_of(noodles.shop)).content.decode()
    for words in ("Beef noodles", "Mild · Extra egg", "no coriander", "Ring twice.", "¥84.00", "1st order"):
        assert words in html
    assert 'role="timer"' in html
    assert "(1) Orders" in html


def test_a_ticket_holds_neither_phone_nor_address(bruno, noodles, make_order):
    order = make_order("PENDING")
    for page in ("", f"orders/{order.public_id}/", f"tickets/{order.public_id}/"):
        html = bruno.get(board_of(noodles.shop) + page).content.decode()
        assert "13800132071" not in html
        assert "Maple" not in html


def test_the_code_of_the_door_is_never_shown_to_the_shop(bruno, noodles, make_order):
    order = make_order("READY")
    Order.objects.filter(pk=order.pk).update(door_code="9071", shop_code="46")
    html = bruno.get(board_of(noodles.shop)).content.decode()
    assert ">46<" in html
    assert "9071" not in html


def test_accept_without_script_comes_back_to_the_board(bruno, noodles, make_order):
    order = make_order("PENDING")
    answer = press(bruno, order, "accept", {"minutes": "20"})
    assert answer["Location"] == board_of(noodles.shop)
    order.refresh_from_db()
    assert order.status == "CONFIRMED"
    assert order.ready_by - order.confirmed_at == timedelta(minutes=20)


def test_accept_with_htmx_answers_the_ticket_alone(bruno, make_order):
    order = make_order("PENDING")
    answer = press(bruno, order, "accept", {"minutes": "15"}, **HTMX)
    html = answer.content.decode()
    assert column_of(html, order) == "cook"
    assert html.count("<article") == 1
    assert "<html" not in html
    assert answer["HX-Retarget"] == f"#t-{order.public_id}"


def test_the_steps_of_a_ticket_walk_the_whole_way(bruno, make_order):
    order = make_order("CONFIRMED")
    for verb, status in (("start", "PREPARING"), ("later", "PREPARING"), ("ready", "READY")):
        assert press(bruno, order, verb, **HTMX).status_code == 200
        order.refresh_from_db()
        assert order.status == status


def test_the_customer_who_comes_takes_it_at_the_counter(bruno, make_order):
    order = make_order("READY", collects=True)
    press(bruno, order, "collected")
    order.refresh_from_db()
    assert (order.status, order.completed_how) == ("COMPLETED", "COLLECTED")


@pytest.mark.django_db(transaction=True)
def test_cash_at_the_counter_comes_before_the_bag(bruno, cast, noodles, make_order):
    """The button first asks for the money; without it nobody takes the bag, and only this shop may count it."""
    order = make_order("READY", collects=True, method="CASH")
    html = bruno.get(board_of(noodles.shop)).content.decode()
    assert "I have ¥80.00 in hand" in html
    assert "collected/" not in html
    refused = press(bruno, order, "collected", **HTMX)
    assert refused.status_code == 409
    assert "Collect ¥80.00 in cash first" in refused.content.decode()
    assert press(bruno, order, "cash", {"amount": "1"}, **HTMX).status_code in {409, 422}
    assert "collected/" in press(bruno, order, "cash", {"amount": "8000"}, **HTMX).content.decode()
    press(bruno, order, "collected")
    order.refresh_from_db()
    assert (order.status, order.payment_status) == ("COMPLETED", "PAID")
    bruno.force_login(cast.mallory)
    assert press(bruno, order, "cash", {"amount": "8000"}).status_code == 404


@pytest.mark.parametrize("headers", [{}, HTMX], ids=["page", "htmx"])
def test_says_on_the_ticket_who_was_faster(bruno, cast, make_order, headers):
    order = make_order("PENDING")
    services.confirm_order(order.public_id, minutes=25, actor=as_merchant(cast.bea))
    answer = press(bruno, order, "accept", {"minutes": "15"}, **headers)
    assert answer.status_code == 409
    html = answer.content.decode()
    assert re.search(r"Bea accepted it \d+ s ago with 25 min", html)
    assert column_of(html, order) == "cook"


def test_says_on_the_ticket_in_the_shops_words_that_the_moment_has_passed(bruno, make_order):
    order = make_order("READY")
    answer = press(bruno, order, "start", **HTMX)
    assert answer.status_code == 409
    assert "Ready, finding a rider" in answer.content.decode()


def test_knows_no_other_verbs(bruno, make_order):
    assert press(bruno, make_order("PENDING"), "explode").status_code == 404


def test_nothing_is_pressed_by_looking(bruno, make_order):
    order = make_order("PENDING")
    address = f"/merchant/{order.shop.public_id}/orders/{order.public_id}/accept/"
    assert bruno.get(address).status_code == 405


def test_a_cancelled_ticket_stays_where_it_was_until_understood(bruno, cast, noodles, make_order):
    order = make_order("PREPARING")
    services.cancel_order(order.public_id, reason="STAFF", words="the customer called", actor=as_merchant(cast.bea))
    html = bruno.get(board_of(noodles.shop)).content.decode()
    assert column_of(html, order) == "cook"
    assert "Nothing to do." in html
    press(bruno, order, "understood")
    assert order.public_id not in bruno.get(board_of(noodles.shop)).content.decode()
    assert bruno.get(f"{board_of(noodles.shop)}tickets/{order.public_id}/").status_code == 204


def test_understood_is_about_one_screen(client, cast, noodles, make_order):
    order = make_order("CANCELLED")
    services_order = make_order("CONFIRMED")
    services.cancel_order(services_order.public_id, reason="CUSTOMER", actor=as_merchant(cast.bea))
    client.force_login(cast.bruno)
    press(client, services_order, "understood")
    client.logout()
    client.force_login(cast.bea)
    html = client.get(board_of(noodles.shop)).content.decode()
    assert column_of(html, services_order) == "cook"
    assert order.public_id not in html, "never paid, so never the shop's"


def test_an_order_that_nobody_answered_offers_auto_accept(bruno, noodles, make_order):
    order = make_order("PENDING")
    Order.objects.filter(pk=order.pk).update(answer_by=clock.now() - timedelta(seconds=1))
    services.reject_unanswered(order.public_id)
    html = bruno.get(board_of(noodles.shop)).content.decode()
    assert "Nobody answered, rejected by itself" in html
    assert "Auto-accept" in html
    bruno.post(f"{board_of(noodles.shop)}switches/auto-accept/", {"on": "1"})
    assert Shop.objects.get(pk=noodles.shop.pk).auto_accept


def test_minutes_follow_the_kitchens_own_average_of_today(bruno, noodles, make_order):
    order = make_order("READY")
    with connection.cursor() as cursor:
        cursor.execute(
            "UPDATE orders_order SET confirmed_at = ready_at - interval '23 minutes' WHERE id = %s", [order.pk]
        )
    make_order("PENDING")
    html = bruno.get(board_of(noodles.shop)).content.decode()
    assert "Kitchen today: 23 min on average" in html
    assert re.search(r'value="25"[^>]*checked', html)
    assert [int(n) for n in re.findall(r'name="minutes" value="(\d+)"', html)] == [20, 25, 30, 40]


def test_a_late_ticket_says_how_late(bruno, noodles, make_order):
    order = make_order("PREPARING")
    Order.objects.filter(pk=order.pk).update(ready_by=clock.now() - timedelta(minutes=4, seconds=5))
    assert "4 min late" in bruno.get(board_of(noodles.shop)).content.decode()


def test_a_shop_that_accepts_by_itself_sees_its_work_first(bruno, noodles):
    noodles.shop.auto_accept = True
    noodles.shop.save()
    html = bruno.get(board_of(noodles.shop)).content.decode()
    assert html.index("column-cook") < html.index("column-new")


SWITCHES = {
    "open": (lambda shop: not shop.is_open, "0"),
    "busy": (lambda shop: shop.busy_minutes == 10, "1"),
    "pause": (lambda shop: shop.paused_until > clock.now(), "1"),
}


@pytest.mark.parametrize("what", SWITCHES)
def test_each_switch_takes_effect_and_says_so(bruno, noodles, what):
    holds, on = SWITCHES[what]
    answer = bruno.post(f"{board_of(noodles.shop)}switches/{what}/", {"on": on}, **HTMX)
    assert answer.status_code == 200
    assert "hx-swap-oob" in answer.content.decode()
    assert holds(Shop.objects.get(pk=noodles.shop.pk))


def test_the_board_under_htmx_is_no_whole_page(bruno, noodles, make_order):
    order = make_order("PENDING")
    html = bruno.get(board_of(noodles.shop), **HTMX).content.decode()
    assert "<html" not in html
    assert column_of(html, order) == "new"


def test_a_full_board_costs_few_questions(bruno, noodles, make_order, django_assert_max_num_queries):
    for status in ("PENDING", "PENDING", "CONFIRMED", "PREPARING", "READY"):
        make_order(status)
    with django_assert_max_num_queries(18):
        bruno.get(board_of(noodles.shop))


def test_speaks_chinese(bruno, noodles, make_order):
    make_order("PENDING")
    bruno.cookies["language"] = "zh-hans"
    html = bruno.get(board_of(noodles.shop)).content.decode()
    for words in ("进行中的订单", "新订单", "制作中", "接单", "拒单", "请在以下时间内处理"):
        assert words in html
