"""Web Push: only the browser reads it, the address from the browser leads nowhere private, and gone means gone."""

import asyncio
import base64
import hashlib
import hmac
import json

import jwt
import pytest
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from django.test import Client

from config.ground import clock
from config.letters import office
from notifications.letters import push, settling, subscriptions, vapid
from notifications.letters.models import PushSubscription
from notifications.letters.push import Push
from tests.letters.world import letters, read
from tests.notifications import sinks
from tests.project.test_secrets import everything_stored

pytestmark = pytest.mark.django_db


def plain(text):
    return base64.urlsafe_b64decode(text + "=" * (-len(text) % 4))


def told(raw):
    return base64.urlsafe_b64encode(raw).rstrip(b"=").decode()


class Browser:
    """What a browser keeps for itself, and how it reads a message (RFC 8291, 3.4), written from the RFC alone."""

    def __init__(self, private=None, auth=b"0123456789abcdef"):
        self.key = private or ec.generate_private_key(ec.SECP256R1())
        self.auth = auth
        self.point = self.key.public_key().public_bytes(
            serialization.Encoding.X962, serialization.PublicFormat.UncompressedPoint
        )

    @property
    def keys(self):
        return {"p256dh": told(self.point), "auth": told(self.auth)}

    def reads(self, body):
        salt, size, theirs, sealed = (
            body[:16],
            int.from_bytes(body[16:20], "big"),
            body[21 : 21 + body[20]],
            body[21 + body[20] :],
        )
        assert len(sealed) <= size
        shared = self.key.exchange(ec.ECDH(), ec.EllipticCurvePublicKey.from_encoded_point(ec.SECP256R1(), theirs))
        mixed = self._mac(self._mac(self.auth, shared), b"WebPush: info\0" + self.point + theirs + b"\1")
        secret = self._mac(salt, mixed)
        key = self._mac(secret, b"Content-Encoding: aes128gcm\0\1")[:16]
        nonce = self._mac(secret, b"Content-Encoding: nonce\0\1")[:12]
        said, _, padding = AESGCM(key).decrypt(nonce, sealed, None).rpartition(b"\2")
        assert not padding.strip(b"\0")
        return said

    @staticmethod
    def _mac(key, said):
        return hmac.digest(key, said, hashlib.sha256)


def test_the_tests_own_browser_reads_the_example_of_the_standard():
    """RFC 8291, section 5."""
    number = int.from_bytes(plain("q1dXpw3UpT5VOmu_cf_v6ih07Aems3njxI-JWgLcM94"), "big")
    browser = Browser(ec.derive_private_key(number, ec.SECP256R1()), plain("BTBZMqHH6r4Tts7J_aSIgg"))
    body = plain(
        "DGv6ra1nlYgDCS1FRnbzlwAAEABBBP4z9KsN6nGRTbVYI_c7VJSPQTBtkgcy27mlmlMoZIIgDll6e3vCYLocInmYWAmS6TlzAC8w"
        "EqKK6PBru3jl7A_yl95bQpu6cVPTpK4Mqgkf1CXztLVBSt2Ks3oZwbuwXPXLWyouBWLVWGNWQexSgSxsj_Qulcy4a-fN"
    )
    assert browser.reads(body) == b"When I grow up, I want to be a watermelon"


@pytest.fixture
def service(settings):
    """`service(behave)`: a push service on loopback that may be called."""
    opened = []

    def open_one(behave):
        one = sinks.Sink(behave)
        opened.append(one)
        settings.PUSH_PRIVATE_HOSTS = [*settings.PUSH_PRIVATE_HOSTS, one.host]
        return one

    yield open_one
    for one in opened:
        one.stop()


def send():
    """One round of the sender for pushes."""
    claimed = settling.claim(office, "PUSH", 50, push.reach)

    async def work():
        carrier = Push()
        answers = [await carrier.send(one) for one in claimed]
        await carrier.close()
        return answers

    answers = asyncio.run(work())
    settling.settle([settling.Outcome(one, answer, clock.now()) for one, answer in zip(claimed, answers, strict=True)])
    return answers


