"""How often one address may try the door."""

import pytest
from django.test import Client


@pytest.mark.django_db
@pytest.mark.parametrize(("page", "address"), [("signin", "198.51.100.1"), ("signup", "198.51.100.2")])
def test_one_address_may_not_try_the_door_without_end(settings, page, address):
    settings.DOOR_LIMIT = (1, 2)
    form = {"username": "", "phone": "", "password": ""}
    tries = [Client(REMOTE_ADDR=address).post(f"/account/{page}/", form).status_code for _ in range(3)]
    assert tries == [422, 422, 429]
