"""What can happen to an order, a shop, a key: one public function per happening.

Every door (page, API, admin, clock, gateway callback) calls these and nothing else.
"""

from orders.services.cancel import cancel_order
from orders.services.carry import assign_carrier, complete_order, pick_up, release_carrier
from orders.services.confirm import (
    collect_order,
    confirm_order,
    delay_order,
    mark_ready,
    reject_order,
    reject_unanswered,
    start_preparing,
)
from orders.services.keybook import ImportReport, import_keys, reveal, void_key
from orders.services.lines import note, pick_line, strike_out_line
from orders.services.once import Answer, IdempotencyConflict, once
from orders.services.pay import begin_payment, mark_paid, record_return, release_payment
from orders.services.place import Item, Placement, place_order
from orders.services.shelf import (
    pause,
    set_busy,
    set_count,
    set_listed,
    set_open,
    set_price,
    set_sold_out,
    tell_what_is_left,
    units_left,
)

__all__ = [
    "Answer",
    "IdempotencyConflict",
    "ImportReport",
    "Item",
    "Placement",
    "assign_carrier",
    "begin_payment",
    "cancel_order",
    "collect_order",
    "complete_order",
    "confirm_order",
    "delay_order",
    "import_keys",
    "mark_paid",
    "mark_ready",
    "note",
    "once",
    "pause",
    "pick_line",
    "pick_up",
    "place_order",
    "record_return",
    "reject_order",
    "reject_unanswered",
    "release_carrier",
    "release_payment",
    "reveal",
    "set_busy",
    "set_count",
    "set_listed",
    "set_open",
    "set_price",
    "set_sold_out",
    "start_preparing",
    "strike_out_line",
    "tell_what_is_left",
    "units_left",
    "void_key",
]
