"""While gateways are simulated every page says so, and production does not start with them."""

import json
import subprocess
import sys
from pathlib import Path

import pytest
from django.core.exceptions import ImproperlyConfigured

from config import checks
from tests.project.test_house import production

BANNER = 'class="sandbox" role="note"'
ROOT = Path(__file__).resolve().parents[2]
PAGES = [
    ("storefront", "", "/"),
    ("storefront", "", "/shops/{shop}/"),
    ("storefront", "ana", "/orders/"),
    ("storefront", "ana", "/orders/{order}/"),
    ("account", "", "/account/signin/"),
    ("merchant", "bruno", "/merchant/{shop}/"),
    ("merchant", "bruno", "/merchant/{shop}/orders/{order}/"),
    ("warehouse", "bruno", "/warehouse/{shop}/"),
    ("rider", "ravi", "/rider/"),
    ("admin", "sam", "/admin/"),
    ("nowhere", "", "/there/is/nothing/"),
]


@pytest.fixture
def page(cast, make_order, client):
    """Open a page as somebody and return its text."""

    def open_it(name, path):
        order = make_order("CONFIRMED")
        if name:
            client.force_login(getattr(cast, name))
        answer = client.get(path.format(order=order.public_id, shop=order.shop.public_id))
        assert answer["Content-Type"].startswith("text/html"), (answer.status_code, answer.headers)
        return answer.content.decode()

    return open_it


@pytest.mark.django_db
@pytest.mark.parametrize(("surface", "name", "path"), PAGES, ids=[f"{page[0]} {page[2]}" for page in PAGES])
def test_every_surface_says_that_no_money_moves(surface, name, path, page, settings):
    settings.SANDBOX = True
    assert page(name, path).count(BANNER) == 1


@pytest.mark.django_db
@pytest.mark.parametrize(("name", "path"), [("", "/"), ("bruno", "/merchant/{shop}/"), ("sam", "/admin/")])
def test_says_nothing_of_it_when_money_moves(name, path, page, settings):
    settings.SANDBOX = False
    assert BANNER not in page(name, path)


@pytest.fixture
def keys(simulator, settings, tmp_path):
    """A shop in production with a copy of the demo keys; describes itself as told."""
    settings.PRODUCTION, settings.SANDBOX, settings.GATEWAY_DIR = True, False, tmp_path
    for file in simulator.gateway_dir.iterdir():
        (tmp_path / file.name).write_bytes(file.read_bytes())
    told = json.loads((tmp_path / "merchant.json").read_text())

    def describe(**changes):
        for section, fields in changes.items():
            told[section] = {**told[section], **fields} if isinstance(fields, dict) else fields
        (tmp_path / "merchant.json").write_text(json.dumps(told))
        return tmp_path

    return describe


@pytest.mark.parametrize(
    ("changes", "why"),
    [
        ({}, "the gateway keys are the simulator's"),
        ({"made_by": "", "wechat": {"gateway_url": "http://localhost:8010"}}, "not a gateway's own host"),
        ({"made_by": "", "wechat": {"gateway_url": "http://api.mch.weixin.qq.com"}}, "not a gateway's own host"),
        ({"made_by": "", "alipay": {"gateway_url": "https://openapi.alipay.com.evil.example/"}}, "own host"),
        ({"made_by": "", "alipay": {"gateway_url": "https://openapi.alipay.com@evil.example/"}}, "own host"),
        ({"made_by": "", "alipay": {"app_id": None, "gateway_url": "https://127.0.0.1/gateway.do"}}, "own host"),
    ],
)
def test_production_does_not_start_with_a_gateway_that_only_pretends(changes, why, keys):
    keys(**changes)
    with pytest.raises(ImproperlyConfigured, match=why):
        checks.refuse_pretended_gateways()


def test_production_starts_with_the_gateways_own_hosts(keys):
    keys(made_by="")
    checks.refuse_pretended_gateways()


def test_production_starts_without_any_gateway(settings, tmp_path):
    settings.PRODUCTION, settings.SANDBOX, settings.GATEWAY_DIR = True, False, tmp_path
    checks.refuse_pretended_gateways()


def test_the_deploy_check_fails_while_the_sandbox_is_on():
    done = production(LOCKSTEP_SANDBOX="1")
    assert done.returncode != 0
    assert "LOCKSTEP_SANDBOX is on" in done.stderr


def test_the_deploy_check_fails_on_the_simulators_keys(simulator):
    done = production(LOCKSTEP_GATEWAY_DIR=str(simulator.gateway_dir))
    assert done.returncode != 0
    assert "the gateway keys are the simulator's" in done.stderr


def test_the_simulator_runs_without_anything_of_ours():
    """It has no settings: a mistake of ours cannot hide in a shared line."""
    code = "import sys, payments.simulator.__main__; print([m for m in sys.modules if m.startswith('django')])"
    done = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"
