"""Whatever arrives, the simulator answers with a word and never with a failure of its own: it would look like a
gateway's fault that nobody asked for."""

import json
import random
import socket
from urllib.parse import urlencode

import pytest

from payments.simulator.faults import OPERATIONS
from payments.simulator.oracle import DOORS

SEEDS = range(8)
ODD = (
    None, True, False, 0, -1, 1.5, 1e308, float("inf"), 2**63, 10**30, "", " ", "\x00", "\ud800", "０１２", "x" * 5000,
    "牛肉面 🍜", "'\";--", "../../etc", "null", [], [[]], {}, {"": None}, ["a", 1], "2026-02-30", "9999-12-31",
    "0001-01-01", "2026-01-01T00:00:00", "NaN", "1e5", "-0.00", "00.10",
)  # fmt: skip
PATHS = (
    "/", "/v3/", "/v3", "/v3/pay/transactions/native", "/v3/pay/transactions/out-trade-no//close", "/v3/certificates",
    "/v3/refund/domestic/refunds/%00", "/v3/billdownload/file", "/v3/billdownload/file?token=%ff", "/gateway.do",
    "/gateway.do?method=alipay.trade.query", "/alipay/bill", "/alipay/bill?token=%00", "/scan", "/scan?code_url=%ff",
    "/cashier/", "/cashier/wechat/", "/cashier/x/y/z", "/cashier/wechat/%00?lang=%ff&redirect_url=%00", "/oracle/",
    "/oracle", "/oracle/trades/%ff", "/oracle/log?out_trade_no=%00", "/healthz/x", "/%2e%2e/etc/passwd", "//",
    "/?%ff=%ff",
)  # fmt: skip


@pytest.fixture(autouse=True)
def nothing_failed(simulator):
    """Whatever a test sent: nothing broke inside, and the simulator still knows what day it is."""
    yield
    failures = [line for line in simulator.ask("log")["log"] if line["what"] == "failure"]
    assert failures == []


def spoil(chance, document):
    """Replace, drop or add something somewhere in a document."""
    if isinstance(document, dict) and document and chance.random() < 0.8:
        spoiled = dict(document)
        name = chance.choice(sorted(spoiled))
        way = chance.random()
        if way < 0.2:
            del spoiled[name]
        elif way < 0.3:
            spoiled[chance.choice(["", "mchid", "payer", "amount", "x"])] = chance.choice(ODD)
        else:
            spoiled[name] = spoil(chance, spoiled[name])
        return spoiled
    return chance.choice(ODD)


def as_bytes(document):
    return json.dumps(document).encode("utf-8", "surrogatepass")


@pytest.mark.parametrize("seed", SEEDS)
def test_a_signed_request_to_wechat_with_any_content_is_answered(seed, simulator, merchant):
    chance, paid = random.Random(seed), merchant.number()
    merchant.ask_wechat("POST", "/v3/pay/transactions/native", merchant.order(paid)).raise_for_status()
    simulator.pay(paid)
    refund = {"out_trade_no": paid, "out_refund_no": "r1", "amount": {"refund": 1, "total": 1234, "currency": "CNY"}}
    for turn in range(40):
        order = merchant.order(f"{paid}{turn}", payer={"openid": "o1"}, time_expire="2099-01-01T00:00:00+08:00")
        order["scene_info"] = {"payer_client_ip": "203.0.113.7", "h5_info": {"type": "Wap"}}
        path, document = chance.choice([
            ("/v3/pay/transactions/native", order),
            ("/v3/pay/transactions/jsapi", order),
            ("/v3/pay/transactions/h5", order),
            ("/v3/refund/domestic/refunds", {**refund, "reason": "x", "notify_url": "http://127.0.0.1:9/"}),
            (f"/v3/pay/transactions/out-trade-no/{paid}/close", {"mchid": merchant.wechat["mchid"]}),
        ])  # fmt: skip
        answer = merchant.ask_wechat("POST", path, as_bytes(spoil(chance, document)))
        assert answer.status_code < 500, (path, answer.text)
        assert answer.headers["wechatpay-signature"]
    assert simulator.trade(paid)["refunded"] <= 1234


@pytest.mark.parametrize("seed", SEEDS)
def test_a_signed_request_to_alipay_with_any_content_is_answered(seed, simulator, merchant):
    chance, paid = random.Random(seed), merchant.number()
    content = {"out_trade_no": paid, "total_amount": "12.34", "subject": "noodles"}
    notify = {"notify_url": "http://127.0.0.1:9/callbacks"}
    merchant.ask_alipay("alipay.trade.precreate", content, **notify)
    simulator.pay(paid)
    for turn in range(40):
        method, document = chance.choice([
            ("alipay.trade.precreate",
             {**content, "out_trade_no": f"{paid}{turn}", "time_expire": "2099-01-01 00:00:00"}),
            ("alipay.trade.query", {"out_trade_no": paid, "trade_no": "20"}),
            ("alipay.trade.close", {"out_trade_no": paid}),
            ("alipay.trade.refund",
             {"out_trade_no": paid, "refund_amount": "0.01", "out_request_no": "r", "refund_reason": "x"}),
            ("alipay.trade.fastpay.refund.query",
             {"out_trade_no": paid, "out_request_no": "r", "query_options": ["gmt_refund_pay"]}),
            ("alipay.data.dataservice.bill.downloadurl.query", {"bill_type": "trade", "bill_date": "2026-01-01"}),
        ])  # fmt: skip
        spoiled = as_bytes(spoil(chance, document)).decode("utf-8", "surrogatepass")
        told = merchant.ask_alipay(method, spoiled, **notify)
        assert told["code"] in {"10000", "40001", "40002", "40004"}, told
    assert simulator.trade(paid)["refunded"] <= 1234


