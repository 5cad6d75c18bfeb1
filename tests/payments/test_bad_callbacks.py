"""Each letter that must not be believed: 401, kept, counted; nothing changes and nobody is asked.

And genuine letters that say something strange: kept, and never given to an order.
"""

from urllib.parse import parse_qsl, urlencode

import httpx
import pytest
import requests

from payments import inbox
from payments.models import Attempt, Difference, InboxEntry, LedgerEntry
from tests.payments.letters import alipay_letter, wechat_letter, wechat_payment
from tests.payments.paying import fresh, refunds_of, refused_letters, start, types_of

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture
def trade(simulator, make_order):
    """An open attempt by each channel, paid at the gateway; no notification of it ever arrives by itself."""

    def make(channel):
        simulator.faults(lost=1)
        order = make_order(paid=False)
        attempt = start(order, channel)
        if attempt.redirect_url:
            simulator.http.get(attempt.redirect_url, follow_redirects=True).raise_for_status()
        simulator.pay(attempt.out_trade_no)
        return order, attempt

    return make


@pytest.fixture
def post(client, monkeypatch):
    """Hand a letter in; fails when that made us ask anybody anything."""

    def send(channel, letter, **more):
        headers, body = letter
        kind = {name.lower(): value for name, value in headers.items()}.get("content-type", "")
        with monkeypatch.context() as watched:
            for library in (requests.Session, httpx.Client):
                watched.setattr(library, "send", lambda *args, **_: pytest.fail("a refused letter made a call"))
            return client.post(
                f"/callbacks/{channel.lower()}", body, **{"content_type": kind, "headers": headers, **more}
            )

    return send


def without(letter, name):
    headers, body = letter
    return {key: value for key, value in headers.items() if key.lower() != name}, body


def with_header(letter, name, value):
    headers, body = without(letter, name)
    return {**headers, name: value}, body


def as_form(letter, **changes):
    headers, body = letter
    return headers, urlencode({**dict(parse_qsl(body.decode())), **changes}).encode()


WECHAT = {
    "nobody's signature": (lambda make: make("forged"), "signature"),
    "a raised amount": (lambda make: make("tampered"), "signature"),
    "an hour old": (lambda make: make("stale"), "stale"),
    "an unknown key": (lambda make: make("serial"), "serial"),
    "another merchant's": (lambda make: make("foreign"), "merchant"),
    "no signature": (lambda make: without(make(), "wechatpay-signature"), "headers"),
    "no timestamp": (lambda make: without(make(), "wechatpay-timestamp"), "headers"),
    "no nonce": (lambda make: without(make(), "wechatpay-nonce"), "headers"),
    "no serial": (lambda make: without(make(), "wechatpay-serial"), "headers"),
    "no signature type": (lambda make: without(make(), "wechatpay-signature-type"), "headers"),
    "no base64": (lambda make: with_header(make(), "wechatpay-signature", "%%%"), "signature"),
    "another algorithm": (lambda make: with_header(make(), "wechatpay-signature-type", "HMAC-SHA256"), "signature"),
    "another timestamp": (lambda make: with_header(make(), "wechatpay-timestamp", "1700000000"), "stale"),
    "no body": (lambda make: (make()[0], b""), "signature"),
    "rubbish": (lambda make: (make()[0], b"\xff\x00\xfe"), "shape"),
    "too long": (lambda make: (make()[0], make()[1] + b" " * 70_000), "shape"),
    "a form": (lambda make: ({**make()[0], "content-type": "multipart/form-data; boundary=x"}, b"--x--"), "signature"),
}
ALIPAY = {
    "nobody's signature": (lambda make: make("forged"), "signature"),
    "a raised amount": (lambda make: make("tampered"), "signature"),
    "another merchant's": (lambda make: make("foreign"), "merchant"),
    "no signature": (lambda make: as_form(make(), sign=""), "signature"),
    "no base64": (lambda make: as_form(make(), sign="%%%"), "signature"),
    "another algorithm": (lambda make: as_form(make(), sign_type="RSA"), "signature"),
    "another state": (lambda make: as_form(make(), trade_status="TRADE_CLOSED"), "signature"),
    "one more field": (lambda make: as_form(make(), refund_fee="1.00"), "signature"),
    "a field twice": (lambda make: (make()[0], b"total_amount=0.01&" + make()[1]), "shape"),
    "no body": (lambda make: (make()[0], b""), "signature"),
    "JSON": (lambda make: ({"content-type": "application/json"}, b'{"app_id": "x"}'), "shape"),
    "a hundred fields and one": (lambda make: (make()[0], "&".join(f"f{n}=1" for n in range(101)).encode()), "shape"),
    "rubbish": (lambda make: (make()[0], b"\xff\xfe"), "shape"),
    "too long": (lambda make: (make()[0], make()[1] + b"&pad=" + b"x" * 70_000), "shape"),
}
CASES = [("WECHAT", name) for name in WECHAT] + [("ALIPAY", name) for name in ALIPAY]


