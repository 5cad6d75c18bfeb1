"""Notifications: what is believed, and each way in which one is not."""

import json
import socket
from dataclasses import replace
from urllib.parse import parse_qsl, urlencode

import pytest

from payments.gateways import GATEWAYS, accounts
from payments.gateways.base import Forged, RefundAsk
from payments.gateways.wechat import Wechat
from tests.payments.conftest import channel_of


@pytest.fixture(params=["native", "page"])
def paid(request, simulator, opened, ear):
    """A paid trade whose own notification has arrived: gateway, number, headers, body."""
    no = opened(request.param)
    simulator.pay(no)
    heard = ear.next()
    return GATEWAYS[channel_of(request.param)], no, heard.headers, heard.body


@pytest.fixture
def wechat_paid(simulator, opened, ear):
    no = opened("native")
    simulator.pay(no)
    heard = ear.next()
    return GATEWAYS["WECHAT"], no, heard.headers, heard.body


def refused(gateway, headers, body):
    with pytest.raises(Forged) as caught:
        gateway.parse_notification(headers, body)
    return caught.value.reason


def test_a_genuine_notification_tells_what_the_query_tells(paid):
    gateway, no, headers, body = paid
    notice = gateway.parse_notification(headers, body)
    seen, asked = notice.payment, gateway.query(no)
    assert notice.kind == "payment"
    assert (seen.out_trade_no, seen.state, seen.amount_minor, seen.gateway_txn_no, seen.paid_at) == (
        asked.out_trade_no,
        asked.state,
        asked.amount_minor,
        asked.gateway_txn_no,
        asked.paid_at,
    )


def test_retries_carry_the_same_key(paid, simulator):
    gateway, no, headers, body = paid
    first = gateway.parse_notification(headers, body).dedupe_key
    assert gateway.parse_notification(*simulator.notice(no)).dedupe_key == first


def test_header_names_may_come_in_any_case(paid):
    gateway, _, headers, body = paid
    gateway.parse_notification({name.upper(): value for name, value in headers.items()}, body)


def test_nobodys_signature_is_refused(paid, simulator):
    gateway, no, *_ = paid
    assert refused(gateway, *simulator.notice(no, "forged")) == "signature"


def test_a_raised_amount_is_refused(paid, simulator):
    gateway, no, *_ = paid
    assert refused(gateway, *simulator.notice(no, "tampered")) == "signature"


def test_another_merchants_genuine_notification_is_refused(paid, simulator):
    gateway, no, *_ = paid
    assert refused(gateway, *simulator.notice(no, "foreign")) == "merchant"


@pytest.mark.parametrize("body", [b"", b"{}", b"null", b"\xff\xfe", b"a=1&a", b"[" * 5000])
def test_rubbish_is_refused(body, paid):
    gateway, _, headers, _ = paid
    assert refused(gateway, headers, body) in {"shape", "signature"}


def test_a_wechat_notification_of_an_hour_ago_is_refused(wechat_paid, simulator):
    gateway, no, *_ = wechat_paid
    assert refused(gateway, *simulator.notice(no, "stale")) == "stale"


@pytest.mark.parametrize("stamp", ["", "now", "-1", "1e9", "٣", "99999999999999999999"])
def test_a_wechat_timestamp_that_is_none_is_refused(stamp, wechat_paid):
    gateway, _, headers, body = wechat_paid
    changed = {name.lower(): value for name, value in headers.items()} | {"wechatpay-timestamp": stamp}
    assert refused(gateway, changed, body) in {"stale", "headers"}


@pytest.mark.parametrize("name", ["signature", "timestamp", "nonce", "serial", "signature-type"])
def test_a_missing_wechat_header_is_refused(name, wechat_paid):
    gateway, _, headers, body = wechat_paid
    left = {key.lower(): value for key, value in headers.items() if key.lower() != f"wechatpay-{name}"}
    assert refused(gateway, left, body) == "headers"


