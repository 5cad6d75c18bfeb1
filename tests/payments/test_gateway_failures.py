"""A gateway that is slow, broken or lying: each fault really fires, and the port says what is known."""

import socket
from dataclasses import replace

import pytest

from bench.stand import free_port
from payments.gateways import GATEWAYS, accounts
from payments.gateways.accounts import WechatAccount
from payments.gateways.alipay import Alipay
from payments.gateways.base import Definitive, Misconfigured, RefundAsk, Resting, Unknown
from payments.gateways.breaker import Breaker
from payments.gateways.wechat import Wechat
from tests.payments.conftest import channel_of

BOTH = pytest.mark.parametrize("form", ["native", "qr"])


@BOTH
def test_an_error_before_processing_is_unknown_and_the_same_number_again_helps(form, simulator, ask):
    simulator.faults(error_before={"rate": 1, "on": "create", "times": 1})
    gateway, wanted = GATEWAYS[channel_of(form)], ask(form)
    with pytest.raises(Unknown):
        gateway.create(wanted)
    assert simulator.fired("error_before") == 1
    assert gateway.create(wanted).code_url


@BOTH
def test_an_error_after_processing_is_unknown_and_leaves_one_payment(form, simulator, ask):
    simulator.faults(error_after={"rate": 1, "on": "create", "times": 1})
    gateway, wanted = GATEWAYS[channel_of(form)], ask(form)
    with pytest.raises(Unknown):
        gateway.create(wanted)
    assert simulator.fired("error_after") == 1
    assert simulator.trade(wanted.out_trade_no)["state"] == "NOTPAY", "the gateway has it although we were told 502"
    assert gateway.create(wanted).code_url.endswith(simulator.trade(wanted.out_trade_no)["token"])


@BOTH
def test_a_broken_signature_on_a_good_answer_is_unknown(form, simulator, ask):
    """The payment exists: "failed" would be a lie that costs the buyer money."""
    simulator.faults(unsigned={"rate": 1, "on": "create", "times": 1})
    wanted = ask(form)
    with pytest.raises(Unknown):
        GATEWAYS[channel_of(form)].create(wanted)
    assert simulator.fired("unsigned") == 1
    assert simulator.trade(wanted.out_trade_no)["state"] == "NOTPAY"


@BOTH
def test_a_slow_answer_is_unknown(form, simulator, opened):
    no = opened(form)
    simulator.faults(latency={"rate": 1, "on": "query", "seconds": 1.5, "times": 1})
    with pytest.raises(Unknown):
        GATEWAYS[channel_of(form)].query(no)
    assert simulator.fired("latency") == 1
    assert GATEWAYS[channel_of(form)].query(no).state == "NOTPAY"


@BOTH
def test_a_lost_refund_answer_refunds_once(form, simulator, opened):
    no = opened(form)
    simulator.pay(no)
    simulator.faults(error_after={"rate": 1, "on": "refund", "times": 1})
    gateway = GATEWAYS[channel_of(form)]
    ask = RefundAsk(out_trade_no=no, out_refund_no=f"r{no}", amount_minor=1234, total_minor=1234)
    with pytest.raises(Unknown):
        gateway.refund(ask)
    assert simulator.fired("error_after") == 1
    assert gateway.refund(ask).state in {"PROCESSING", "SUCCESS"}
    assert simulator.trade(no)["refunded"] == 1234


@BOTH
def test_a_gateway_that_is_away_is_unknown(form, simulator, settings, ask):
    settings.SIMULATOR_URL = f"http://127.0.0.1:{free_port()}"
    with pytest.raises(Unknown):
        GATEWAYS[channel_of(form)].create(ask(form))


@BOTH
def test_proxy_variables_are_not_obeyed(form, simulator, ask, monkeypatch):
    for name in ("HTTP_PROXY", "http_proxy", "HTTPS_PROXY", "https_proxy", "ALL_PROXY", "all_proxy"):
        monkeypatch.setenv(name, f"http://127.0.0.1:{free_port()}")
    channel = channel_of(form)
    fresh = Wechat(accounts.wechat) if channel == "WECHAT" else Alipay(accounts.alipay)
    assert fresh.create(ask(form)).code_url


