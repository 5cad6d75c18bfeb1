"""Keys change while the shop is open: both are valid for a while, and nobody restarts anything."""

import json
import shutil

import pytest
import requests
from cryptography.hazmat.primitives.asymmetric import rsa
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat, PublicFormat

from payments.gateways import GATEWAYS, accounts
from payments.gateways.base import Forged, Misconfigured
from tests.payments.letters import wechat_headers
from tests.payments.paying import refused_letters

NEW = "PUB_KEY_ID_0000000000000000000000000000NEXT"


@pytest.fixture
def folder(simulator, settings, tmp_path):
    """Our key folder, to be changed by the test while the adapters use it."""
    settings.GATEWAY_DIR = shutil.copytree(simulator.gateway_dir, tmp_path / "gateways")
    return settings.GATEWAY_DIR


@pytest.fixture
def new_key():
    return rsa.generate_private_key(public_exponent=65537, key_size=2048)


def describe(folder, **changes):
    file = folder / "merchant.json"
    merchant = json.loads(file.read_text())
    merchant["wechat"] |= changes
    file.write_text(json.dumps(merchant))


def put_public(folder, name, key):
    (folder / name).write_bytes(key.public_key().public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo))


def rewritten(simulator, no, key, serial):
    """The gateway's own notification of a trade, signed by another key."""
    _, body = simulator.notice(no)
    return wechat_headers(key, serial, body), body


def test_a_notification_by_the_new_key_is_believed_once_the_folder_names_it(folder, new_key, simulator, opened):
    no = opened("native")
    simulator.pay(no)
    gateway = GATEWAYS["WECHAT"]
    with pytest.raises(Forged, match="serial"):
        gateway.parse_notification(*rewritten(simulator, no, new_key, NEW))
    put_public(folder, "wechat_platform_next.pem", new_key)
    describe(folder, public_keys={NEW: "wechat_platform_next.pem"})
    for letter in (rewritten(simulator, no, new_key, NEW), simulator.notice(no)):
        assert gateway.parse_notification(*letter).payment.out_trade_no == no


def test_each_key_signs_under_its_own_name_only(folder, new_key, simulator, opened):
    no = opened("native")
    simulator.pay(no)
    put_public(folder, "wechat_platform_next.pem", new_key)
    describe(folder, public_keys={NEW: "wechat_platform_next.pem"})
    old = accounts.wechat().public_key_id
    with pytest.raises(Forged, match="signature"):
        GATEWAYS["WECHAT"].parse_notification(*rewritten(simulator, no, new_key, old))


def test_an_answer_by_the_other_key_is_believed_while_both_are_valid(folder, new_key, simulator, opened):
    """We already ask for the new key, the gateway still answers with the old one."""
    no = opened("native")
    old = accounts.wechat().public_key_id
    (folder / "wechat_platform_public.pem").rename(folder / "wechat_platform_old.pem")
    put_public(folder, "wechat_platform_public.pem", new_key)
    describe(folder, public_key_id=NEW, public_keys={old: "wechat_platform_old.pem"})
    assert GATEWAYS["WECHAT"].query(no).state == "NOTPAY"


def test_a_key_that_was_taken_out_is_refused(folder, new_key, simulator, opened):
    no = opened("native")
    simulator.pay(no)
    put_public(folder, "wechat_platform_next.pem", new_key)
    describe(folder, public_keys={NEW: "wechat_platform_next.pem"})
    gateway = GATEWAYS["WECHAT"]
    assert gateway.parse_notification(*rewritten(simulator, no, new_key, NEW))
    describe(folder, public_keys={})
    with pytest.raises(Forged, match="serial"):
        gateway.parse_notification(*rewritten(simulator, no, new_key, NEW))


def test_a_key_file_that_changes_alone_is_noticed(folder, new_key, simulator, opened):
    """The description names the same file as before: its moment tells."""
    no = opened("native")
    simulator.pay(no)
    good = (folder / "wechat_platform_public.pem").read_bytes()
    put_public(folder, "wechat_platform_public.pem", new_key)
    with pytest.raises(Forged, match="signature"):
        GATEWAYS["WECHAT"].parse_notification(*simulator.notice(no))
    (folder / "wechat_platform_public.pem").write_bytes(good)
    assert GATEWAYS["WECHAT"].parse_notification(*simulator.notice(no)).payment.out_trade_no == no


