"""The simulator answers as the gateways' documents say: codes, states, fields. Asked by hand, not by our adapters."""

import base64
import secrets
import time
from urllib.parse import parse_qsl, urlsplit

import pytest

from payments.gateways import alipay_signing
from tests.payments.conftest import until

NATIVE = "/v3/pay/transactions/native"
REFUNDS = "/v3/refund/domestic/refunds"
PRECREATE, QUERY, CLOSE = "alipay.trade.precreate", "alipay.trade.query", "alipay.trade.close"
REFUND, REFUND_QUERY = "alipay.trade.refund", "alipay.trade.fastpay.refund.query"


def said(answer):
    return answer.status_code, answer.json().get("code")


@pytest.fixture
def wechat(simulator, merchant):
    """An open native payment at WeChat Pay: its number."""
    no = merchant.number()
    merchant.ask_wechat("POST", NATIVE, merchant.order(no)).raise_for_status()
    return no


@pytest.fixture
def alipay(simulator, merchant):
    """A scanned QR payment at Alipay: its number."""
    no = merchant.number()
    content = {"out_trade_no": no, "total_amount": "12.34", "subject": "noodles"}
    code = merchant.ask_alipay(PRECREATE, content, notify_url="http://127.0.0.1:9/callbacks")["qr_code"]
    simulator.http.get("/scan", params={"code_url": code}, follow_redirects=True).raise_for_status()
    return no


def wechat_refund(no, number="r1", amount=100, total=1234, **more):
    return {
        "out_trade_no": no,
        "out_refund_no": number,
        "amount": {"refund": amount, "total": total, "currency": "CNY"},
        **more,
    }


def alipay_refund(no, number="r1", amount="1.00"):
    return {"out_trade_no": no, "out_request_no": number, "refund_amount": amount}


