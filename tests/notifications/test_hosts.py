"""A notificationUrl is taken only when it could be called, and only on a host that its integrator registered."""

import pytest

from config.ground.problems import as_problem
from notifications.models import RegisteredHost
from notifications.webhooks.hosts import (
    NotificationHostUnregistered,
    NotificationUrlInvalid,
    check_url,
    is_registered,
    require_registered,
)


@pytest.fixture(autouse=True)
def _sink(settings):
    settings.WEBHOOK_PRIVATE_HOSTS = ["localhost:8020"]


@pytest.mark.parametrize(
    ("url", "host"),
    [
        ("https://hooks.example.com/a?b=c", "hooks.example.com"),
        ("http://Hooks.Example.COM:80/", "hooks.example.com"),
        ("https://hooks.example.com:443", "hooks.example.com"),
        ("https://hooks.example.com./x", "hooks.example.com"),
        ("https://8.8.8.8/x", "8.8.8.8"),
        ("https://[2001:4860:4860::8888]/x", "[2001:4860:4860::8888]"),
        ("http://localhost:8020/hook", "localhost:8020"),
    ],
)
def test_takes_a_public_address(url, host):
    assert check_url(url) == host


@pytest.mark.parametrize(
    "url",
    [
        "", "x", "//example.com", "ftp://example.com/", "javascript:alert(1)", "https://", "https:///x",
        "https://user:pw@example.com/", "https://user@example.com/", "https://example.com/#part", "https://example.com#",
        "https://example.com:99999/", "https://example.com:8443/", "https://example.com:abc/", "https://exa mple.com/",
        " https://example.com/", "https://example.com/\n", "https://example.com\\@evil.example/",
        "http://localhost/", "http://localhost:8021/", "http://printer/", "http://db.internal/", "http://nas.local/",
        "http://127.0.0.1/", "http://127.1/", "http://0x7f.0.0.1/", "http://2130706433/", "http://0.0.0.0/",
        "http://10.0.0.1/", "http://192.168.1.1/", "http://172.16.0.1/", "http://169.254.169.254/", "http://100.64.0.1/",
        "http://224.0.0.1/", "http://255.255.255.255/", "http://[::1]/", "http://[::]/", "http://[fe80::1]/",
        "http://[fd00::1]/", "http://[::ffff:127.0.0.1]/", "http://[64:ff9b::7f00:1]/", "http://[2002:7f00:1::]/",
        "http://[2001:0:7f00:1::]/", "http://[ff02::1]/", "http://[::1", "https://example.com/" + "x" * 3_000,
    ],
)  # fmt: skip
def test_refuses_what_could_never_be_called(url):
    with pytest.raises(NotificationUrlInvalid) as refused:
        check_url(url)
    problem = as_problem(refused.value)
    assert (problem["code"], problem["status"], problem["field"]) == (
        "notification_url_invalid",
        422,
        "notificationUrl",
    )


def test_knows_the_hosts_of_an_account(db):
    RegisteredHost.objects.create(account="usr_a", host="hooks.example.com")
    assert is_registered("usr_a", "https://HOOKS.example.com/orders")
    assert not is_registered("usr_a", "https://other.example.com/")
    assert not is_registered("usr_b", "https://hooks.example.com/")


def test_refuses_a_host_that_the_account_did_not_register(db):
    RegisteredHost.objects.create(account="usr_a", host="hooks.example.com")
    require_registered("usr_a", "https://hooks.example.com/")
    with pytest.raises(NotificationHostUnregistered) as refused:
        require_registered("usr_b", "https://hooks.example.com/")
    problem = as_problem(refused.value)
    assert (problem["code"], problem["status"]) == ("notification_host_unregistered", 422)
    assert "hooks.example.com" in problem["detail"]
