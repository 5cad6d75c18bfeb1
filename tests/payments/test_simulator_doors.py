"""The simulator as a gateway: whom it refuses, what it checks, its command line and its oracle."""

import re
import subprocess
import sys

import pytest
from wechatpayv3.utils import aes_decrypt, load_certificate

from payments.gateways import GATEWAYS
from payments.gateways.base import Definitive, Misconfigured
from payments.simulator.faults import KINDS, Faults
from tests.payments.conftest import channel_of


def run(*arguments):
    command = [sys.executable, "-m", "payments.simulator", *arguments]
    return subprocess.run(command, capture_output=True, text=True, timeout=20, check=False)


def test_an_unsigned_wechat_request_is_refused(simulator):
    answer = simulator.http.post("/v3/pay/transactions/native", json={})
    assert (answer.status_code, answer.json()["code"]) == (401, "SIGN_ERROR")


@pytest.mark.parametrize(("form", "file"), [("native", "wechat"), ("qr", "alipay")])
def test_a_request_signed_by_another_key_is_our_own_fault(form, file, simulator, ask, settings, tmp_path):
    for name in simulator.gateway_dir.iterdir():
        (tmp_path / name.name).write_bytes(name.read_bytes())
    other = "alipay" if file == "wechat" else "wechat"
    stray = (simulator.gateway_dir / f"{other}_merchant_private.pem").read_bytes()
    (tmp_path / f"{file}_merchant_private.pem").write_bytes(stray)
    settings.GATEWAY_DIR = tmp_path
    with pytest.raises(Misconfigured):
        GATEWAYS[channel_of(form)].create(ask(form))


@pytest.mark.parametrize(
    "change",
    [
        {"amount_minor": 0},
        {"amount_minor": -5},
        {"notify_url": "http://shop.example/callbacks?x=1"},
        {"notify_url": "ftp://shop.example/"},
        {"currency": "USD"},
    ],
)
def test_a_wrong_parameter_is_named(change, simulator, ask):
    with pytest.raises(Definitive) as caught:
        GATEWAYS["WECHAT"].create(ask("native", **change))
    assert caught.value.code == "PARAM_ERROR"


def test_certificates_open_with_the_merchants_key(simulator, merchant):
    """Merchants without public-key mode download the platform's certificate; the library opens it."""
    answer = merchant.ask_wechat("GET", "/v3/certificates")
    sealed = answer.json()["data"][0]["encrypt_certificate"]
    parts = {name: sealed[name] for name in ("nonce", "ciphertext", "associated_data")}
    certificate = load_certificate(aes_decrypt(**parts, apiv3_key=merchant.wechat["apiv3_key"]))
    assert answer.status_code == 200
    assert f"{certificate.serial_number:X}" == answer.json()["data"][0]["serial_no"]


def test_key_files_are_for_the_owner_only(simulator):
    modes = {file.name: file.stat().st_mode & 0o777 for file in simulator.gateway_dir.iterdir()}
    assert set(modes) == {
        "merchant.json",
        "wechat_merchant_private.pem",
        "wechat_platform_public.pem",
        "alipay_merchant_private.pem",
        "alipay_platform_public.pem",
    }
    assert set(modes.values()) == {0o600}


def test_a_real_merchants_folder_is_left_alone(tmp_path):
    folder = tmp_path / "gateways"
    folder.mkdir()
    (folder / "merchant.json").write_text('{"wechat": {}}')
    done = run("--state", str(tmp_path / "state"), "--port", "1")
    assert done.returncode == 2
    assert "real merchant" in done.stderr
    assert (folder / "merchant.json").read_text() == '{"wechat": {}}'
    assert len(list(folder.iterdir())) == 1


def test_help_names_every_fault():
    done = run("--help")
    assert done.returncode == 0
    for name, what in KINDS.items():
        assert re.search(rf"^  {name} +{re.escape(what[:30])}", done.stdout, re.MULTILINE), name


@pytest.mark.parametrize("faults", ["{", '{"nope": 1}', '{"lost": 2}', '{"lost": "often"}', '{"lost": {"how": 1}}'])
def test_a_wrong_fault_is_refused_in_one_line(faults, tmp_path):
    done = run("--state", str(tmp_path / "state"), "--faults", faults)
    assert done.returncode == 2
    assert len(done.stderr.strip().splitlines()) == 1


def test_a_seed_repeats_its_faults(simulator, tmp_path):
    draws = [[faults.strikes("lost") for _ in range(200)] for faults in (Faults(7, {"lost": 0.25}) for _ in range(2))]
    assert draws[0] == draws[1]
    assert 20 < sum(draws[0]) < 80


def test_the_oracle_finds_a_trade_by_its_code_and_sums_up(simulator, ask):
    wanted = ask("native")
    created = GATEWAYS["WECHAT"].create(wanted)
    assert simulator.ask("codes", code_url=created.code_url)["out_trade_no"] == wanted.out_trade_no
    simulator.tell("pay", code_url=created.code_url)
    assert simulator.ask("totals")["WECHAT"] == {"trades": 1, "captured": 1234, "refunded": 0}


@pytest.mark.parametrize("path", ["trades/nope", "codes?code_url=nope", "nope"])
def test_the_oracle_says_when_it_knows_nothing(path, simulator):
    assert simulator.http.get(f"/oracle/{path}").status_code == 404


@pytest.mark.parametrize("body", [b"{", b"[]", b'{"amount": "x"}', b'{"out_trade_no": 5}'])
def test_the_oracle_refuses_rubbish(body, simulator):
    assert simulator.http.post("/oracle/pay", content=body).status_code in {400, 404}


def test_reset_forgets_everything(simulator, opened):
    simulator.faults(lost=1)
    no = opened("native")
    simulator.pay(no)
    simulator.tell("reset")
    assert simulator.http.get(f"/oracle/trades/{no}").status_code == 404
    assert simulator.fired("lost") == 0
    assert simulator.ask("totals")["WECHAT"]["trades"] == 0
