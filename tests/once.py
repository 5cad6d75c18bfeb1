"""What a process of the product does once in its life, a test run does once and not in every test; conftest.py asks.

Each test client loads all middleware, and with it WhiteNoise looks through a thousand static files; each test of the
gateways makes clients, and each of those reads all certificates of the machine and proves that a key is one. What is
slow on purpose, the hash of a password, is the same hash in fewer rounds; `tests/journeys/test_no_key_leaks.py` sees
what a product stores.
"""

import functools

import httpx
import wechatpayv3.core
from django.contrib.auth.hashers import PBKDF2PasswordHasher
from whitenoise.middleware import WhiteNoiseMiddleware
from whitenoise.responders import StaticFile

LOOK = WhiteNoiseMiddleware.add_files_from_finders
ROUNDS = 1_000  # a thousandth of Django's own, each of which is half a second
_found: dict[str, StaticFile] = {}


def add_files_from_finders(middleware: WhiteNoiseMiddleware) -> None:
    """Look for the files, or remember what was found."""
    if not _found:
        LOOK(middleware)
        _found.update(middleware.files)
    middleware.files.update(_found)


def quicken() -> None:
    """Let static files, certificates and keys be read once from now on, and a password be hashed at once."""
    WhiteNoiseMiddleware.add_files_from_finders = add_files_from_finders
    httpx._transports.default.create_ssl_context = functools.cache(httpx.create_ssl_context)
    wechatpayv3.core.load_private_key = functools.cache(wechatpayv3.core.load_private_key)
    PBKDF2PasswordHasher.iterations = ROUNDS
