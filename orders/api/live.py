"""Tickets for the live lines: a program asks here with its key or token, then shows the ticket in an address."""

from datetime import timedelta
from typing import Any

from django.utils.translation import gettext_lazy as _
from drf_spectacular.utils import extend_schema
from redis import RedisError
from rest_framework import serializers
from rest_framework.authentication import SessionAuthentication
from rest_framework.request import Request
from rest_framework.response import Response

from config.ground import clock
from config.ground.problems import Refusal
from notifications.live import tickets
from notifications.live.person import Credential
from orders.api.asking import View, principal
from orders.api.authentication import ApiKeyAuthentication, secret_of
from orders.live import account_of

TRANSPORTS = {"websocket": "/live/ws", "sse": "/live/sse", "poll": "/live/poll"}


class NoTickets(Refusal):
    """What keeps the tickets does not answer."""

    code = "try_later"
    status = 503
    message = _("Tickets cannot be given out just now. Try again in a few seconds, or show your key itself.")


class Lines(serializers.Serializer[Any]):
    """Where the ticket may be shown."""

    websocket = serializers.CharField()
    sse = serializers.CharField()
    poll = serializers.CharField()


class Ticket(serializers.Serializer[Any]):
    """Lets in once, until it expires; the line then lives for as long as the key or account may."""

    ticket = serializers.CharField()
    expiresAt = serializers.DateTimeField()
    urls = Lines()


class TicketsView(View):
    """`POST /live/tickets`."""

    @extend_schema(
        operation_id="createLiveTicket", summary="Ask for a live ticket", request=None, responses={201: Ticket}
    )
    def post(self, request: Request) -> Response:
        """A single-use ticket for `/live/ws`, `/live/sse` or `/live/poll`, valid for half a minute."""
        try:
            secret = tickets.issue(_credential(request))
        except RedisError as error:
            raise NoTickets from error
        until = clock.now() + timedelta(seconds=tickets.SECONDS)
        urls = {name: f"{path}?ticket={secret}" for name, path in TRANSPORTS.items()}
        headers = {"Cache-Control": "no-store"}
        return Response({"ticket": secret, "expiresAt": until, "urls": urls}, status=201, headers=headers)


def _credential(request: Request) -> Credential:
    """What the line will stand on: when the key is revoked, or the session or password ends, so does the line."""
    way = request.successful_authenticator
    if isinstance(way, ApiKeyAuthentication):
        return Credential("key", secret_of(request))
    if isinstance(way, SessionAuthentication):
        return Credential("session", str(request.session.session_key))
    return Credential("account", account_of(principal(request)))
