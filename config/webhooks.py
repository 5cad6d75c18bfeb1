"""What programs are told: event type → body function, and who hears it; `manage.py relay` runs the outbox.

Every endpoint that follows the event's topic hears its body, and so does the address that the order itself named.
That address also hears what stands in BESIDES, first and at a path of its own. Every try carries the newest signed
checkpoint of the log away: held by others, it shows if the log was ever rewritten.
"""

from notifications.outside.wake import Wake
from notifications.seal import note, proofs
from notifications.webhooks.outbox import Besides, Body, Outbox
from notifications.webhooks.sender import Stamp
from orders import callbacks

BODIES: dict[str, Body] = {
    "order.placed": callbacks.status_change,  # cash only: it comes to the shop at once
    "order.paid": callbacks.status_change,
    "order.confirmed": callbacks.status_change,
    "order.preparing": callbacks.status_change,
    "order.ready": callbacks.status_change,
    "order.picked_up": callbacks.status_change,
    "order.completed": callbacks.status_change,
    "order.cancelled": callbacks.status_change,
}
BESIDES = {"order.confirmed": Besides("/order-status", callbacks.status_update)}


def stamp() -> Stamp:
    """What a try carries: the newest checkpoint, once there is one."""
    newest = proofs.latest()
    return Stamp(newest.size, {note.HEADER: note.in_a_line(newest.note)}) if newest else Stamp()


wake = Wake()
outbox = Outbox(BODIES, callbacks.named_addresses, BESIDES, wake)
