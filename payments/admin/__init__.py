"""What payments remember, for support: one file a noun. Django finds the pages by importing this package."""

from payments.admin.attempts import AttemptAdmin
from payments.admin.cash import HandInAdmin
from payments.admin.differences import DifferenceAdmin
from payments.admin.inbox import InboxEntryAdmin
from payments.admin.ledger import LedgerAccountAdmin, LedgerEntryAdmin
from payments.admin.proposals import RefundProposalAdmin
from payments.admin.reconciliation import BillAdmin, RunAdmin
from payments.admin.refunds import RefundAdmin

__all__ = [
    "AttemptAdmin",
    "BillAdmin",
    "DifferenceAdmin",
    "HandInAdmin",
    "InboxEntryAdmin",
    "LedgerAccountAdmin",
    "LedgerEntryAdmin",
    "RefundAdmin",
    "RefundProposalAdmin",
    "RunAdmin",
]