def test_only_the_browser_reads_it_and_the_service_learns_nothing(cast, make_order, service):
    sink, browser = service(sinks.says(201)), Browser()
    subscriptions.add(cast.ana.public_id, sink.url, **browser.keys)
    order = make_order("ON_DELIVERY")
    read()
    assert [(one.kind, one.channel) for one in letters()] == [("order.confirmed", "PUSH"), ("order.picked_up", "PUSH")]
    assert [answer.error for answer in send()] == ["", ""]
    first, second = sink.got
    said = [json.loads(browser.reads(got.body)) for got in sink.got]
    assert said[0]["title"] == "Bruno’s shop has taken your order"
    assert {one["path"] for one in said} == {f"/orders/{order.public_id}/"}
    assert {one["tag"] for one in said} == {order.stream}  # the newer replaces the older
    assert first.headers["topic"] == second.headers["topic"]
    assert (len(first.headers["topic"]), first.headers["ttl"], first.headers["urgency"]) == (32, "14400", "high")
    assert (first.headers["content-encoding"], first.headers["content-type"]) == (
        "aes128gcm",
        "application/octet-stream",
    )
    for got in sink.got:
        assert order.public_id not in str(got.headers)
        assert order.public_id.encode() not in got.body
    assert {one.state for one in letters()} == {"SENT"}


def test_we_say_who_we_are_to_this_service_alone(cast, make_order, service):
    sink = service(sinks.says(201))
    subscriptions.add(cast.ana.public_id, sink.url, **Browser().keys)
    make_order("CANCELLED")
    read()
    send()
    scheme, token, key = sink.got[0].headers["authorization"].replace(",", "").split()
    point = ec.EllipticCurvePublicKey.from_encoded_point(ec.SECP256R1(), plain(key.removeprefix("k=")))
    said = jwt.decode(token.removeprefix("t="), point, algorithms=["ES256"], audience=f"http://{sink.host}")
    assert scheme == "vapid"
    assert said["sub"] == "mailto:no-reply@localhost"
    assert 0 < said["exp"] - clock.now().timestamp() <= 24 * 3_600
    assert key.removeprefix("k=") == vapid.public_key()


@pytest.mark.parametrize(
    ("behave", "state", "stays"),
    [
        (sinks.says(410), "DROPPED", False),
        (sinks.says(404), "DROPPED", False),
        (sinks.says(413), "GIVEN_UP", True),
        (sinks.says(429, retry_after="120"), "WAITING", True),
        (sinks.redirects, "WAITING", True),
    ],
    ids=["gone", "unknown", "too large", "too many", "redirect"],
)
def test_what_the_service_answers_decides(cast, make_order, service, behave, state, stays):
    sink, elsewhere = service(behave), service(sinks.says(201))
    sink.elsewhere = elsewhere.url
    subscriptions.add(cast.ana.public_id, sink.url, **Browser().keys)
    make_order("CANCELLED")
    read()
    send()
    assert len(sink.got) == 1
    assert elsewhere.got == []
    assert [one.state for one in letters()] == [state]
    assert PushSubscription.objects.exists() == stays


@pytest.mark.parametrize(
    "endpoint",
    [
        "http://push.example/a", "https://localhost/a", "https://127.0.0.1/a", "https://[::1]/a", "https://10.0.0.1/a",
        "https://169.254.169.254/latest", "https://2130706433/", "https://0x7f.1/", "https://push.example:8443/a",
        "https://user:pass@push.example/a", "ftp://push.example/a", "javascript:alert(1)", "https://push.internal/a",
        "https://push.example/\r\nx: y", "https://push.example/" + "a" * 2_000, "",
    ],
)  # fmt: skip
def test_an_address_that_leads_inside_or_nowhere_is_refused(cast, endpoint):
    answer = post(cast.ana, endpoint, **Browser().keys)
    assert (answer.status_code, answer.json()["code"]) == (422, "push_invalid")
    assert not PushSubscription.objects.exists()