class TestWechat:
    """WeChat Pay API v3."""

    def query(self, merchant, no):
        return merchant.ask_wechat(
            "GET", f"/v3/pay/transactions/out-trade-no/{no}?mchid={merchant.wechat['mchid']}"
        ).json()

    def close(self, merchant, no):
        body = {"mchid": merchant.wechat["mchid"]}
        return merchant.ask_wechat("POST", f"/v3/pay/transactions/out-trade-no/{no}/close", body)

    def test_an_unpaid_trade_tells_no_number_and_no_moment(self, merchant, wechat):
        told = self.query(merchant, wechat)
        assert told["trade_state"] == "NOTPAY"
        assert not {"transaction_id", "success_time", "payer"} & set(told)

    def test_a_paid_trade_is_found_by_both_numbers(self, simulator, merchant, wechat):
        simulator.pay(wechat)
        told = self.query(merchant, wechat)
        assert (told["trade_state"], told["trade_type"], len(told["transaction_id"])) == ("SUCCESS", "NATIVE", 28)
        path = f"/v3/pay/transactions/id/{told['transaction_id']}?mchid={merchant.wechat['mchid']}"
        assert merchant.ask_wechat("GET", path).json() == told

    def test_a_refunded_trade_is_in_state_refund_and_was_paid(self, simulator, merchant, wechat):
        simulator.pay(wechat)
        merchant.ask_wechat("POST", REFUNDS, wechat_refund(wechat)).raise_for_status()
        told = self.query(merchant, wechat)
        assert (told["trade_state"], told["amount"]["total"]) == ("REFUND", 1234)
        assert told["success_time"]

    def test_a_coupon_lowers_what_the_payer_pays_and_not_the_total(self, simulator, merchant, wechat):
        simulator.pay(wechat, coupon=200)
        told = self.query(merchant, wechat)
        assert (told["amount"]["total"], told["amount"]["payer_total"]) == (1234, 1034)
        assert [coupon["amount"] for coupon in told["promotion_detail"]] == [200]

    def test_closing_says_nothing_and_closing_again_says_so(self, merchant, wechat):
        first = self.close(merchant, wechat)
        assert (first.status_code, first.content) == (204, b"")
        assert said(self.close(merchant, wechat)) == (400, "ORDER_CLOSED")
        assert said(merchant.ask_wechat("POST", NATIVE, merchant.order(wechat))) == (400, "ORDER_CLOSED")

    def test_closing_a_paid_trade_says_orderpaid(self, simulator, merchant, wechat):
        simulator.pay(wechat)
        assert said(self.close(merchant, wechat)) == (400, "ORDERPAID")
        assert said(merchant.ask_wechat("POST", NATIVE, merchant.order(wechat))) == (400, "ORDERPAID")

    def test_a_number_is_used_for_one_amount(self, merchant, wechat):
        other = merchant.order(wechat, amount={"total": 1235, "currency": "CNY"})
        assert said(merchant.ask_wechat("POST", NATIVE, other)) == (403, "OUT_TRADE_NO_USED")
        assert merchant.ask_wechat("POST", NATIVE, merchant.order(wechat)).status_code == 200

    def test_an_unknown_trade_and_an_unknown_refund_have_their_own_words(self, merchant, simulator):
        path = f"/v3/pay/transactions/out-trade-no/nobody1?mchid={merchant.wechat['mchid']}"
        assert said(merchant.ask_wechat("GET", path)) == (404, "ORDER_NOT_EXIST")
        assert said(merchant.ask_wechat("GET", f"{REFUNDS}/nobody1")) == (404, "RESOURCE_NOT_EXISTS")
        assert said(merchant.ask_wechat("POST", REFUNDS, wechat_refund("nobody1"))) == (404, "RESOURCE_NOT_EXISTS")

    @pytest.mark.parametrize(
        "changes",
        [
            {"amount": 1235},
            {"total": 1235},
            {"amount": 0},
            {"amount": -1},
            {"amount": "1"},
            {"amount": True},
            {"number": "with space"},
            {"number": ""},
            {"reason": "x" * 81},
            {"notify_url": "https://shop.example/?x=1"},
        ],
        ids=str,
    )
    def test_a_refund_that_is_wrong_is_refused(self, changes, simulator, merchant, wechat):
        simulator.pay(wechat)
        status, code = said(merchant.ask_wechat("POST", REFUNDS, wechat_refund(wechat, **changes)))
        assert (status, code in {"PARAM_ERROR", "INVALID_REQUEST"}) == (400, True)
        assert simulator.trade(wechat)["refunds"] == []

    def test_a_refund_number_is_used_for_one_amount_and_one_trade(self, simulator, merchant, wechat):
        simulator.pay(wechat)
        merchant.ask_wechat("POST", REFUNDS, wechat_refund(wechat)).raise_for_status()
        assert said(merchant.ask_wechat("POST", REFUNDS, wechat_refund(wechat, amount=99))) == (400, "INVALID_REQUEST")
        other = merchant.number()
        merchant.ask_wechat("POST", NATIVE, merchant.order(other)).raise_for_status()
        simulator.pay(other)
        assert said(merchant.ask_wechat("POST", REFUNDS, wechat_refund(other))) == (400, "INVALID_REQUEST")

    def test_nothing_is_given_back_after_a_year(self, simulator, merchant, wechat):
        simulator.pay(wechat)
        simulator.tell("clock", advance=366 * 86400)
        assert said(merchant.ask_wechat("POST", REFUNDS, wechat_refund(wechat))) == (400, "INVALID_REQUEST")

    @pytest.mark.parametrize(
        ("form", "changes", "field"),
        [
            ("jsapi", {}, "payer"),
            ("jsapi", {"payer": {"openid": ""}}, "payer"),
            ("jsapi", {"payer": {"openid": "o" * 129}}, "payer"),
            ("h5", {}, "scene_info"),
            ("h5", {"scene_info": {"payer_client_ip": "203.0.113.7"}}, "scene_info"),
            ("native", {"out_trade_no": "short"}, "out_trade_no"),
            ("native", {"appid": "wx0"}, "appid"),
            ("native", {"mchid": "1900000001"}, "mchid"),
            ("native", {"time_expire": "2020-01-01T00:00:00+08:00"}, "time_expire"),
            ("native", {"time_expire": "2099-01-01T00:00:00"}, "time_expire"),
            ("native", {"time_expire": "2099-01-01"}, "time_expire"),
            ("native", {"description": "x" * 128}, "description"),
        ],
    )
    def test_a_create_request_that_is_wrong_is_told_which_field(self, form, changes, field, merchant):
        answer = merchant.ask_wechat(
            "POST", f"/v3/pay/transactions/{form}", {**merchant.order(merchant.number()), **changes}
        )
        assert said(answer) == (400, "PARAM_ERROR")
        assert field in answer.json()["message"]

    def test_a_mini_program_pays_with_a_package_that_we_signed(self, simulator, merchant):
        no = merchant.number()
        order = merchant.order(no, payer={"openid": "oUpF8uMuAJO_M2pxb1Q9zNjWeS6o"})
        prepay = merchant.ask_wechat("POST", "/v3/pay/transactions/jsapi", order).json()["prepay_id"]
        package = signed_package(simulator, merchant, prepay)
        forged = {**package, "paySign": base64.b64encode(secrets.token_bytes(256)).decode()}
        assert simulator.http.post("/oracle/request_payment", json=forged).status_code == 400
        assert simulator.trade(no)["state"] == "NOTPAY"
        assert simulator.tell("request_payment", **package)["errMsg"] == "requestPayment:ok"
        told = self.query(merchant, no)
        assert (told["trade_type"], told["payer"]["openid"]) == ("JSAPI", "oUpF8uMuAJO_M2pxb1Q9zNjWeS6o")

    def test_a_mini_programs_package_leads_to_the_cashier_too(self, simulator, merchant):
        order = merchant.order(merchant.number(), payer={"openid": "o1"})
        prepay = merchant.ask_wechat("POST", "/v3/pay/transactions/jsapi", order).json()["prepay_id"]
        page = simulator.http.get("/scan", params={"code_url": f"prepay_id={prepay}"}, follow_redirects=True)
        assert 'data-state="open"' in page.text

    def test_a_bill_is_for_the_merchant_only_and_for_minutes(self, simulator, merchant, wechat):
        simulator.pay(wechat)
        simulator.tell("clock", advance=86400)
        day = time.strftime("%Y-%m-%d", time.gmtime(time.time() + 8 * 3600))
        told = merchant.ask_wechat("GET", f"/v3/bill/tradebill?bill_date={day}").json()
        link = urlsplit(told["download_url"])
        assert simulator.http.get(told["download_url"]).status_code == 401
        plain = merchant.ask_wechat("GET", f"{link.path}?{link.query}")
        assert wechat in plain.text, "not packed unless asked"
        assert "wechatpay-signature" not in plain.headers
        assert merchant.ask_wechat("GET", f"{link.path}?token=0").status_code == 400


