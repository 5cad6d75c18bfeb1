"""Probes, and who counts as support where a second factor is required."""

import json

import pytest
from django.db import DatabaseError
from django.test import Client

from config import health
from orders.access import is_support
from orders.models import ApiKey


@pytest.mark.django_db
@pytest.mark.parametrize("path", ["/livez", "/readyz"])
def test_a_probe_is_answered_by_any_address_and_without_tls(settings, path):
    settings.ALLOWED_HOSTS, settings.SECURE_SSL_REDIRECT = ["shop.example"], True
    assert Client().get(path, headers={"Host": "10.1.2.3:8001"}).status_code == 200
    assert Client().get("/", headers={"Host": "10.1.2.3:8001"}).status_code in {301, 400}


def test_not_ready_without_postgresql(monkeypatch):
    def away():
        raise DatabaseError

    monkeypatch.setattr(health.connection, "cursor", away)
    answer = Client().get("/readyz")
    assert (answer.status_code, json.loads(answer.content)["ready"]) == (503, False)


@pytest.mark.django_db
def test_support_without_its_second_factor_sees_no_order_of_others(cast, make_order, settings):
    make_order("CONFIRMED")
    key = {"X-Api-Key": ApiKey.issue(cast.sam, "support")[1]}
    assert len(Client().get("/api/v1/orders", headers=key).json()["results"]) == 1
    settings.ADMIN_NEEDS_TOTP = True
    assert Client().get("/api/v1/orders", headers=key).json()["results"] == []
    assert not is_support(cast.sam)