@pytest.mark.parametrize(
    "keys",
    [
        {"p256dh": "", "auth": told(b"a" * 16)}, {"p256dh": told(b"\4" + b"a" * 64), "auth": told(b"a" * 16)},
        {"p256dh": Browser().keys["p256dh"], "auth": told(b"a" * 15)},
        {"p256dh": Browser().keys["p256dh"], "auth": "not base64!"},
    ],
)  # fmt: skip
def test_keys_that_no_browser_has_are_refused(cast, keys):
    assert post(cast.ana, "https://push.example/a", **keys).status_code == 422


def test_a_name_that_leads_inside_by_the_time_it_is_called_is_not_called(cast, make_order, service, settings):
    """The form was public when it was kept; where the name leads is checked when it is called."""
    sink = service(sinks.says(201))
    subscriptions.add(cast.ana.public_id, sink.url, **Browser().keys)
    settings.PUSH_PRIVATE_HOSTS = []
    make_order("CANCELLED")
    read()
    (answer,) = send()
    assert answer.error.startswith("not a public address")
    assert sink.got == []
    assert [one.state for one in letters()] == ["GIVEN_UP"]


def post(user, endpoint, path="push/", **keys):
    client = Client()
    client.force_login(user)
    return client.post(f"/account/{path}", {"endpoint": endpoint, **keys})


def test_nobody_takes_or_removes_another_accounts_browser(cast):
    endpoint, browser = "https://push.example/a", Browser()
    assert post(cast.ana, endpoint, **browser.keys).status_code == 204
    assert post(cast.mallory, endpoint, **Browser().keys).status_code == 409
    assert post(cast.mallory, endpoint, "push/off/").status_code == 204
    assert PushSubscription.objects.get().account == cast.ana.public_id
    assert post(cast.bruno, endpoint, **browser.keys).status_code == 204  # he sits in front of it now
    assert PushSubscription.objects.get().account == cast.bruno.public_id
    assert post(cast.bruno, endpoint, "push/off/").status_code == 204
    assert not PushSubscription.objects.exists()
    assert Client().post("/account/push/", {"endpoint": endpoint}).status_code == 302


def test_signing_out_ends_the_pushes_of_this_browser_and_of_no_other(cast):
    ours, other = Client(), Client()
    for number, client in enumerate((ours, other)):
        client.force_login(cast.ana)
        told_us = {"endpoint": f"https://push.example/{number}", **Browser().keys}
        assert client.post("/account/push/", told_us).status_code == 204
    assert "data-is-on" in ours.get("/account/letters/").content.decode()
    assert ours.cookies["push"]["httponly"]
    ours.post("/account/signout/")
    (left,) = PushSubscription.objects.all()
    assert subscriptions.opened(left)["endpoint"] == "https://push.example/1"
    ours.force_login(cast.ana)
    assert "data-is-on" not in ours.get("/account/letters/").content.decode()  # told by the server, not remembered
    ours.cookies["push"] = left.public_id  # a cookie that we did not sign
    ours.post("/account/signout/")
    assert PushSubscription.objects.count() == 1


def test_an_account_has_so_many_browsers_and_the_first_makes_room(cast):
    for number in range(subscriptions.MOST + 2):
        subscriptions.add(cast.ana.public_id, f"https://push.example/{number}", **Browser().keys)
    assert PushSubscription.objects.count() == subscriptions.MOST
    assert not subscriptions.remove(cast.ana.public_id, "https://push.example/0")
    assert subscriptions.remove(cast.ana.public_id, "https://push.example/5")


def test_what_a_browser_gave_lies_sealed(cast):
    keys = Browser().keys
    subscriptions.add(cast.ana.public_id, "https://push.example/capability", **keys)
    stored = everything_stored()["notifications_pushsubscription"]
    assert "push.example" in stored  # the host alone
    for secret in ("capability", keys["auth"], keys["p256dh"]):
        assert secret not in stored


def test_the_service_worker_stands_at_the_root_and_is_asked_for_anew(db):
    answer = Client().get("/sw.js")
    assert answer["Content-Type"] == "text/javascript; charset=utf-8"
    assert (answer["Service-Worker-Allowed"], answer["Cache-Control"]) == ("/", "no-cache")
    assert "default-src" in answer["Content-Security-Policy"]
