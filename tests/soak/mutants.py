"""Products with one behaviour taken away. A soak that cannot tell one of them from the real one proves nothing.

`python -m tests.soak --mutant NAME` runs the house with that mutant; product.py applies it before the fork. Each names
the proofs (proofs.py) of which at least one must break, and the scenes (scenes.py) in which it shows.
"""

from collections.abc import Callable
from typing import Any, Final, NamedTuple

from orders.order.states import Status
from payments import asking, expiry, matching, reconcile, settle, syncing
from payments.gateways import alipay_signing
from payments.gateways.base import RefundAsk
from payments.models import Attempt
from payments.refunds import pushing


class Mutant(NamedTuple):
    """What it does wrong, how to make it so, which proofs may tell, when it happens."""

    what: str
    apply: Callable[[], None]
    killed_by: frozenset[str]
    shows_when: tuple[str, ...]


def _ignore_late_notice() -> None:
    """Money for an order that is cancelled is not worth writing down, whoever tells of it."""
    record = settle._record_money

    def only_for_living_orders(attempt: Attempt, seen: Any) -> None:
        if attempt.order.status != Status.CANCELLED:
            record(attempt, seen)

    settle._record_money = only_for_living_orders


def _no_active_query() -> None:
    """We wait for the notification; nobody is asked what became of a payment."""
    syncing.sync_due = lambda *_args, **_more: 0
    del reconcile.PASSES["ask"]
    asking.query = lambda _attempt: asking.Heard(error="nobody asks")


def _no_hourly_repair() -> None:
    """What stopped between the two transactions stays there: no fast pass, no hourly one, none before the deadline."""
    reconcile.apply_unapplied = lambda *_args, **_more: None
    del reconcile.PASSES["apply"]
    expiry._apply_first = lambda _page: set()


def _amount_not_compared() -> None:
    """Paid is paid."""
    decide = matching.disposition
    matching.disposition = lambda owed, _paid: decide(owed, matching.Paid(owed.amount_minor, owed.currency))


def _closed_terminal() -> None:
    """A payment that was closed or has expired stays so, whatever the gateway says."""
    record = settle._record_money
    over = {Attempt.State.CLOSED, Attempt.State.EXPIRED}

    def unless_over(attempt: Attempt, seen: Any) -> None:
        if attempt.state not in over:
            record(attempt, seen)

    settle._record_money = unless_over


def _new_refund_number() -> None:
    """A refund that got no answer is asked for again, under a new number."""
    tries: dict[str, int] = {}

    def ask(**fields: Any) -> RefundAsk:
        number = fields["out_refund_no"]
        tries[number] = tries.get(number, 0) + 1
        fields["out_refund_no"] = number if tries[number] == 1 else f"{number}x{tries[number]}"
        return RefundAsk(**fields)

    pushing.RefundAsk = ask


def _forged_believed() -> None:
    """Alipay's signature is not looked at."""
    alipay_signing.is_genuine = lambda *_args, **_more: True


MUTANTS: Final[dict[str, Mutant]] = {
    "ignore_late_notice": Mutant(
        "late money is ignored",
        _ignore_late_notice,
        frozenset({"the gateways agree"}),
        ("pays after an acknowledged close",),
    ),
    "no_active_query": Mutant(
        "no gateway is asked",
        _no_active_query,
        frozenset({"the gateways agree"}),
        ("pays, nobody says so, and who asks dies",),
    ),
    "no_hourly_repair": Mutant(
        "nothing repairs the gap",
        _no_hourly_repair,
        frozenset({"all money is applied"}),
        ("pays, nobody says so, and who asks dies",),
    ),
    "amount_not_compared": Mutant(
        "another amount is good too",
        _amount_not_compared,
        frozenset({"paid is what was asked"}),
        ("pays another amount",),
    ),
    "closed_terminal": Mutant(
        "closed stays closed",
        _closed_terminal,
        frozenset({"the gateways agree"}),
        ("pays after an acknowledged close",),
    ),
    "new_refund_number": Mutant(
        "a refund changes its number",
        _new_refund_number,
        frozenset({"the gateways agree"}),
        ("pays, then cancels", "is rejected by the shop"),
    ),
    "forged_believed": Mutant(
        "forgeries are believed", _forged_believed, frozenset({"forgeries are refused"}), ("pays", "is served")
    ),
}