@pytest.mark.parametrize(("channel", "case"), CASES)
def test_a_letter_that_is_not_believed_changes_nothing(channel, case, trade, post, simulator):
    order, attempt = trade(channel)
    bend, reason = {"WECHAT": WECHAT, "ALIPAY": ALIPAY}[channel][case]
    letter = bend(lambda variant="": simulator.notice(attempt.out_trade_no, variant))
    calls = len(simulator.ask("log")["log"])

    answer = post(channel, letter)

    assert answer.status_code == 401
    assert [why.partition(":")[0] for why in refused_letters()] == [reason]
    assert inbox.refused_counts() == {f"{channel} {reason}": 1}
    assert (fresh(order).payment_status, fresh(attempt).state) == ("UNPAID", "PENDING")
    assert InboxEntry.objects.filter(verified=True, source="NOTIFY").count() == 0
    assert len(simulator.ask("log")["log"]) == calls
    assert types_of(order) == ["order.placed", "order.payment_started"]


PAID = "TRANSACTION.SUCCESS"
SIGNED_WECHAT = {
    "another event": (lambda no: (wechat_payment(no), "TRANSACTION.PAYSCORE"), "kind"),
    "a success that is none": (lambda no: (wechat_payment(no, trade_state="NOTPAY"), PAID), "kind"),
    "another app": (lambda no: (wechat_payment(no, appid="wx0000000000000000"), PAID), "merchant"),
    "another mchid": (lambda no: (wechat_payment(no, mchid="1900000009"), PAID), "merchant"),
    "no amount": (lambda no: (wechat_payment(no, amount={}), PAID), "shape"),
    "an amount in yuan": (lambda no: (wechat_payment(no, amount={"total": 12.34}), PAID), "shape"),
    "a text for an amount": (lambda no: (wechat_payment(no, amount={"total": "1"}), PAID), "shape"),
    "nothing": (lambda no: (wechat_payment(no, amount={"total": 0}), PAID), "shape"),
    "less than nothing": (lambda no: (wechat_payment(no, amount={"total": -1}), PAID), "shape"),
    "no currency": (lambda no: (wechat_payment(no, amount={"total": 1, "currency": "¥"}), PAID), "shape"),
    "no number of theirs": (lambda no: (wechat_payment(no, transaction_id=""), PAID), "shape"),
    "an amount that is none": (lambda no: (wechat_payment(no, amount="all"), PAID), "shape"),
}
SIGNED_ALIPAY = {
    "three decimals": ({"total_amount": "12.345"}, "amount"),
    "one decimal": ({"total_amount": "12.3"}, "amount"),
    "no amount": ({"total_amount": ""}, "amount"),
    "another app": ({"app_id": "2021000000000009"}, "merchant"),
    "another purse": ({"seller_id": "2088000000000009"}, "merchant"),
    "no purse": ({"seller_id": ""}, "merchant"),
    "another event": ({"notify_type": "dut_user_sign"}, "kind"),
    "another state": ({"trade_status": "TRADE_PENDING"}, "shape"),
    "no number of theirs": ({"trade_no": ""}, "shape"),
    "a zero byte": ({"notify_type": "\x00"}, "kind"),
}


@pytest.mark.parametrize("case", SIGNED_WECHAT)
def test_a_genuine_letter_of_wechat_that_says_something_else_changes_nothing(case, trade, post, simulator):
    """Signed and sealed as it should be: what the library does not look at."""
    order, attempt = trade("WECHAT")
    write, reason = SIGNED_WECHAT[case]
    answer = post("WECHAT", wechat_letter(simulator, *write(attempt.out_trade_no)))
    assert answer.status_code == 401
    assert [why.partition(":")[0] for why in refused_letters()] == [reason]
    assert (fresh(order).payment_status, fresh(attempt).state) == ("UNPAID", "PENDING")


