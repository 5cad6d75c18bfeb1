"""The house keeps its own rules: arrows, migrations, the API document, what no file may contain, safe settings."""

import ast
import io
import os
import re
import subprocess
import sys
from pathlib import Path

import pytest
import yaml
from django.core.management import call_command
from openapi_spec_validator import validate

from config.api import WEBHOOK_HEADERS
from notifications.outside.signing import ID, SIGNATURE, TIMESTAMP
from notifications.seal.note import HEADER

ROOT = Path(__file__).resolve().parents[2]
APPS = ("config", "orders", "payments", "tracking", "notifications")


def tracked() -> list[Path]:
    """The files that git knows, or would add."""
    listed = subprocess.run(
        ["git", "ls-files", "--cached", "--others", "--exclude-standard"],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=False,
    )
    if listed.returncode:
        pytest.skip("no git checkout here, so there is no list of files to look through")
    return [ROOT / name for name in listed.stdout.splitlines() if (ROOT / name).is_file()]


def modules() -> list[Path]:
    return [path for app in APPS for path in (ROOT / app).rglob("*.py") if "migrations" not in path.parts]


def test_arrows_point_down():
    done = subprocess.run(
        [Path(sys.executable).with_name("lint-imports"), "--no-cache"],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stdout


def test_nothing_of_ours_is_imported_inside_a_function():
    """An import that hides in a function is an arrow that points up."""
    found = []
    for path in modules():
        for function in ast.walk(ast.parse(path.read_text())):
            if isinstance(function, ast.FunctionDef | ast.AsyncFunctionDef):
                for node in ast.walk(function):
                    names = [node.module or ""] if isinstance(node, ast.ImportFrom) else []
                    names += [alias.name for alias in node.names] if isinstance(node, ast.Import) else []
                    found += [f"{path.relative_to(ROOT)}: {name}" for name in names if name.split(".")[0] in APPS]
    assert found == []


FORBIDDEN = {
    "a signal of Django": re.compile(
        r"django\.(db\.models|core|dispatch|contrib\.auth)\.?\w* import .*\b(post_save|pre_save|receiver|Signal)\b"
    ),
    "a way around the triggers": re.compile(r"pgtrigger\.ignore|DISABLE TRIGGER"),
    "an admin that saves states": re.compile(r"FSMAdminMixin"),
    "a promise instead of work": re.compile(r"\b(TODO|FIXME|XXX)\b"),
    "the skipping of a state machine": re.compile(r"\.update\(\s*(status|payment_status)="),
}


@pytest.mark.parametrize("what", FORBIDDEN)
def test_no_module_contains(what):
    found = [
        f"{path.relative_to(ROOT)}:{number}"
        for path in modules()
        for number, line in enumerate(path.read_text().splitlines(), start=1)
        if FORBIDDEN[what].search(line)
    ]
    assert found == []


@pytest.mark.django_db
def test_migrations_are_complete():
    out = io.StringIO()
    call_command("makemigrations", "--check", "--dry-run", stdout=out)
    assert "No changes" in out.getvalue()


DOCUMENTS = {"openapi.yaml": ("3.1.0", None), "openapi-3.0.yaml": ("3.0.3", "config.api.OLDER")}


@pytest.mark.parametrize("name", DOCUMENTS)
def test_the_api_document_is_current_and_valid(name):
    """A changed view without a changed document fails here: `make openapi` writes both versions."""
    version, custom = DOCUMENTS[name]
    committed = (ROOT / "config" / name).read_text()
    out = io.StringIO()
    call_command("spectacular", stdout=out, custom_settings=custom)
    assert out.getvalue().strip() == committed.strip()
    document = yaml.safe_load(committed)
    assert document["openapi"] == version
    validate(document)


@pytest.mark.parametrize("name", DOCUMENTS)
def test_the_api_document_keeps_the_public_contract(name):
    document = yaml.safe_load((ROOT / "config" / name).read_text())
    assert document["servers"] == [{"url": "/api/v1"}]
    create = document["paths"]["/orders"]["post"]
    assert create["operationId"] == "createOrder"
    assert "201" in create["responses"]
    assert set(create["callbacks"]) == {"onOrderConfirmed", "onStatusChange"}
    (confirmed,) = create["callbacks"]["onOrderConfirmed"]
    (changed,) = create["callbacks"]["onStatusChange"]
    assert confirmed == "{$request.body#/notificationUrl}/order-status"
    assert changed == "{$request.body#/notificationUrl}"
    told = create["callbacks"]["onStatusChange"][changed]["post"]["parameters"]
    assert {parameter["name"] for parameter in told} == set(WEBHOOK_HEADERS)
    assert {"webhook-signature", HEADER} <= set(WEBHOOK_HEADERS)
    assert [parameter["name"] for parameter in told if parameter["required"]] == [ID, TIMESTAMP, SIGNATURE]
    request = document["components"]["schemas"]["OrderRequest"]
    assert set(request["required"]) == {"restaurantId", "items", "paymentMethod"}
    assert document["components"]["schemas"]["OrderStatusUpdate"]["required"][:3] == ["orderId", "status", "timestamp"]


def test_no_file_names_a_registry_or_this_machine():
    """Locks carry hashes, not addresses; nobody's folders are in the project."""
    words = re.compile(r"pypi\.org|pythonhosted|registry\.npmjs|deb\.debian|--index-url http|/root/|/home/\w+/")
    found = []
    for path in tracked():
        if path.suffix in {".png", ".webp", ".gpkg", ".ico"} or path == Path(__file__):
            continue
        found += [str(path.relative_to(ROOT))] if words.search(path.read_text(errors="ignore")) else []
    assert found == []


SECRETS = {
    "LOCKSTEP_SECRET_KEY": "p" * 25 + "q1w2e3r4t5y6u7i8o9p0asdfghjklzxcvbnm,.-",
    "LOCKSTEP_VAULT_KEYS": "k1:" + "ab" * 32,
    "LOCKSTEP_FINGERPRINT_KEY": "cd" * 32,
    "LOCKSTEP_SEAL_KEY": "ef" * 32,
    "LOCKSTEP_PUBLIC_URL": "https://shop.example",
    "DATABASE_URL": "postgresql://lockstep@db.example/lockstep",
    "REDIS_URL": "redis://cache.example/0",
}


def production(**changes):
    """`manage.py check --deploy` as production would run it."""
    no_keys = {"LOCKSTEP_GATEWAY_DIR": str(ROOT / "tests")}  # those of a local demo would be refused
    wanted = {"LOCKSTEP_MODE": "production", "PATH": os.environ["PATH"], **no_keys, **SECRETS, **changes}
    environment = {name: value for name, value in wanted.items() if value}
    return subprocess.run(
        [sys.executable, "manage.py", "check", "--deploy", "--fail-level", "WARNING"],
        cwd=ROOT,
        env=environment,
        capture_output=True,
        text=True,
        check=False,
    )


def test_production_settings_pass_the_deploy_check():
    done = production()
    assert done.returncode == 0, done.stdout + done.stderr


@pytest.mark.parametrize("name", SECRETS)
def test_production_refuses_to_start_without(name):
    done = production(**{name: ""})
    assert done.returncode != 0
    assert name in done.stderr


def test_the_deploy_check_refuses_webhooks_into_its_own_network():
    done = production(LOCKSTEP_WEBHOOK_PRIVATE_HOSTS="localhost:8020")
    assert done.returncode != 0
    assert "private hosts: localhost:8020" in done.stderr


def test_web_push_in_production_needs_a_key_and_no_private_push_service():
    done = production(LOCKSTEP_PUSH="1")
    assert done.returncode != 0
    assert "LOCKSTEP_VAPID_KEY" in done.stderr
    key = {"LOCKSTEP_PUSH": "1", "LOCKSTEP_VAPID_KEY": "q6ur" * 10 + "q6s"}
    sms = {"LOCKSTEP_SMS_URL": "http://sms.example/", "LOCKSTEP_SMS_SECRET": "whsec_" + "q6ur" * 10 + "q6s="}
    done = production(**key, **sms, LOCKSTEP_PUSH_PRIVATE_HOSTS="localhost:9000")
    assert done.returncode != 0
    assert "private hosts: localhost:9000" in done.stderr
    assert "not spoken to by https" in done.stderr
