"""What can be followed live, and by whom: topic prefix → Topic(may_follow, snapshot, replay), credential → person."""

from collections.abc import Callable

from notifications.live.person import Person, from_session
from notifications.live.topics import Topic
from orders import live as orders
from tracking import live as tracking

TOPICS: dict[str, Topic] = {
    "order": Topic(orders.follow_order, orders.order_now, replay=True),
    "shop": Topic(orders.follow_shop, orders.shop_now),
    "board": Topic(orders.follow_board, orders.board_now),
    "customer": Topic(orders.follow_customer, orders.customer_now),
    "rider": Topic(tracking.follow_rider, tracking.rider_now),
    "jobs": Topic(tracking.follow_jobs, tracking.jobs_now),
    "webhooks": Topic(orders.follow_webhooks, orders.webhooks_now),
    "ops": Topic(orders.follow_ops, orders.ops_now),
}

PEOPLE: dict[str, Callable[[str], Person]] = {
    "session": from_session,
    "key": orders.person_of_key,
    "account": orders.person_of_account,
}
