"""Browsers of people who are signed in, and support's desk with both roles, for the tests of the whole project."""

from collections.abc import Callable
from types import SimpleNamespace

import pytest
from django.contrib.auth.models import Group
from django.test import Client

from config.desk import roles
from orders.models import User
from orders.roles import LEAD, SUPPORT

Browser = Callable[[User], Client]


@pytest.fixture
def browser() -> Browser:
    """`browser(user)`: a test client in which this person is signed in."""

    def signed_in(user: User) -> Client:
        client = Client()
        client.force_login(user, backend="orders.signin.PhoneOrNameBackend")
        return client

    return signed_in


@pytest.fixture
def desk(cast: SimpleNamespace, browser: Browser) -> SimpleNamespace:
    """Sam supports, lena leads support; the browser of each."""
    roles.ensure()
    lena = User.objects.create(username="lena", first_name="Lena", is_staff=True)
    for person, role in ((cast.sam, SUPPORT), (lena, LEAD)):
        person.groups.add(Group.objects.get(name=role))
    return SimpleNamespace(sam=browser(cast.sam), lena=browser(lena))
