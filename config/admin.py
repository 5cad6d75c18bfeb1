"""Where the desk is joined: the order page gets what payments and tracking know, which orders itself may not import."""

import json
from typing import Any

from django.contrib import admin
from django.core.exceptions import PermissionDenied
from django.db.models import Q
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import render
from django.urls import URLPattern, path
from django.utils.translation import gettext_lazy as _

from config.desk import panels, repairs
from orders.admin.keyhands import REPLACE_KEY, SHOW_KEY
from orders.admin.orders import OrderAdmin
from orders.admin.repairs import CANCEL, COLLECTED, CONFIRM, NOTE, READY, START
from orders.models import Order
from payments.models import Attempt, InboxEntry, Refund


@admin.register(Order)
class JoinedOrderAdmin(OrderAdmin):
    """The X-ray with every panel, every repair, and search by the numbers of payments and refunds."""

    panels = (panels.payments, panels.proposals, panels.delivery, panels.card_keys)
    repairs = (
        CONFIRM,
        START,
        READY,
        repairs.ANOTHER_RIDER,
        repairs.DELIVERED,
        COLLECTED,
        repairs.ASK,
        repairs.APPLY,
        repairs.PUSH,
        repairs.REFUND,
        repairs.ANOTHER_WAY,
        REPLACE_KEY,
        SHOW_KEY,
        CANCEL,
        NOTE,
    )

    def found_elsewhere(self, term: str) -> Q:
        """Orders of this payment number: ours, the gateway's, or a refund's."""
        paid = Attempt.objects.filter(Q(out_trade_no=term) | Q(gateway_txn_no=term) | Q(public_id=term))
        returned = Refund.objects.filter(Q(out_refund_no=term) | Q(gateway_refund_no=term))
        return Q(pk__in=paid.values("order")) | Q(pk__in=returned.values("attempt__order"))

    def get_urls(self) -> list[URLPattern]:
        """Add the address of what a gateway really sent."""
        raw = self.admin_site.admin_view(self.raw_view)
        return [path("<str:object_id>/raw/<int:entry>/", raw, name="orders_order_raw"), *super().get_urls()]

    def raw_view(self, request: HttpRequest, object_id: str, entry: int) -> HttpResponse:
        """One message of a gateway about this order, as it came."""
        if not request.user.has_perm("payments.view_inboxentry"):
            raise PermissionDenied(_("read gateway messages"))
        order = self.one(object_id)
        message = next((one for one in panels.messages_about(order) if one.pk == entry), None)
        if message is None:
            raise Http404
        facts: dict[str, Any] = {"order": order, "message": message, "body": pretty(message), "zone": order.shop.zone}
        return render(request, "admin/orders/order/raw.html", {**self.admin_site.each_context(request), **facts})


def pretty(message: InboxEntry) -> str:
    """The body as text, indented when it is JSON."""
    text = bytes(message.body).decode(errors="replace")
    try:
        return json.dumps(json.loads(text), indent=2, ensure_ascii=False)
    except ValueError:
        return text
