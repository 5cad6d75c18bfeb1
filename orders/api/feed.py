"""`GET /events?after=`: what a program missed, with the documents that webhooks carry."""

from django.db.models import Max
from drf_spectacular.utils import extend_schema
from rest_framework.request import Request
from rest_framework.response import Response

from notifications.log import Heard
from notifications.log.readers import COLUMNS
from notifications.models import Event
from orders import callbacks
from orders.api import shapes, webhook_shapes
from orders.api.asking import View, principal
from orders.api.webhooks import whose

MOST_READ = 20_000  # positions that one call looks through; a program with little of its own in the log calls again


class FeedView(View):
    """The log as far as it is this program's business."""

    @extend_schema(
        operation_id="listEvents",
        summary="What happened to your orders, or your shop's, after a position of the log",
        parameters=[webhook_shapes.FeedQuery],
        responses={200: webhook_shapes.Feed, 422: shapes.PROBLEM},
    )
    def get(self, request: Request) -> Response:
        """In the order of the log; call again with `next` until `more` is false."""
        asked = webhook_shapes.FeedQuery(data=request.query_params)
        asked.is_valid(raise_exception=True)
        after, limit = asked.validated_data["after"], asked.validated_data["limit"]
        _account, topic = whose(principal(request), asked.validated_data.get("restaurantId", ""))
        last = Event.objects.aggregate(last=Max("position"))["last"] or 0
        until = min(after + MOST_READ, last)
        rows = callbacks.told_events([topic]).filter(position__gt=after, position__lte=until)
        events = [Heard(*row) for row in rows.values_list(*COLUMNS)[:limit]]
        reached = events[-1].position if len(events) == limit else max(after, until)
        bodies = [callbacks.status_change(event) for event in events]
        document = {"results": bodies, "next": reached, "more": reached < last}
        return Response(document, headers={"Cache-Control": "private, no-cache"})
