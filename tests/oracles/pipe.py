"""The Alipay oracle: `python-alipay-sdk` behind a pipe, run by a Python of its own; test_alipay_oracle.py asks it.

Reads one JSON question per line, {"do", …}, and answers {"answer"} or {"error"}. It imports nothing of ours.
"""

import json
import sys
from functools import cache

from alipay import AliPay


def speaker(ask):
    """The library with the keys that the question brings."""
    return with_keys(ask["app"], ask["private"], ask["public"])


@cache
def with_keys(app, private, public):
    """The library, once for each pair of keys: it proves the primes of a key whenever it reads one."""
    return AliPay(appid=app, app_private_key_string=private, alipay_public_key_string=public)


def text_of(library, fields):
    """What the library signs of these fields."""
    return "&".join("{}={}".format(*pair) for pair in library._ordered_data(dict(fields)))


def sign_request(ask):
    """The whole query string that the library would send."""
    return speaker(ask).sign_data(dict(ask["fields"]))


def sign_fields(ask):
    """The signature over fields, as Alipay signs a notification."""
    library = speaker(ask)
    return library._sign(text_of(library, ask["fields"]))


def sign_text(ask):
    """The signature over a text, as Alipay signs an answer."""
    return speaker(ask)._sign(ask["text"])


def verify_request(ask):
    """Whether a request's signature holds, `sign_type` being signed too."""
    library, fields = speaker(ask), dict(ask["fields"])
    sign = fields.pop("sign")
    return library._verify(text_of(library, fields), sign)


def verify_notification(ask):
    """Whether a notification is genuine by the library's public door."""
    fields = dict(ask["fields"])
    return speaker(ask).verify(fields, fields.pop("sign"))


def open_answer(ask):
    """The content of an answer, after its signature held."""
    return speaker(ask)._verify_and_return_sync_response(ask["text"], ask["node"])


DOES = {
    door.__name__: door
    for door in (sign_request, sign_fields, sign_text, verify_request, verify_notification, open_answer)
}

for line in sys.stdin:
    question = json.loads(line)
    try:
        told = {"answer": DOES[question["do"]](question)}
    except Exception as error:  # noqa: BLE001 - the test looks at it
        told = {"error": f"{type(error).__name__}: {error}"}
    sys.stdout.write(f"{json.dumps(told)}\n")
    sys.stdout.flush()
