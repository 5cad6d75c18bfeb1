"""What payments remember: attempts, what gateways told us, refunds, the ledger, and what did not add up."""

from payments.models.attempt import Attempt, Disposition
from payments.models.inbox import InboxEntry
from payments.models.ledger import LedgerAccount, LedgerEntry, LedgerPosting
from payments.models.reconciliation import Difference, Run
from payments.models.refund import Refund

__all__ = [
    "Attempt",
    "Difference",
    "Disposition",
    "InboxEntry",
    "LedgerAccount",
    "LedgerEntry",
    "LedgerPosting",
    "Refund",
    "Run",
]