def signed_package(simulator, merchant, prepay_id):
    """What our adapter hands to a mini-program, signed by its own code."""
    told = {
        "appId": merchant.wechat["appid"],
        "timeStamp": str(int(time.time())),
        "nonceStr": secrets.token_hex(16),
        "package": f"prepay_id={prepay_id}",
    }
    lines = "".join(f"{told[name]}\n" for name in ("appId", "timeStamp", "nonceStr", "package"))
    pem = (simulator.gateway_dir / "wechat_merchant_private.pem").read_text()
    return {**told, "signType": "RSA", "paySign": alipay_signing.sign(lines.encode(), pem)}


class TestAlipay:
    """alipay.trade.*, version 1.0."""

    def test_an_unscanned_code_is_no_trade_yet(self, merchant):
        no = merchant.number()
        content = {"out_trade_no": no, "total_amount": "12.34", "subject": "noodles"}
        merchant.ask_alipay(PRECREATE, content, notify_url="http://127.0.0.1:9/callbacks")
        for method in (QUERY, CLOSE, REFUND):
            told = merchant.ask_alipay(method, alipay_refund(no))
            assert (told["code"], told["sub_code"]) == ("40004", "ACQ.TRADE_NOT_EXIST")

    def test_a_scanned_one_waits_for_the_buyer_and_has_its_number(self, simulator, merchant, alipay):
        told = merchant.ask_alipay(QUERY, {"out_trade_no": alipay})
        assert (told["trade_status"], len(told["trade_no"])) == ("WAIT_BUYER_PAY", 28)
        assert "send_pay_date" not in told
        simulator.pay(alipay)
        paid = merchant.ask_alipay(QUERY, {"trade_no": told["trade_no"]})
        assert (paid["trade_status"], paid["out_trade_no"]) == ("TRADE_SUCCESS", alipay)
        assert paid["send_pay_date"]

    def test_a_trade_is_finished_after_a_year(self, simulator, merchant, alipay):
        simulator.pay(alipay)
        simulator.tell("clock", advance=366 * 86400)
        assert merchant.ask_alipay(QUERY, {"out_trade_no": alipay})["trade_status"] == "TRADE_FINISHED"
        assert merchant.ask_alipay(REFUND, alipay_refund(alipay))["sub_code"] == "ACQ.TRADE_HAS_FINISHED"

    def test_closing_twice_and_closing_a_paid_trade_are_refused(self, simulator, merchant, alipay):
        assert merchant.ask_alipay(CLOSE, {"out_trade_no": alipay})["code"] == "10000"
        assert merchant.ask_alipay(CLOSE, {"out_trade_no": alipay})["sub_code"] == "ACQ.TRADE_STATUS_ERROR"
        assert merchant.ask_alipay(QUERY, {"out_trade_no": alipay})["trade_status"] == "TRADE_CLOSED"

    def test_a_repeated_refund_moves_nothing_and_says_so(self, simulator, merchant, alipay):
        simulator.pay(alipay)
        first = merchant.ask_alipay(REFUND, alipay_refund(alipay))
        again = merchant.ask_alipay(REFUND, alipay_refund(alipay))
        assert (first["fund_change"], first["refund_fee"]) == ("Y", "1.00")
        assert (again["fund_change"], again["refund_fee"]) == ("N", "1.00")
        other = merchant.ask_alipay(REFUND, alipay_refund(alipay, amount="1.01"))
        assert other["sub_code"] == "ACQ.DISCORDANT_REPEAT_REQUEST"

    def test_refund_fee_is_the_sum_of_all_refunds(self, simulator, merchant, alipay):
        simulator.pay(alipay)
        merchant.ask_alipay(REFUND, alipay_refund(alipay))
        assert merchant.ask_alipay(REFUND, alipay_refund(alipay, "r2", "0.34"))["refund_fee"] == "1.34"
        told = merchant.ask_alipay(REFUND_QUERY, {"out_trade_no": alipay, "out_request_no": "r2"})
        assert (told["refund_status"], told["refund_amount"]) == ("REFUND_SUCCESS", "0.34")
        assert "gmt_refund_pay" not in told, "only when asked for"

    def test_without_a_number_the_whole_is_given_back_once(self, simulator, merchant, alipay):
        simulator.pay(alipay)
        part = {"out_trade_no": alipay, "refund_amount": "1.00"}
        assert merchant.ask_alipay(REFUND, part)["sub_code"] == "ACQ.REFUND_AMT_NOT_EQUAL_TOTAL"
        whole = {"out_trade_no": alipay, "refund_amount": "12.34"}
        assert merchant.ask_alipay(REFUND, whole)["fund_change"] == "Y"
        assert merchant.ask_alipay(REFUND, whole)["fund_change"] == "N"
        assert merchant.ask_alipay(QUERY, {"out_trade_no": alipay})["trade_status"] == "TRADE_CLOSED"

    @pytest.mark.parametrize("amount", ["12.35", "0.00", "-1.00", "1.005", "1e1", 1.0, None, ""])
    def test_an_amount_that_is_wrong_gives_nothing_back(self, amount, simulator, merchant, alipay):
        simulator.pay(alipay)
        assert merchant.ask_alipay(REFUND, alipay_refund(alipay, amount=amount))["code"] == "40004"
        assert simulator.trade(alipay)["refunds"] == []

    @pytest.mark.parametrize(
        ("name", "code"),
        [
            ("app_id", "isv.missing-app-id"),
            ("sign", "isv.missing-signature"),
            ("sign_type", "isv.missing-signature-type"),
            ("timestamp", "isv.missing-timestamp"),
            ("version", "isv.missing-version"),
        ],
    )
    def test_a_missing_parameter_is_named(self, name, code, simulator, merchant):
        params = merchant.signed(QUERY, {"out_trade_no": "x"})
        del params[name]
        told = simulator.http.post("/gateway.do", data=params).json()["alipay_trade_query_response"]
        assert (told["code"], told["sub_code"]) == ("40001", code)

    @pytest.mark.parametrize(
        ("change", "code"),
        [
            ({"app_id": "2021000000000001"}, "isv.invalid-app-id"),
            ({"timestamp": "2020-01-01 00:00:00"}, "isv.invalid-timestamp"),
            ({"timestamp": "now"}, "isv.invalid-timestamp"),
            ({"sign_type": "RSA"}, "isv.invalid-signature"),
        ],
    )
    def test_a_wrong_parameter_is_named(self, change, code, merchant):
        assert merchant.ask_alipay(QUERY, {"out_trade_no": "x"}, **change)["sub_code"] == code

    def test_a_changed_parameter_breaks_the_signature(self, simulator, merchant, alipay):
        params = merchant.signed(CLOSE, {"out_trade_no": alipay})
        params["biz_content"] = params["biz_content"].replace(alipay, alipay + "0")
        told = simulator.http.post("/gateway.do", data=params).json()["alipay_trade_close_response"]
        assert told["sub_code"] == "isv.invalid-signature"

    def test_the_way_back_is_signed_and_names_its_own_method(self, simulator, merchant):
        content = {"out_trade_no": merchant.number(), "total_amount": "12.34", "subject": "noodles"}
        urls = {"notify_url": "http://127.0.0.1:9/callbacks", "return_url": "http://127.0.0.1:9/orders/x/"}
        opened = simulator.http.get(merchant.alipay_address("alipay.trade.wap.pay", content, **urls))
        paid = simulator.http.post(opened.headers["location"], data={"decision": "pay"})
        told = dict(parse_qsl(urlsplit(paid.headers["location"]).query))
        assert told["method"] == "alipay.trade.wap.pay.return"
        signed = alipay_signing.canonical(told, leave_out=frozenset({"sign", "sign_type"}))
        public = (simulator.gateway_dir / "alipay_platform_public.pem").read_text()
        assert alipay_signing.is_genuine(signed, told["sign"], public)
        until(lambda: simulator.trade(content["out_trade_no"])["letters"][0]["tries"])