@pytest.mark.parametrize("case", SIGNED_ALIPAY)
def test_a_genuine_letter_of_alipay_that_says_something_else_changes_nothing(case, trade, post, simulator):
    order, attempt = trade("ALIPAY")
    fields, reason = SIGNED_ALIPAY[case]
    answer = post("ALIPAY", alipay_letter(simulator, **{"out_trade_no": attempt.out_trade_no, **fields}))
    assert (answer.status_code, answer.content) == (401, b"failure")
    assert [why.partition(":")[0] for why in refused_letters()] == [reason]
    assert (fresh(order).payment_status, fresh(attempt).state) == ("UNPAID", "PENDING")


def test_another_currency_is_recorded_never_applied_and_goes_back(trade, post, simulator):
    order, attempt = trade("WECHAT")
    amount = {"total": order.total_minor, "currency": "USD"}
    letter = wechat_letter(simulator, wechat_payment(attempt.out_trade_no, amount=amount))
    assert post("WECHAT", letter).status_code == 204
    attempt = fresh(attempt)
    assert (attempt.disposition, attempt.paid_currency, fresh(order).payment_status) == ("MISMATCH", "USD", "UNPAID")
    assert [refund.reason for refund in refunds_of(attempt)] == ["MISMATCH"]


@pytest.mark.parametrize("channel", ["WECHAT", "ALIPAY"])
def test_money_under_a_number_nobody_knows_is_kept_and_put_before_support(channel, post, simulator, caplog):
    no = "never-ours-1"
    if channel == "WECHAT":
        letter = wechat_letter(simulator, wechat_payment(no))
    else:
        letter = alipay_letter(simulator, out_trade_no=no)
    for _ in range(2):
        assert post(channel, letter).status_code in {200, 204}
    [kept] = InboxEntry.objects.filter(source="NOTIFY")
    assert (kept.verified, kept.out_trade_no, kept.processed_at) == (True, no, None)
    [found] = Difference.objects.all()
    assert (found.kind, found.state, found.theirs_minor) == ("GATEWAY_ONLY", "OPEN", 1234)
    assert [line.levelname for line in caplog.records if no in line.getMessage()][:1] == ["ERROR"]
    assert (Attempt.objects.count(), LedgerEntry.objects.count()) == (0, 0)


def test_a_number_longer_than_ours_ever_are_is_an_orphan_too(post, simulator):
    no = "another-system-" + "9" * 45
    assert post("ALIPAY", alipay_letter(simulator, out_trade_no=no)).status_code == 200
    assert Difference.objects.get().theirs_minor == 1234


def test_a_repeated_letter_of_alipay_is_answered_success_each_time(trade, post, simulator):
    order, attempt = trade("ALIPAY")
    letter = simulator.notice(attempt.out_trade_no)
    for _ in range(3):
        answer = post("ALIPAY", letter)
        assert (answer.status_code, answer.content) == (200, b"success")
    assert types_of(order).count("order.paid") == 1


def test_a_flood_is_counted_and_does_not_fill_the_disk(post, simulator, monkeypatch):
    monkeypatch.setattr(inbox, "FORGED", inbox.FORGED._replace(per_minute=1, burst=3))
    monkeypatch.setattr(inbox, "wait_ms", lambda key, limit, wait=inbox.wait_ms: wait(f"{key}-flood", limit))
    answers = [post("WECHAT", ({"content-type": "application/json"}, b"{}")).status_code for _ in range(8)]
    assert answers == [401] * 8
    assert inbox.refused_counts() == {"WECHAT headers": 3}


def test_however_much_is_sent_little_of_it_is_kept(post):
    """Rows are for ever: what anybody may send in a day, both doors together, fits on any disk."""
    post("WECHAT", ({"content-type": "application/json"}, b"x" * 60_000))
    assert len(InboxEntry.objects.get().body) == inbox.FORGED_BYTES
    rows = 24 * 60 * inbox.FORGED.per_minute + inbox.FORGED.burst
    assert 2 * rows * (inbox.FORGED_BYTES + 1_024) < 400 * 1024 * 1024


def test_only_a_post_is_a_letter(client):
    for method in (client.get, client.put, client.delete):
        assert method("/callbacks/wechat").status_code == 405
    assert InboxEntry.objects.count() == 0


def test_a_browser_without_our_token_may_post_a_letter(simulator, trade, client, cast):
    """Gateways know no CSRF token; the signature is what counts."""
    client.handler.enforce_csrf_checks = True
    order, attempt = trade("WECHAT")
    headers, body = simulator.notice(attempt.out_trade_no)
    assert client.post("/callbacks/wechat", body, content_type="application/json", headers=headers).status_code == 204
    assert fresh(order).payment_status == "PAID"
