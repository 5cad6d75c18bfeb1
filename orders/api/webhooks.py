"""`/webhooks`: programs manage where they are told; the same services as the shop's page.

Everybody who works at a shop may look at its endpoints; only its owners change them.
"""

from collections.abc import Callable
from datetime import timedelta
from typing import Any

from drf_spectacular.utils import OpenApiCallback, OpenApiParameter, OpenApiResponse, extend_schema
from rest_framework.request import Request
from rest_framework.response import Response

from config.ground import clock
from notifications.models import Endpoint
from notifications.webhooks import endpoints, reading, resending
from notifications.webhooks.endpoints import By, EndpointUnknown
from orders import callbacks
from orders.access import owns
from orders.api import shapes, webhook_shapes
from orders.api.asking import View, checked, principal
from orders.people import ShopStaff, User
from orders.services.refusals import OwnerOnly, ShopUnknown

OF_A_SHOP = OpenApiParameter("restaurantId", str, description="a shop where you work, instead of your own orders")
ON_CHANGE = OpenApiCallback(
    "onStatusChange",
    "{$request.body#/url}",
    decorator=extend_schema(
        request=shapes.StatusChange, responses={202: OpenApiResponse(description="Heard (any 2xx counts).")}
    ),
)
NO_STORE = {"Cache-Control": "no-store"}


def whose(user: User, shop_id: str) -> tuple[str, str]:
    """The account and the topic that are meant: the person's own, or those of a shop where they work."""
    if not shop_id:
        return user.public_id, f"customer/{user.public_id}"
    if not ShopStaff.objects.filter(user=user, shop__public_id=shop_id).exists():
        raise ShopUnknown(field="restaurantId")
    return shop_id, f"board/{shop_id}"


def mine(request: Request, webhook_id: str) -> Endpoint:
    """An endpoint of this account or of a shop where it works. Raises EndpointUnknown."""
    user = principal(request)
    shops = ShopStaff.objects.filter(user=user).values_list("shop__public_id", flat=True)
    accounts = [user.public_id, *shops]
    rows = Endpoint.objects.filter(account__in=accounts).exclude(state=Endpoint.State.REMOVED)
    found = rows.filter(public_id=webhook_id).first()
    if found is None:
        raise EndpointUnknown
    return found


def own(request: Request, webhook_id: str) -> Endpoint:
    """`mine`, to change it: a shop's only for its owners. Raises EndpointUnknown, OwnerOnly."""
    endpoint = mine(request, webhook_id)
    _owners_only(principal(request), endpoint.account)
    return endpoint


def _owners_only(user: User, account: str) -> None:
    if account != user.public_id and not owns(user.pk, account):
        raise OwnerOnly


def by(request: Request, endpoint: Endpoint | None = None, *, shop_id: str = "") -> By:
    """Who asks, as the log names them."""
    is_shop = bool(shop_id) or (endpoint is not None and endpoint.topic.startswith("board/"))
    return By("merchant" if is_shop else "customer", principal(request).public_id)


def shown(webhook_id: str) -> dict[str, Any]:
    """The endpoint as it is now."""
    return webhook_shapes.webhook(reading.show([Endpoint.objects.get(public_id=webhook_id)])[0])


class WebhooksView(View):
    """The collection."""

    @extend_schema(
        operation_id="listWebhooks",
        summary="Your endpoints, or those of your shop",
        parameters=[OF_A_SHOP],
        responses={200: webhook_shapes.WebhookPage, 422: shapes.PROBLEM},
    )
    def get(self, request: Request) -> Response:
        """All of them, oldest first."""
        account, _topic = whose(principal(request), request.query_params.get("restaurantId", ""))
        rows = reading.show(reading.endpoints_of(account))
        return Response({"results": [webhook_shapes.webhook(one) for one in rows]}, headers=NO_STORE)

    @extend_schema(
        operation_id="createWebhook",
        summary="Register an address; the answer holds its secret, this once",
        request=webhook_shapes.WebhookRequest,
        responses={201: webhook_shapes.WebhookMade, 403: shapes.PROBLEM, 409: shapes.PROBLEM, 422: shapes.PROBLEM},
        callbacks=[ON_CHANGE],
    )
    def post(self, request: Request) -> Response:
        """The address is asked to prove itself; an address that is there already is refused, so repeating is safe."""
        body = checked(webhook_shapes.WebhookRequest, request.data)
        shop_id = body.get("restaurantId", "")
        account, topic = whose(principal(request), shop_id)
        _owners_only(principal(request), account)
        who = by(request, shop_id=shop_id)
        made, secret = endpoints.add(account, topic, body["url"], hears_all=body["hearsAll"], by=who)
        location = {"Location": f"/api/v1/webhooks/{made.public_id}"}
        return Response(shown(made.public_id) | {"secret": secret}, status=201, headers=NO_STORE | location)


