"""Who did it: every service takes an Actor, every event names one."""

from typing import NamedTuple

from orders.people import User


class Actor(NamedTuple):
    """`role` is customer, merchant, rider, system, gateway or staff; `account` a `usr_…` or empty; `name` as shown."""

    role: str
    account: str = ""
    name: str = ""


SYSTEM = Actor("system")
GATEWAY = Actor("gateway")
GUEST = Actor("customer")


def as_customer(user: User | None) -> Actor:
    """The person who orders; None is a guest."""
    return Actor("customer", user.public_id, user.name) if user else GUEST


def as_merchant(user: User) -> Actor:
    """Someone who works at the shop."""
    return Actor("merchant", user.public_id, user.name)


def as_rider(user: User) -> Actor:
    """The person who carries."""
    return Actor("rider", user.public_id, user.name)


def as_staff(user: User) -> Actor:
    """Support."""
    return Actor("staff", user.public_id, user.name)
