"""Our Alipay adapter against a library that others wrote and use: each must believe what the other signs.

The library stands in a Python of its own (see the Makefile), since it exists as source only; a pipe asks it.
"""

import json
import subprocess
from datetime import UTC, datetime, timedelta
from pathlib import Path
from urllib.parse import parse_qsl, urlencode, urlsplit

import pytest
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat, PublicFormat
from hypothesis import given, settings
from hypothesis import strategies as st

from payments.gateways import GATEWAYS, accounts
from payments.gateways import alipay_signing as signing
from payments.gateways.alipay import Alipay
from payments.gateways.alipay_answers import fen, yuan
from payments.gateways.alipay_client import Client
from payments.gateways.base import Create, Forged, Unknown
from payments.gateways.breaker import Breaker
from tests.payments.letters import platform_key

PROJECT = Path(__file__).resolve().parents[2]
PYTHON = PROJECT / ".venv" / "oracle" / "bin" / "python"
MADE = PROJECT / ".venv" / "oracle" / ".installed"
NODE = "alipay_trade_query_response"
SUBJECTS = [
    "牛肉面 #12",
    "a brace } in it",
    "{{{ and }}}",
    'a "quote" and a \\ backslash',
    "plus + percent % hash # semi ;",
    "emoji 🍜 and ß",
    "line\nbreak\ttab",
    "<script>alert('x')</script>",
]
TEXT = st.text(st.characters(exclude_categories=["Cs", "Cc"]), min_size=1, max_size=60)


class Oracle:
    """The library: as us (our private key, Alipay's public one) or as Alipay (the other way round)."""

    def __init__(self):
        self.keys = {}
        self._process = subprocess.Popen(
            [PYTHON, "-I", PROJECT / "tests" / "oracles" / "pipe.py"],
            stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True,
        )  # fmt: skip

    def ask(self, do, as_whom, **question):
        private, public = (pem(key) for key in self.keys[as_whom])
        question |= {"do": do, "app": accounts.alipay().app_id, "private": private[0], "public": public[1]}
        self._process.stdin.write(f"{json.dumps(question)}\n")
        self._process.stdin.flush()
        return json.loads(self._process.stdout.readline())

    def stop(self):
        self._process.stdin.close()
        self._process.wait(timeout=10)


def pem(key):
    """Both halves of a key as PEM."""
    private = key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
    public = key.public_key().public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo)
    return private.decode(), public.decode()


@pytest.fixture(scope="module")
def library():
    if not MADE.exists():
        pytest.skip("THE ALIPAY ADAPTER IS NOT CHECKED: no python-alipay-sdk here (make .venv/oracle/.installed)")
    oracle = Oracle()
    yield oracle
    oracle.stop()


@pytest.fixture
def oracle(library, simulator):
    merchant, platform = signing._private(accounts.alipay().private_key), platform_key(simulator, "alipay")
    library.keys = {"us": (merchant, platform), "alipay": (platform, merchant)}
    return library


def wanted(subject="Lunch", form="page", **fields):
    usual = {
        "out_trade_no": "oracle_1",
        "amount_minor": 1234,
        "expires_at": datetime.now(tz=UTC) + timedelta(minutes=14),
        "notify_url": "https://shop.example/callbacks/alipay",
        "return_url": "https://shop.example/orders/ord_1/pay/",
    }
    return Create(subject=subject, form=form, **{**usual, **fields})


def sent_by(created):
    """The fields of the address to which we send the buyer."""
    return dict(parse_qsl(urlsplit(created.redirect_url).query, keep_blank_values=True, strict_parsing=True))


def notification(**fields):
    account = accounts.alipay()
    return {
        "notify_id": "n1", "notify_type": "trade_status_sync", "app_id": account.app_id, "seller_id": account.seller_id,
        "out_trade_no": "oracle_1", "trade_no": "2026112122001", "trade_status": "TRADE_SUCCESS",
        "total_amount": "12.34", "gmt_payment": "2026-11-21 10:00:00", "charset": "utf-8", "version": "1.0", **fields,
    }  # fmt: skip