class WebhookView(View):
    """One endpoint."""

    @extend_schema(operation_id="getWebhook", summary="Read an endpoint", responses={200: webhook_shapes.Webhook})
    def get(self, request: Request, webhook_id: str) -> Response:
        """As it is now."""
        return Response(shown(mine(request, webhook_id).public_id), headers=NO_STORE)

    @extend_schema(
        operation_id="changeWebhook",
        summary="Move an endpoint to another address, which has to prove itself",
        request=webhook_shapes.WebhookChange,
        responses={200: webhook_shapes.Webhook, 403: shapes.PROBLEM, 409: shapes.PROBLEM, 422: shapes.PROBLEM},
    )
    def patch(self, request: Request, webhook_id: str) -> Response:
        """What waits goes to the new address once that is proved."""
        endpoint = own(request, webhook_id)
        body = checked(webhook_shapes.WebhookChange, request.data)
        endpoints.change_url(webhook_id, body["url"], by=by(request, endpoint))
        return Response(shown(webhook_id), headers=NO_STORE)

    @extend_schema(
        operation_id="removeWebhook", summary="Remove an endpoint", responses={204: None, 403: shapes.PROBLEM}
    )
    def delete(self, request: Request, webhook_id: str) -> Response:
        """With what still waits for it."""
        endpoints.remove(webhook_id, by=by(request, own(request, webhook_id)))
        return Response(status=204)


class SecretView(View):
    """A new secret."""

    @extend_schema(
        operation_id="rotateWebhookSecret",
        summary="Make a new secret; the answer holds it, this once",
        request=webhook_shapes.SecretRequest,
        responses={200: webhook_shapes.WebhookMade, 403: shapes.PROBLEM, 409: shapes.PROBLEM, 422: shapes.PROBLEM},
    )
    def post(self, request: Request, webhook_id: str) -> Response:
        """The old one also signs for `overlapHours`."""
        endpoint = own(request, webhook_id)
        body = checked(webhook_shapes.SecretRequest, request.data)
        count = body.get("secretNumber", endpoint.secret_count)
        overlap = timedelta(hours=body["overlapHours"])
        _changed, secret = endpoints.rotate(webhook_id, overlap=overlap, count=count, by=by(request, endpoint))
        return Response(shown(webhook_id) | {"secret": secret}, headers=NO_STORE)


class ResendView(View):
    """Several messages again."""

    @extend_schema(
        operation_id="resendMessages",
        summary="Send what waits at once, what was given up again, or everything from a position",
        request=webhook_shapes.ResendRequest,
        responses={202: webhook_shapes.Resent, 403: shapes.PROBLEM, 409: shapes.PROBLEM, 422: shapes.PROBLEM},
    )
    def post(self, request: Request, webhook_id: str) -> Response:
        """With the same ids, in order per order."""
        endpoint = own(request, webhook_id)
        body = checked(webhook_shapes.ResendRequest, request.data)
        who = by(request, endpoint)
        if "fromPosition" in body:
            replay = resending.everything_from(webhook_id, body["fromPosition"], by=who)
            span = (replay.next_position, replay.until_position)
            count = callbacks.told_events([endpoint.topic]).filter(position__range=span).count()
        elif "failedSince" in body:
            count = resending.failed_since(webhook_id, body["failedSince"], by=who)
        else:
            count = resending.waiting(webhook_id, by=who)
        return Response({"count": count}, status=202)


class MessagesView(View):
    """The log of what was said."""

    @extend_schema(
        operation_id="listMessages",
        summary="What was and will be said to an endpoint, newest first, with every try",
        parameters=[webhook_shapes.MessageQuery],
        responses={200: webhook_shapes.MessagePage, 422: shapes.PROBLEM},
    )
    def get(self, request: Request, webhook_id: str) -> Response:
        """One page."""
        asked = webhook_shapes.MessageQuery(data=request.query_params)
        asked.is_valid(raise_exception=True)
        wish = asked.validated_data
        rows = reading.messages([mine(request, webhook_id)], wish.get("orderId", ""))
        if "state" in wish:
            rows = rows.filter(state=wish["state"])
        if "before" in wish:
            rows = reading.older_than(rows, wish["before"])
        page = list(rows[: wish["limit"] + 1])
        more, page = page[wish["limit"] :], page[: wish["limit"]]
        now = clock.now()
        results = [webhook_shapes.message(one, reading.word_of(one, now)) for one in page]
        return Response({"results": results, "next": page[-1].public_id if more else None}, headers=NO_STORE)


class MessageView(View):
    """One message."""

    @extend_schema(
        operation_id="resendMessage",
        summary="Send one message again, with its id",
        request=None,
        responses={202: webhook_shapes.MessageShape, 403: shapes.PROBLEM, 409: shapes.PROBLEM},
    )
    def post(self, request: Request, webhook_id: str, message_id: str) -> Response:
        """Tried at once; a message held behind an earlier one is refused."""
        endpoint = own(request, webhook_id)
        resending.one(webhook_id, message_id, by=by(request, endpoint))
        found = reading.messages([endpoint]).get(public_id=message_id)
        return Response(webhook_shapes.message(found, reading.word_of(found, clock.now())), status=202)


def _verb(name: str, summary: str, act: Callable[..., object]) -> type[View]:
    """A view for one verb that needs nothing but the endpoint."""

    @extend_schema(
        operation_id=f"{name}Webhook",
        summary=summary,
        request=None,
        responses={200: webhook_shapes.Webhook, 403: shapes.PROBLEM, 409: shapes.PROBLEM},
    )
    def post(_self: View, request: Request, webhook_id: str) -> Response:
        act(webhook_id, by=by(request, own(request, webhook_id)))
        return Response(shown(webhook_id), headers=NO_STORE)

    return type(f"{name}WebhookView", (View,), {"post": post, "__doc__": summary})


VERBS = {
    "challenge": _verb("challenge", "Ask the address to prove itself again", endpoints.challenge),
    "pause": _verb("pause", "Send nothing until it is resumed", endpoints.pause),
    "resume": _verb("resume", "Go on where it stopped", endpoints.resume),
}
