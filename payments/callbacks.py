"""The doors that gateways call: verify, keep, record, apply, answer. `/callbacks/wechat` and `/callbacks/alipay`.

Not inside a transaction of the request: the fact is committed before its effect is tried. A forged notification is
kept, answered 401 and changes nothing; a repeated one is answered like the first.
"""

import logging

from django.db import transaction
from django.http import HttpRequest, HttpResponse
from django.urls import path
from django.views.decorators.csrf import csrf_exempt
from django.views.decorators.http import require_POST

from payments import inbox
from payments.gateways import GATEWAYS
from payments.gateways.base import Channel, Forged, Gateway, GatewayError, Notification, Reply
from payments.services import hear_notification

LARGEST = 65_536  # bytes; a genuine notification has less than 4 KiB

logger = logging.getLogger(__name__)
app_name = "callbacks"


@csrf_exempt
@require_POST
@transaction.non_atomic_requests
def receive(request: HttpRequest, channel: Channel) -> HttpResponse:
    """Answer one notification: success when its fact is kept, 401 when it is forged, 5xx when it must come again."""
    gateway = GATEWAYS[channel]
    body = request.read(LARGEST + 1)  # the rest of a longer one is not read
    try:
        notice = _believed(gateway, request, body)
        hear_notification(channel, notice, request.headers, body)
    except Forged as forged:
        inbox.keep_forged(channel, str(forged), request.headers, body)
        return _as_response(gateway.acknowledge(ok=False))
    except GatewayError:
        logger.exception("%s: a notification cannot be verified or proven now", channel)
        return HttpResponse(status=503)
    return _as_response(gateway.acknowledge(ok=True))


def _believed(gateway: Gateway, request: HttpRequest, body: bytes) -> Notification:
    if len(body) > LARGEST:
        raise Forged("shape", "too long")
    return gateway.parse_notification(request.headers, body)


def _as_response(reply: Reply) -> HttpResponse:
    return HttpResponse(reply.body, status=reply.status, content_type=reply.content_type)


urlpatterns = [
    path("wechat", receive, {"channel": "WECHAT"}, name="wechat"),
    path("alipay", receive, {"channel": "ALIPAY"}, name="alipay"),
]