def told_by(oracle, fields):
    """A notification signed by the library and sent as a form."""
    sign = oracle.ask("sign_fields", "alipay", fields=fields)["answer"]
    return urlencode({**fields, "sign_type": "RSA2", "sign": sign}).encode()


def answered_by(oracle, content, **json_options):
    """An answer as Alipay sends it: exactly the inner text is signed."""
    inner = json.dumps(content, ensure_ascii=False, separators=(",", ":"), **json_options)
    sign = oracle.ask("sign_text", "alipay", text=inner)["answer"]
    return f'{{"{NODE}":{inner},"sign":"{sign}"}}'


def opened(text):
    client = Client(accounts.alipay, (1, 1), Breaker("test"))
    return client._opened(text, NODE)


@pytest.mark.parametrize("subject", SUBJECTS)
@pytest.mark.parametrize("form", ["page", "wap"])
def test_the_library_believes_what_we_sign(oracle, subject, form):
    sent = sent_by(GATEWAYS["ALIPAY"].create(wanted(subject, form)))
    assert oracle.ask("verify_request", "alipay", fields=sent) == {"answer": True}
    assert oracle.ask("verify_request", "alipay", fields={**sent, "app_id": "1"}) == {"answer": False}


@pytest.mark.parametrize("subject", SUBJECTS)
def test_given_the_same_fields_we_sign_as_the_library_does(oracle, subject):
    """To the byte: this way of signing has no chance in it."""
    sent = sent_by(GATEWAYS["ALIPAY"].create(wanted(subject)))
    ours = sent.pop("sign")
    theirs = dict(parse_qsl(oracle.ask("sign_request", "us", fields=sent)["answer"], keep_blank_values=True))
    assert theirs.pop("sign") == ours
    assert theirs == sent


def test_what_we_ask_by_post_is_believed_too(oracle, simulator, monkeypatch):
    """A code to scan and every question: the common fields travel in the address, the content in the body."""
    calls = []
    client = GATEWAYS["ALIPAY"]._client
    post = client._http.post
    monkeypatch.setattr(client._http, "post", lambda url, **sent: calls.append(sent) or post(url, **sent))
    GATEWAYS["ALIPAY"].create(wanted("a } brace", "qr"))
    GATEWAYS["ALIPAY"].query("oracle_1")
    assert len(calls) == 2
    for sent in calls:
        assert oracle.ask("verify_request", "alipay", fields={**sent["params"], **sent["data"]}) == {"answer": True}


@pytest.mark.parametrize("amount", [1, 9, 10, 99, 100, 101, 1234, 99_999_999])
def test_amounts_are_sent_with_two_decimals_and_read_back(oracle, amount):
    sent = sent_by(GATEWAYS["ALIPAY"].create(wanted(amount_minor=amount)))
    content = json.loads(sent["biz_content"])
    assert content["total_amount"] == f"{amount / 100:.2f}" == yuan(amount)
    assert fen(content["total_amount"]) == amount
    body = told_by(oracle, notification(total_amount=yuan(amount)))
    assert GATEWAYS["ALIPAY"].parse_notification({}, body).payment.amount_minor == amount


def test_nothing_empty_is_ever_sent(oracle):
    """Alipay would sign it, and so would the library; leaving it out is what all three agree on."""
    sent = sent_by(GATEWAYS["ALIPAY"].create(wanted(return_url="", notify_url="")))
    assert "" not in sent.values()
    assert not {"return_url", "notify_url"} & set(sent)
    assert "" not in json.loads(sent["biz_content"]).values()
    assert oracle.ask("verify_request", "alipay", fields=sent) == {"answer": True}


