"""Who hears what happened: reader name → handler(event); `manage.py relay` runs each with its own cursor.

A handler is run at least once for every event, in order within an order's stream; `log.hears(…)` narrows it to
some types. When it raises, that stream is parked for that reader alone and waits in admin to be retried.

What is heard in batches instead goes to the export (notifications/analytics), with a cursor of its own: EXPORTED says
what its rows mean. The statistics of a shop are asked of it.
"""

from config import letters, webhooks
from notifications.analytics.facts import Facts
from notifications.letters.office import READER as LETTERS
from notifications.log import Handler
from notifications.webhooks.outbox import READER
from orders import handlers as orders
from orders.statistics.facts import ORDER_FACTS
from payments import handlers as payments
from tracking import handlers as tracking

READERS: dict[str, Handler] = {
    "refunds": payments.refund_what_is_owed,
    "closing": payments.close_what_is_open,
    "stock": orders.tell_stock,
    "deliveries": tracking.close_delivery,
    READER: webhooks.outbox,
    LETTERS: letters.office,
}

EXPORTED: Facts = ORDER_FACTS