def test_our_own_key_and_serial_change_without_a_restart(folder, new_key, simulator, opened):
    no = opened("native")
    gateway, file = GATEWAYS["WECHAT"], folder / "wechat_merchant_private.pem"
    good, serial = file.read_bytes(), accounts.wechat().merchant_serial_no
    file.write_bytes(new_key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()))
    describe(folder, merchant_serial_no="0" * 40)
    with pytest.raises(Misconfigured, match="does not accept our signature"):
        gateway.query(no)
    file.write_bytes(good)
    describe(folder, merchant_serial_no=serial)
    assert gateway.query(no).state == "NOTPAY"


def test_alipays_key_changes_without_a_restart(folder, new_key, simulator, opened):
    no = opened("page")
    simulator.pay(no)
    good = (folder / "alipay_platform_public.pem").read_bytes()
    put_public(folder, "alipay_platform_public.pem", new_key)
    with pytest.raises(Forged, match="signature"):
        GATEWAYS["ALIPAY"].parse_notification(*simulator.notice(no))
    (folder / "alipay_platform_public.pem").write_bytes(good)
    assert GATEWAYS["ALIPAY"].parse_notification(*simulator.notice(no)).payment.out_trade_no == no


@pytest.mark.parametrize("broken", ["{", "[]"])
def test_a_half_written_folder_is_our_own_fault(broken, folder):
    (folder / "merchant.json").write_text(broken)
    with pytest.raises(Misconfigured):
        _ = GATEWAYS["WECHAT"].merchant_account


def test_a_key_that_is_none_is_our_own_fault(folder, simulator, opened):
    no = opened("native")
    (folder / "wechat_merchant_private.pem").write_text("no key at all")
    with pytest.raises(Misconfigured):
        GATEWAYS["WECHAT"].query(no)


def test_a_name_does_not_lead_out_of_the_folder(folder, tmp_path, new_key):
    put_public(tmp_path, "elsewhere.pem", new_key)
    describe(folder, public_keys={NEW: "../elsewhere.pem"})
    with pytest.raises(Misconfigured, match="incomplete"):
        accounts.wechat()


@pytest.mark.django_db
def test_an_unknown_key_is_answered_401_and_asks_nobody(folder, simulator, opened, client, monkeypatch):
    no = opened("native")
    simulator.pay(no)
    headers, body = simulator.notice(no, "serial")
    sent = []
    monkeypatch.setattr(requests.Session, "send", lambda *args, **_: sent.append(args))
    answer = client.post("/callbacks/wechat", body, content_type="application/json", headers=headers)
    assert (answer.status_code, sent) == (401, [])
    assert refused_letters() == ["serial: PUB_KEY_ID_0"]


def test_keys_changing_while_a_folder_is_half_written_come_again(folder, simulator, opened, client, db):
    """A notification that cannot be judged now is neither believed nor refused: the gateway repeats it."""
    no = opened("native")
    simulator.pay(no)
    letter = simulator.notice(no)
    (folder / "merchant.json").write_text("{")
    answer = client.post("/callbacks/wechat", letter[1], content_type="application/json", headers=letter[0])
    assert answer.status_code == 503
    assert refused_letters() == []


def test_a_whole_change_of_keys_is_noticed_by_nobody(simulator, opened):
    """One key, then both, each signing in turn, then the new one alone; every letter and answer is believed."""
    gateway, no = GATEWAYS["WECHAT"], opened("native")
    simulator.pay(no)
    serials = set()
    for change in ({}, {"retire": True}):
        simulator.tell("rotate", **change)
        for _ in range(4):
            letter = simulator.notice(no)
            serials.add({name.lower(): value for name, value in letter[0].items()}["wechatpay-serial"])
            assert gateway.parse_notification(*letter).payment.out_trade_no == no
            assert gateway.query(no).state == "SUCCESS"
    assert len(serials) == 2
    assert list(accounts.wechat().public_keys) == [accounts.wechat().public_key_id]