@pytest.mark.parametrize("subject", [*SUBJECTS, ""])
def test_we_believe_a_notification_that_the_library_signs(oracle, subject):
    """With an empty field too: Alipay signs every field that it sends."""
    body = told_by(oracle, notification(subject=subject, body=""))
    notice = GATEWAYS["ALIPAY"].parse_notification({}, body)
    assert notice.payment.raw["subject"] == subject
    fields = dict(parse_qsl(body.decode(), keep_blank_values=True))
    assert oracle.ask("verify_notification", "us", fields=fields) == {"answer": True}


@pytest.mark.parametrize("change", [{"total_amount": "0.01"}, {"trade_no": "1"}, {"extra": ""}, {"extra": "x"}])
def test_neither_believes_a_changed_notification(oracle, change):
    body = told_by(oracle, notification())
    fields = {**dict(parse_qsl(body.decode(), keep_blank_values=True)), **change}
    with pytest.raises(Forged, match="signature"):
        GATEWAYS["ALIPAY"].parse_notification({}, urlencode(fields).encode())
    assert oracle.ask("verify_notification", "us", fields=fields) == {"answer": False}


@pytest.mark.parametrize("sign", ["%%%", "AAA", ""])
def test_a_signature_that_is_no_base64_is_a_refusal_here_and_an_error_there(oracle, sign):
    """What the library raises on, an attacker may send: ours says no."""
    fields = {**notification(), "sign_type": "RSA2", "sign": sign}
    with pytest.raises(Forged, match="signature"):
        GATEWAYS["ALIPAY"].parse_notification({}, urlencode(fields).encode())
    assert oracle.ask("verify_notification", "us", fields=fields).get("answer") is not True


@pytest.mark.parametrize("subject", SUBJECTS)
def test_we_open_an_answer_that_the_library_signs(oracle, subject):
    content = {"code": "10000", "msg": "Success", "out_trade_no": "oracle_1", "subject": subject}
    assert opened(answered_by(oracle, content)) == content
    nested = {**content, "fund_bill_list": [{"amount": "12.34", "fund_channel": "}"}]}
    assert opened(answered_by(oracle, nested)) == nested


def test_a_brace_in_a_subject_misleads_the_librarys_own_parser_and_not_ours(oracle):
    """Why we do not count braces."""
    text = answered_by(oracle, {"code": "10000", "subject": "a brace } in it"})
    assert "error" in oracle.ask("open_answer", "us", text=text, node=NODE)
    assert opened(text)["subject"] == "a brace } in it"
    plain = answered_by(oracle, {"code": "10000", "subject": "none"})
    assert oracle.ask("open_answer", "us", text=plain, node=NODE)["answer"] == opened(plain)


def test_neither_opens_a_changed_answer(oracle):
    text = answered_by(oracle, {"code": "10000", "total_amount": "12.34"}).replace("12.34", "99.99")
    with pytest.raises(Unknown, match="signature"):
        opened(text)
    assert "error" in oracle.ask("open_answer", "us", text=text, node=NODE)


def test_whatever_a_subject_says_both_agree(oracle):
    """Any text at all, there and back."""

    @settings(max_examples=60, deadline=None)
    @given(subject=TEXT, note=st.one_of(st.just(""), TEXT))
    def both_agree(subject, note):
        sent = sent_by(GATEWAYS["ALIPAY"].create(wanted(subject)))
        assert oracle.ask("verify_request", "alipay", fields=sent) == {"answer": True}
        body = told_by(oracle, notification(subject=subject, body=note))
        assert GATEWAYS["ALIPAY"].parse_notification({}, body).payment.amount_minor == 1234
        content = {"code": "10000", "subject": subject, "body": note}
        assert opened(answered_by(oracle, content)) == content

    both_agree()


def test_the_shop_itself_does_without_the_library():
    """It is an oracle, not a dependency."""
    assert "alipay" not in (PROJECT / "requirements.txt").read_text()
    assert Alipay.__module__ == "payments.gateways.alipay"
