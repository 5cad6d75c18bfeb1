"""What payments remember: attempts, what gateways told us, refunds, the ledger, and what did not add up."""

from payments.models.attempt import Attempt, Disposition
from payments.models.bill import Bill, BillLine
from payments.models.cash import HandIn
from payments.models.inbox import InboxEntry
from payments.models.ledger import LedgerAccount, LedgerEntry, LedgerPosting
from payments.models.proposal import RefundProposal
from payments.models.reconciliation import Difference, DifferenceStep, Run
from payments.models.refund import Refund

__all__ = [
    "Attempt",
    "Bill",
    "BillLine",
    "Difference",
    "DifferenceStep",
    "Disposition",
    "HandIn",
    "InboxEntry",
    "LedgerAccount",
    "LedgerEntry",
    "LedgerPosting",
    "Refund",
    "RefundProposal",
    "Run",
]
