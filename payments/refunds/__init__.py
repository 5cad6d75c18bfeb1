"""Money on its way back: reserve it, ask the gateway under one number until it answers, write down the end.

settle.py and services/ reserve; `push_refunds` (the clock) pushes; whoever hears a gateway (callbacks, queries, bills)
records what it says, and adopts what was returned there without us; people record what they gave back by hand.
"""

from payments.refunds.adopting import adopt, adopt_waiting
from payments.refunds.by_hand import give_back_another_way, pay_out
from payments.refunds.promise import reserve
from payments.refunds.pushing import push, push_due, write_down
from payments.refunds.recording import record_refund

__all__ = [
    "adopt",
    "adopt_waiting",
    "give_back_another_way",
    "pay_out",
    "push",
    "push_due",
    "record_refund",
    "reserve",
    "write_down",
]