def test_five_failures_in_a_row_rest_the_channel_and_nothing_is_sent(simulator, opened):
    no = opened("native")
    simulator.faults(error_before=1)
    gateway = GATEWAYS["WECHAT"]
    for _ in range(5):
        assert gateway.is_available
        with pytest.raises(Unknown):
            gateway.query(no)
    assert not gateway.is_available
    with pytest.raises(Resting):
        gateway.query(no)
    assert simulator.fired("error_before") == 5, "the sixth call never left"
    assert GATEWAYS["ALIPAY"].is_available, "the other channel is offered"


def test_a_rested_channel_lets_one_call_try():
    breaker = Breaker("test", failures=1, rest_seconds=0)
    with pytest.raises(Unknown), breaker:
        raise Unknown("down")
    breaker_at_rest = Breaker("test", failures=1, rest_seconds=60)
    with pytest.raises(Unknown), breaker_at_rest:
        raise Unknown("down")
    with pytest.raises(Resting), breaker_at_rest:
        pytest.fail("a resting channel was called")
    with breaker:
        pass
    assert breaker.is_closed


def test_a_refusal_is_no_failure_of_the_channel():
    breaker = Breaker("test", failures=1, rest_seconds=60)
    with pytest.raises(Definitive), breaker:
        raise Definitive("ORDERPAID", "")
    assert breaker.is_closed


def test_a_strange_host_is_refused_unless_the_sandbox_is_on(simulator, settings, ask):
    settings.SANDBOX = False
    for channel in ("WECHAT", "ALIPAY"):
        with pytest.raises(Misconfigured, match="sandbox is off"):
            GATEWAYS[channel].create(ask(GATEWAYS[channel].forms[0]))


@pytest.mark.parametrize(
    "url",
    [
        "http://api.mch.weixin.qq.com",
        "https://api.mch.weixin.qq.com.evil.example",
        "https://api.mch.weixin.qq.com:8443",
        "https://user@api.mch.weixin.qq.com",
    ],
)
def test_only_the_gateways_own_hosts_are_official(url, settings):
    with pytest.raises(Misconfigured):
        accounts._address({"gateway_url": url}, "", sandbox=False)
    assert accounts._address({}, accounts.WECHAT_URL, sandbox=False) == "https://api.mch.weixin.qq.com"


def test_missing_keys_are_told_in_one_line(settings, tmp_path):
    settings.GATEWAY_DIR = tmp_path
    with pytest.raises(Misconfigured, match=r"merchant\.json is missing"):
        _ = GATEWAYS["WECHAT"].merchant_account


def test_secrets_are_not_shown(simulator):
    account = accounts.wechat()
    assert isinstance(account, WechatAccount)
    assert account.apiv3_key not in repr(account)
    assert "PRIVATE" not in repr(account) + repr(accounts.alipay())


def test_importing_the_table_needs_no_network_and_no_keys(settings, tmp_path, monkeypatch):
    monkeypatch.setattr(socket.socket, "connect", lambda *_: pytest.fail("a call went out"))
    settings.GATEWAY_DIR = tmp_path
    assert set(GATEWAYS) == {"WECHAT", "ALIPAY", "CASH"}


def test_an_answer_with_an_unknown_serial_is_unknown_and_asks_for_no_certificates(simulator, opened):
    """In public-key mode there are none to ask for: the library would call out for each such answer."""
    no = opened("native")
    own = accounts.wechat()
    key = own.public_keys[own.public_key_id]
    other = Wechat(lambda: replace(own, public_key_id="PUB_KEY_ID_OTHER", platform_keys=(("PUB_KEY_ID_OTHER", key),)))
    with pytest.raises(Unknown):
        other.query(no)
    assert [line for line in simulator.ask("log")["log"] if line.get("operation") == "certificates"] == []