@pytest.mark.parametrize("path", PATHS)
@pytest.mark.parametrize("method", ["GET", "POST", "PUT", "DELETE", "HEAD", "OPTIONS"])
def test_every_path_is_answered_by_any_method(method, path, simulator):
    for content in (b"", b"{", b"\xff\xfe", b"decision=pay&x=%ff", b"[" * 5000):
        assert simulator.http.request(method, path, content=content).status_code < 500


@pytest.mark.parametrize("door", sorted({name for method, name in DOORS if method == "POST"} - {"reset", "rotate"}))
def test_the_oracle_answers_any_body(door, simulator, opened):
    no = opened("native")
    simulator.pay(no)
    chance = random.Random(door)
    usual = {
        "out_trade_no": no, "code_url": "weixin://wxpay/bizpayurl?pr=0", "amount": 1, "coupon": 0, "late": True,
        "advance": 1, "as": "", "refund": "", "out_refund_no": "r", "state": "SUCCESS", "notify": True, "lost": 0.5,
        "appId": "x", "timeStamp": "1", "nonceStr": "x", "package": "prepay_id=wx0", "signType": "RSA",
        "paySign": "AA==",
    }  # fmt: skip
    for _ in range(60):
        answer = simulator.http.post(f"/oracle/{door}", content=as_bytes(spoil(chance, usual)))
        assert answer.status_code < 500, answer.text
    assert simulator.tell("faults")["rules"] == {}
    assert simulator.trade(no)["captured"] == 1234


@pytest.mark.parametrize("odd", ["牛", "%0d%0aset-cookie:x=1", "%00", "é"])
def test_the_cashier_leads_on_from_any_address(odd, simulator, opened):
    token = simulator.trade(opened("native"))["token"]
    for address in (f"/cashier/{odd}/{token}", f"/cashier/wechat/{token}?redirect_url=https://shop.example/{odd}"):
        answer = simulator.http.post(address, data={"decision": "pay"})
        assert answer.status_code in {303, 409}
        assert "set-cookie" not in answer.headers


def test_the_oracle_answers_any_question(simulator):
    for door in sorted(name for method, name in DOORS if method == "GET"):
        for value in ("", "\x00", "x" * 3000, "%ff", "WECHAT", "牛"):
            for name in ("out_trade_no", "gateway", "code_url", "part", "x"):
                query = urlencode({name: value})
                assert simulator.http.get(f"/oracle/{door}?{query}").status_code < 500
        assert simulator.http.get(f"/oracle/{door}/%00/x").status_code < 500


@pytest.mark.parametrize(
    "authorization",
    [
        "", "WECHATPAY2-SHA256-RSA2048", "WECHATPAY2-SHA256-RSA2048 x", "Bearer x",
        'WECHATPAY2-SHA256-RSA2048 mchid="",nonce_str="",signature="",timestamp="",serial_no=""',
        'WECHATPAY2-SHA256-RSA2048 mchid="1",nonce_str="1",signature="AA",timestamp="²",serial_no="1"',
        'WECHATPAY2-SHA256-RSA2048 mchid="1",nonce_str="1",timestamp="' + "9" * 5000 + '",serial_no="1",signature="A"',
    ],
)  # fmt: skip
def test_any_authorization_but_the_merchants_is_refused(authorization, simulator, merchant):
    told = authorization.replace('mchid="1"', f'mchid="{merchant.wechat["mchid"]}"')
    told = told.replace('serial_no="1"', f'serial_no="{merchant.wechat["merchant_serial_no"]}"')
    answer = simulator.http.get("/v3/certificates", headers={"authorization": told.encode("utf-8")})
    assert (answer.status_code, answer.json()["code"]) == (401, "SIGN_ERROR")


def test_a_body_that_is_too_large_is_refused(simulator):
    answer = simulator.http.post("/gateway.do", content=b"x" * ((1 << 20) + 1))
    assert answer.status_code == 413


def test_a_caller_who_hangs_up_leaves_nothing_behind(simulator):
    host, port = simulator.url.removeprefix("http://").split(":")
    for request in (
        b"GET /healthz HTTP/1.1\r\n",
        b"POST /oracle/pay HTTP/1.1\r\ncontent-length: 100\r\n\r\nabc",
        b"\x00" * 99,
    ):
        with socket.create_connection((host, int(port))) as line:
            line.sendall(request)
    assert simulator.http.get("/healthz").status_code == 200


@pytest.mark.parametrize("operation", OPERATIONS)
def test_only_a_fault_makes_it_answer_5xx(operation, simulator, merchant):
    simulator.faults(error_before={"rate": 1, "on": operation})
    mchid, no = merchant.wechat["mchid"], merchant.number()
    method, path, body = {
        "create": ("POST", "/v3/pay/transactions/native", merchant.order(no)),
        "query": ("GET", f"/v3/pay/transactions/out-trade-no/{no}?mchid={mchid}", None),
        "close": ("POST", f"/v3/pay/transactions/out-trade-no/{no}/close", {"mchid": mchid}),
        "refund": ("POST", "/v3/refund/domestic/refunds", {}),
        "query_refund": ("GET", f"/v3/refund/domestic/refunds/{no}", None),
        "bill": ("GET", "/v3/bill/tradebill?bill_date=2026-01-01", None),
        "certificates": ("GET", "/v3/certificates", None),
    }[operation]
    assert merchant.ask_wechat(method, path, body).status_code == 500
    assert simulator.fired("error_before") == 1
    simulator.faults()
    assert merchant.ask_wechat(method, path, body).status_code < 500
