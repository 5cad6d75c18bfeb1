"""What a rider's own program may do: open jobs, claim, give back, collect, hand over. Routed by config/api.py."""

from collections.abc import Callable
from typing import Any, ClassVar

from django.http import Http404
from django.urls import path
from drf_spectacular.utils import extend_schema
from rest_framework import serializers
from rest_framework.request import Request
from rest_framework.response import Response

from config.ground import clock
from orders.api import shapes
from orders.api.asking import View, principal
from orders.order.models import Order
from tracking import jobs, services
from tracking.models import Rider


class Code(serializers.Serializer[Any]):
    """The code that shop or customer said."""

    code = serializers.CharField(max_length=4, required=False, allow_blank=True)


class RiderView(View):
    """Base: only riders find anything here."""

    def rider(self, request: Request) -> Rider:
        """The principal's rider row; not found for anybody else."""
        found = Rider.objects.select_related("user").filter(user=principal(request)).first()
        if found is None:
            raise Http404
        return found


class Job(serializers.Serializer[Any]):
    """An open job; the exact door is told only after the bag is collected."""

    orderId = serializers.CharField()
    status = serializers.CharField()
    restaurantId = serializers.CharField()
    street = serializers.CharField()
    pay = shapes.Total()
    distanceM = serializers.IntegerField()
    readyAt = serializers.DateTimeField(allow_null=True)


class JobPage(serializers.Serializer[Any]):
    """Jobs, the longest waiting first."""

    results = Job(many=True)


class JobsView(RiderView):
    """Open jobs."""

    @extend_schema(
        operation_id="listJobs", summary="Open jobs for a rider on duty", responses={200: JobPage, 404: shapes.PROBLEM}
    )
    @extend_schema(
        operation_id="listJobs", summary="Open jobs for a rider on duty", responses={200: JobPage, 404: shapes.PROBLEM}
    )
    def get(self, request: Request) -> Response:
        """At most 50; nothing while off duty."""
        rider = self.rider(request)
        found = jobs.open_jobs(clock.now()) if rider.is_on_duty else []
        return Response({"results": [_job(job) for job in found]}, headers={"Cache-Control": "private, no-cache"})


def _job(job: jobs.Job) -> dict[str, Any]:
    return {
        "orderId": job.order.public_id,
        "status": job.order.status,
        "restaurantId": job.order.shop.public_id,
        "street": job.street,
        "pay": shapes.total(job.pay_minor, job.order.currency),
        "distanceM": job.way_m,
        "readyAt": job.ready_at.isoformat() if job.ready_at else None,
    }


class VerbView(RiderView):
    """One verb of the rider."""

    act: ClassVar[Callable[..., Any]]

    def answer(self, request: Request, order_id: str) -> Response:
        """Run the verb; answers with the order as it is then."""
        body = Code(data=request.data)
        body.is_valid(raise_exception=True)
        rider = self.rider(request)
        type(self).act(order_id, rider, body.validated_data.get("code", ""))
        order = Order.objects.select_related("shop").get(public_id=order_id)
        return Response(shapes.order_response(order))


def _verb(name: str, summary: str, act: Callable[[str, Rider, str], Any]) -> type[VerbView]:
    """A view for one verb."""

    @extend_schema(
        operation_id=name,
        summary=summary,
        request=Code,
        responses={200: shapes.OrderResponse, 404: shapes.PROBLEM, 409: shapes.PROBLEM, 422: shapes.PROBLEM},
    )
    def post(self: VerbView, request: Request, order_id: str) -> Response:
        return self.answer(request, order_id)

    return type(f"{name}View", (VerbView,), {"act": staticmethod(act), "post": post, "__doc__": summary})


VERBS = {
    "claim": _verb("claimJob", "Take an open job", lambda ref, rider, _code: services.claim(ref, rider=rider)),
    "release": _verb(
        "releaseJob",
        "Give a job back before collecting it",
        lambda ref, rider, _code: services.release_claim(ref, rider=rider),
    ),
    "pick-up": _verb(
        "pickUp",
        "The bag is collected",
        lambda ref, rider, code: services.pick_up(ref, rider=rider, shop_code=code),
    ),
    "hand-over": _verb(
        "handOver",
        "Handed over against the customer's code",
        lambda ref, rider, code: services.hand_over(ref, rider=rider, code=code),
    ),
}

urlpatterns = [
    path("jobs", JobsView.as_view(), name="jobs"),
    *(path(f"orders/<str:order_id>/{verb}", view.as_view(), name=f"order-{verb}") for verb, view in VERBS.items()),
]
