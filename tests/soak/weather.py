"""Which faults are in force, and whether each of them struck: a fault that never fired proves nothing.

driver.py sets them at the simulator. Rates are those of the soak's promise; a short soak raises the rare ones so that
forty orders meet them too.
"""

from collections.abc import Iterable, Mapping
from typing import Any, Final, NamedTuple

FAIR: Final[dict[str, Any]] = {}
STORM: Final[dict[str, Any]] = {
    "lost": 0.25,
    "duplicated": 0.25,
    "delayed": 0.10,
    "reordered": 0.05,
    "forged": 0.10,
    "tampered": 0.10,
    "stale": 0.05,
    "foreign": 0.05,
    "early": 0.03,
    "amount_changed": 0.02,
    "paid_after_close": 0.15,
    "refund_stuck": 0.05,
    "error_before": 0.04,
    "error_after": 0.04,
    "hang": 0.02,
    "unsigned": 0.02,
    "reset": 0.02,
}
SHORT: Final[dict[str, Any]] = STORM | {
    "stale": 0.2, "foreign": 0.2, "reordered": 0.1, "early": 0.08, "amount_changed": 0.1, "paid_after_close": 0.4,
    "refund_stuck": 0.25, "hang": 0.03, "reset": 0.04,
}  # fmt: skip
LOST_REPLIES: Final[dict[str, Any]] = {"error_after": {"rate": 1, "on": "refund", "times": 2}}
LATE_BILL: Final[dict[str, Any]] = {"bill_late": {"rate": 1, "times": 1}}


class Fired(NamedTuple):
    """One fault: what was asked for, how often it struck."""

    name: str
    rate: str
    times: int


def storm(orders: int, patience: float) -> dict[str, Any]:
    """The rules for a soak of so many orders; a hanging answer takes longer than our `patience` for it."""
    rules = dict(STORM if orders >= 150 else SHORT)
    rules["hang"] = {"rate": rules["hang"], "seconds": round(patience * 1.5, 2)}
    return rules


def provoked(rules: Mapping[str, Any], names: Iterable[str]) -> dict[str, Any]:
    """The same rules, but these faults strike at their next chance, a few times."""
    sure: dict[str, Any] = {}
    for name in names:
        if name in rules:
            rule = rules[name] if isinstance(rules[name], Mapping) else {}
            sure[name] = {**rule, "rate": 1, "times": 2}
        elif name == "refund reply lost":
            sure |= LOST_REPLIES
    return {**rules, **sure}


def exercised(
    rules: Mapping[str, Any], gateway: Mapping[str, int], own: Mapping[str, int], expected: Mapping[str, str]
) -> list[Fired]:
    """Each fault that was configured with how often it fired: the simulator's, then the driver's own."""
    rows = [Fired(name, _rate(rule), gateway.get(name, 0)) for name, rule in rules.items()]
    return rows + [Fired(name, rate, own.get(name, 0)) for name, rate in expected.items()]


def _rate(rule: Any) -> str:
    rate = rule["rate"] if isinstance(rule, Mapping) else rule
    return f"{rate:.0%}"
