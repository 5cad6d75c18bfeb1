"""What can be followed live, and by whom: topic prefix → Topic(may_follow, snapshot, replay)."""

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
    "ops": Topic(orders.follow_ops, orders.ops_now),
}
