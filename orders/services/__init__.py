"""What can happen to an order, a shop, a key: one public function per happening.

Every door (page, API, admin, clock, gateway callback) calls these and nothing else.
"""

from orders.order.road import NoSuchOrder, WrongMoment
from orders.services.calloff import call_off_order
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
from orders.services.habits import set_auto_accept
from orders.services.hands import by_hand, note_by_hand, record_denied
from orders.services.keybook import ImportReport, import_keys
from orders.services.keyfile import ask_to_stop, begin_import
from orders.services.knock import withdraw_link
from orders.services.lines import note, pick_line, strike_out_line
from orders.services.looks import reveal, reveal_to_support
from orders.services.menu import (
    ChoiceDraft,
    OptionDraft,
    ProductDraft,
    add_category,
    add_product,
    change_product,
    remove_choice,
    save_choice,
    set_picture,
)
from orders.services.once import Answer, IdempotencyConflict, once, remember
from orders.services.pay import begin_payment, claim_payment, mark_paid, pay_locked, record_return, release_payment
from orders.services.place import Item, Placement, place_order, place_within
from orders.services.pools import add_pool, low_pools, set_limits, watch
from orders.services.replace import replace_key
from orders.services.shelf import (
    all_units_left,
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
from orders.services.voids import void_batch, void_texts

__all__ = [
    "Answer",
    "ChoiceDraft",
    "IdempotencyConflict",
    "ImportReport",
    "Item",
    "NoSuchOrder",
    "OptionDraft",
    "Placement",
    "ProductDraft",
    "WrongMoment",
    "add_category",
    "add_pool",
    "add_product",
    "all_units_left",
    "ask_to_stop",
    "assign_carrier",
    "begin_import",
    "begin_payment",
    "by_hand",
    "call_off_order",
    "cancel_order",
    "change_product",
    "claim_payment",
    "collect_order",
    "complete_order",
    "confirm_order",
    "delay_order",
    "import_keys",
    "low_pools",
    "mark_paid",
    "mark_ready",
    "note",
    "note_by_hand",
    "once",
    "pause",
    "pay_locked",
    "pick_line",
    "pick_up",
    "place_order",
    "place_within",
    "record_denied",
    "record_return",
    "reject_order",
    "reject_unanswered",
    "release_carrier",
    "release_payment",
    "remember",
    "remove_choice",
    "replace_key",
    "reveal",
    "reveal_to_support",
    "save_choice",
    "set_auto_accept",
    "set_busy",
    "set_count",
    "set_limits",
    "set_listed",
    "set_open",
    "set_picture",
    "set_price",
    "set_sold_out",
    "start_preparing",
    "strike_out_line",
    "tell_what_is_left",
    "units_left",
    "void_batch",
    "void_texts",
    "watch",
    "withdraw_link",
]
