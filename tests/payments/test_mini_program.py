"""Paying inside WeChat: a number from the gateway, and a package signed by us that opens the wallet."""

import base64

import pytest
from cryptography.hazmat.primitives.asymmetric.padding import PKCS1v15
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.serialization import load_pem_private_key

from payments.gateways import GATEWAYS, accounts
from payments.gateways.base import Definitive, Misconfigured
from payments.models import Attempt
from payments.refusals import PayerUnknown
from payments.services import start_payment
from payments.syncing import sync_due
from tests.payments.conftest import until
from tests.payments.paying import fresh
from tests.payments.test_checking import ask_now

pytestmark = pytest.mark.django_db(transaction=True)
OPENID = "oUpF8uMuAJO_M2pxb1Q9zNjWeS6o"


@pytest.fixture
def order(door, make_order):
    return make_order(paid=False)


@pytest.fixture
def ana(client, cast):
    client.force_login(cast.ana)
    return client


def ask(ana, order, **more):
    body = {"channel": "WECHAT", "form": "jsapi", "openid": OPENID, **more}
    wanted = {name: value for name, value in body.items() if value is not None}
    return ana.post(f"/api/v1/orders/{order.public_id}/payments", wanted, content_type="application/json")


def assert_signed_by_us(package):
    """As the wallet checks it: four lines, each ended, by the merchant's key."""
    message = "".join(f"{package[name]}\n" for name in ("appId", "timeStamp", "nonceStr", "package")).encode()
    ours = load_pem_private_key(accounts.wechat().private_key.encode(), password=None).public_key()
    ours.verify(base64.b64decode(package["paySign"]), message, PKCS1v15(), SHA256())


def test_the_api_answers_the_package_for_the_wallet(order, ana, simulator):
    answer = ask(ana, order)
    assert answer.status_code == 201
    package = answer.json()["invocation"]
    assert set(package) == {"appId", "timeStamp", "nonceStr", "package", "signType", "paySign"}
    assert (package["appId"], package["signType"]) == (accounts.wechat().appid, "RSA")
    attempt = Attempt.objects.get(order=order)
    assert package["package"] == f"prepay_id={attempt.prepay_id}"
    assert simulator.trade(attempt.out_trade_no)["form"] == "jsapi"
    assert_signed_by_us(package)
    assert not {"codeUrl", "redirectUrl"} & set(answer.json())


def test_asked_again_it_is_the_same_payment_with_a_fresh_signature(order, ana, simulator):
    first, second = ask(ana, order).json()["invocation"], ask(ana, order).json()["invocation"]
    assert first["package"] == second["package"]
    assert first["nonceStr"] != second["nonceStr"]
    assert first["paySign"] != second["paySign"]
    assert_signed_by_us(second)
    [attempt] = Attempt.objects.filter(order=order)
    assert len(simulator.calls(attempt.out_trade_no, "create")) == 1


def test_it_is_paid_like_any_other(order, ana, simulator):
    ask(ana, order)
    simulator.pay(Attempt.objects.get(order=order).out_trade_no)
    until(lambda: fresh(order).payment_status == "PAID")


def test_another_payer_closes_the_first_ones_payment(order, ana, simulator):
    ask(ana, order)
    ask(ana, order, openid="oAnother_payer_0000000000000")
    first, second = Attempt.objects.filter(order=order).order_by("seq")
    assert (first.state, second.state) == ("CLOSED", "PENDING")
    assert simulator.trade(first.out_trade_no)["state"] == "CLOSED"


@pytest.mark.parametrize(
    "change", [{"openid": None}, {"openid": ""}, {"openid": "o O"}, {"form": "native"}, {"openid": "x" * 129}]
)
def test_refuses_a_payer_where_none_belongs_and_none_where_one_does(change, order, ana, simulator):
    answer = ask(ana, order, **change)
    assert answer.status_code == 422
    assert Attempt.objects.count() == 0


def test_refuses_it_for_alipay(order, ana, simulator):
    assert ask(ana, order, channel="ALIPAY").status_code == 422
    with pytest.raises(PayerUnknown):
        start_payment(order.public_id, channel="ALIPAY", form="page", payer=OPENID)
    for channel in ("ALIPAY", "CASH"):
        with pytest.raises(Misconfigured):
            GATEWAYS[channel].invocation("wx1")


def test_a_lost_answer_is_repeated_for_the_same_payer(order, ana, simulator):
    simulator.faults(error_after={"rate": 1, "on": "create", "times": 1})
    assert ask(ana, order).status_code == 503
    assert simulator.fired("error_after") == 1
    ask_now()
    assert ask(ana, order).status_code == 201
    [attempt] = Attempt.objects.filter(order=order)
    assert (attempt.payer, attempt.state) == (OPENID, "PENDING")


def test_the_pay_page_does_not_offer_a_code_for_it_and_can_replace_it(order, ana, simulator):
    ask(ana, order)
    page = ana.get(f"/orders/{order.public_id}/pay/").content.decode()
    assert "A payment is open inside WeChat." in page
    assert 'aria-label="QR"' not in page
    assert Attempt.objects.filter(order=order).count() == 1, "looking replaces nothing"
    ana.post(f"/orders/{order.public_id}/pay/", {"channel": "WECHAT"})
    first, second = Attempt.objects.filter(order=order).order_by("seq")
    assert (first.state, second.form, second.has_a_way) == ("CLOSED", "native", True)


def test_the_gateway_refuses_an_empty_payer(simulator, ask_jsapi):
    with pytest.raises(Definitive):
        GATEWAYS["WECHAT"].create(ask_jsapi(payer=""))
    assert GATEWAYS["WECHAT"].create(ask_jsapi(payer=OPENID)).prepay_id


@pytest.fixture
def ask_jsapi(request):
    make = request.getfixturevalue("ask")
    return lambda **fields: make("jsapi", **fields)


def test_the_clock_asks_about_it_too(order, ana, simulator):
    simulator.faults(lost=1)
    ask(ana, order)
    simulator.pay(Attempt.objects.get(order=order).out_trade_no)
    assert ask_now() == 1
    assert fresh(order).payment_status == "PAID"
    assert sync_due() == 0