def test_an_unknown_serial_is_refused_without_a_call_out(wechat_paid, simulator, monkeypatch):
    """The library would ask the gateway for certificates: one outbound call for each forged request."""
    gateway, no, *_ = wechat_paid
    headers, body = simulator.notice(no, "serial")
    called = []
    monkeypatch.setattr(socket.socket, "connect", lambda *address: called.append(address))
    assert refused(gateway, headers, body) == "serial"
    assert called == []


def test_an_envelope_our_key_does_not_open_is_refused(wechat_paid):
    """Signed for another merchant's APIv3 key."""
    _, _, headers, body = wechat_paid
    other = Wechat(lambda: replace(accounts.wechat(), apiv3_key="0" * 32))
    assert refused(other, headers, body) == "signature"


def test_another_kind_of_wechat_event_is_refused(wechat_paid, monkeypatch):
    gateway, _, headers, body = wechat_paid
    kinds = json.loads(body) | {"event_type": "TRANSACTION.PAYSCORE"}
    monkeypatch.setattr("wechatpayv3.core.rsa_verify", lambda *_: True)
    assert refused(gateway, headers, json.dumps(kinds).encode()) == "kind"


@pytest.mark.parametrize("amount", ["12.345", "12.3", "12", "-1.00", "1e3", "¥12.34", ""])
def test_an_alipay_amount_without_two_decimals_is_refused(amount, simulator, opened, monkeypatch):
    no = opened("page")
    simulator.pay(no)
    headers, body = simulator.notice(no)
    told = dict(parse_qsl(body.decode())) | {"total_amount": amount}
    monkeypatch.setattr("payments.gateways.alipay_signing.is_genuine", lambda *_: True)
    assert refused(GATEWAYS["ALIPAY"], headers, urlencode(told).encode()) == "amount"


@pytest.mark.parametrize("name", ["app_id", "seller_id"])
def test_an_alipay_notification_must_be_about_our_app_and_our_purse(name, simulator, opened, monkeypatch):
    no = opened("page")
    simulator.pay(no)
    headers, body = simulator.notice(no)
    told = dict(parse_qsl(body.decode())) | {name: "2088000000000009"}
    monkeypatch.setattr("payments.gateways.alipay_signing.is_genuine", lambda *_: True)
    assert refused(GATEWAYS["ALIPAY"], headers, urlencode(told).encode()) == "merchant"


@pytest.mark.parametrize("sign", ["", "%%%", "AAAA", "ä"])
def test_an_alipay_signature_that_is_no_base64_is_refused(sign, simulator, opened):
    no = opened("page")
    simulator.pay(no)
    headers, body = simulator.notice(no)
    told = dict(parse_qsl(body.decode())) | {"sign": sign}
    assert refused(GATEWAYS["ALIPAY"], headers, urlencode(told).encode()) == "signature"


@pytest.mark.parametrize("form", ["native", "page"])
def test_a_refund_notification_names_the_refund(form, simulator, opened, ear):
    no = opened(form)
    gateway = GATEWAYS[channel_of(form)]
    simulator.pay(no)
    ear.next()
    ask = RefundAsk(out_trade_no=no, out_refund_no=f"r{no}", amount_minor=1234, total_minor=1234, notify_url=ear.url)
    gateway.refund(ask)
    heard = ear.next()
    notice = gateway.parse_notification(heard.headers, heard.body)
    assert (notice.kind, notice.refund.out_refund_no, notice.refund.state) == ("refund", f"r{no}", "SUCCESS")
    assert notice.refund.amount_minor == (1234 if form == "native" else None), "Alipay tells the sum of all refunds"


def test_nobody_notifies_about_cash():
    assert refused(GATEWAYS["CASH"], {}, b"") == "kind"


def test_each_gateway_hears_what_ends_its_retries():
    assert tuple(GATEWAYS["WECHAT"].acknowledge(ok=True)) == (204, "application/json", b"")
    assert tuple(GATEWAYS["ALIPAY"].acknowledge(ok=True)) == (200, "text/plain", b"success")
    assert {GATEWAYS[channel].acknowledge(ok=False).status for channel in GATEWAYS} == {401}
