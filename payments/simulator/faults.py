"""Seeded faults: which ones exist, how often each strikes, and how often it did.

The command line and POST /oracle/faults set them as {"lost": 0.1} or {"latency": {"rate": 1, "seconds": 2,
"on": "create", "times": 1}}: `on` limits a fault of an answer to one operation (create, query, close, refund,
query_refund, bill, certificates) and a fault of a notification to one kind of it (payment, refund); `times` limits
it to that many strikes.
"""

import random
from collections import Counter
from dataclasses import asdict, dataclass
from typing import Any, Final

NOTIFICATION: Final = {
    "lost": "the notification is never sent",
    "delayed": "its first try comes later, by `seconds` (20 by default, divided by the time scale)",
    "reordered": "it waits until a later one of the same gateway overtook it, for `seconds` at most (120, divided); "
    "counted when one did",
    "duplicated": "each try is sent three times at once",
    "forged": "a copy signed by nobody's key comes first",
    "tampered": "a copy with a raised amount and the genuine signature comes first",
    "stale": "a genuinely signed copy of an hour ago comes first (WeChat Pay)",
    "foreign": "a genuinely signed copy about another merchant comes first",
}
PAYMENT: Final = {
    "early": "the buyer has paid, and the notification arrived, before the create call is answered",
    "amount_changed": "one fen more than asked is captured",
    "paid_after_close": "a close is acknowledged, and after `seconds` (10, divided) the money is captured all the same",
}
REFUND: Final = {
    "not_enough": "the refund is refused: our balance at the gateway is too low",
    "refund_stuck": "the refund is under way for `seconds` (3600, divided) before it succeeds",
    "refund_abnormal": "the buyer's card cannot take it: ABNORMAL until /oracle/finish_refund (WeChat Pay)",
    "refund_failed": "the refund fails in the end; asked again with the same number it is tried again",
}
BILL: Final = {
    "bill_late": "the bill of a past day is not there yet",
    "bill_short": "a line is missing",
    "bill_extra": "a line of a payment that nobody made",
    "bill_off_by_one": "the amount of a line is one fen higher; the bill's own summary agrees with it",
}
ANSWER: Final = {
    "error_before": "5xx, nothing was done",
    "error_after": "5xx although it was done",
    "latency": "the answer takes `seconds` (2 by default)",
    "hang": "the answer takes `seconds` (30 by default)",
    "unsigned": "the answer's signature is broken",
    "reset": "the connection is reset in the middle of the answer, although it was done",
}
KINDS: Final = {**NOTIFICATION, **PAYMENT, **REFUND, **BILL, **ANSWER}
SECONDS: Final = {
    "delayed": 20.0,
    "reordered": 120.0,
    "paid_after_close": 10.0,
    "refund_stuck": 3600.0,
    "latency": 2.0,
    "hang": 30.0,
}
OPERATIONS: Final = ("create", "query", "close", "refund", "query_refund", "bill", "certificates")
PLACES: Final = {
    **dict.fromkeys(NOTIFICATION, ("payment", "refund")),
    **dict.fromkeys(ANSWER, OPERATIONS),
    "early": ("create",),
    "paid_after_close": ("close",),
}
MOST_TIMES: Final = 10**9


class NoSuchFault(ValueError):
    """The name or the shape of a fault is wrong; the message says which."""


@dataclass(slots=True)
class Rule:
    """How often a fault strikes, on what, how many times at most, and for how long."""

    rate: float
    seconds: float = 0.0
    on: str = ""
    times: int = -1


class Faults:
    """The faults in force. Each has its own seeded stream, so one does not shift another."""

    def __init__(self, seed: int, rules: dict[str, Any]) -> None:
        self._seed = seed
        self.fired: Counter[str] = Counter()
        self._rules: dict[str, Rule] = {}
        self._streams: dict[str, random.Random] = {}
        self.set(rules)

    def set(self, rules: dict[str, Any]) -> None:
        """Replace all rules; the counters go on. Raises NoSuchFault and changes nothing."""
        self._rules = {name: _rule(name, rule) for name, rule in rules.items()}
        for name in self._rules:
            self._streams.setdefault(name, random.Random(f"{self._seed}:{name}"))  # noqa: S311 - repeatable, not secret

    def strikes(self, name: str, on: str = "") -> bool:
        """Whether the fault happens now; counted when it does."""
        rule = self._rules.get(name)
        if rule is None or rule.times == 0 or (rule.on and rule.on != on):
            return False
        if self._streams[name].random() >= rule.rate:
            return False
        rule.times -= rule.times > 0
        self.fired[name] += 1
        return True

    def take_back(self, name: str) -> None:
        """Count a strike that came to nothing no longer; a limited fault may strike once more."""
        self.fired[name] -= 1
        rule = self._rules.get(name)
        if rule is not None and rule.times >= 0:
            rule.times += 1

    def seconds(self, name: str) -> float:
        """How long a fault of duration lasts; the usual time when its rule was lifted meanwhile."""
        rule = self._rules.get(name)
        return (rule.seconds if rule else 0.0) or SECONDS[name]

    def report(self) -> dict[str, Any]:
        """Tell rules and counters, zeros included."""
        return {
            "rules": {name: asdict(rule) for name, rule in self._rules.items()},
            "fired": {name: self.fired[name] for name in KINDS},
        }

    def clear(self) -> None:
        """Forget rules, counters and how far the streams ran."""
        self._rules.clear()
        self._streams.clear()
        self.fired.clear()


def _rule(name: str, told: Any) -> Rule:
    if name not in KINDS:
        message = f"no fault is called {name!r}; there are {', '.join(KINDS)}"
        raise NoSuchFault(message)
    try:
        rule = Rule(**told) if isinstance(told, dict) else Rule(rate=told)
        rule = Rule(float(rule.rate), float(rule.seconds), str(rule.on), int(rule.times))
    except (TypeError, ValueError, OverflowError) as error:
        message = f"{name}: {told!r} is neither a rate nor a rule"
        raise NoSuchFault(message) from error
    if not -1 <= rule.times <= MOST_TIMES:
        message = f"{name}: {rule.times} is no number of times"
        raise NoSuchFault(message)
    if not 0 <= rule.rate <= 1:
        message = f"{name}: the rate {rule.rate} is not between 0 and 1"
        raise NoSuchFault(message)
    if not 0 <= rule.seconds <= 10**9:
        message = f"{name}: {rule.seconds} seconds is no length of time"
        raise NoSuchFault(message)
    if rule.on and rule.on not in PLACES.get(name, ()):
        message = f"{name} does not strike on {rule.on!r}; it does on {', '.join(PLACES.get(name, ('everything',)))}"
        raise NoSuchFault(message)
    return rule
