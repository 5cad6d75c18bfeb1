"""The receipt of an order: what was bought and paid, and the proof that nobody rewrote the order since."""

from django.http import HttpRequest, HttpResponse, JsonResponse
from django.shortcuts import render
from django.views.decorators.http import require_GET

from notifications.seal import proofs
from orders.access import asker, own_order
from orders.storefront.found import order_or_missing


@require_GET
@order_or_missing
def receipt(request: HttpRequest, order_id: str) -> HttpResponse:
    """The page; the proof on it is fetched and checked by the browser."""
    order = own_order(asker(request), order_id)
    total = order.paid_minor - order.returned_minor if order.paid_minor else order.total_minor
    return render(request, "storefront/receipt.html", {"order": order, "shop": order.shop, "total": total})


@require_GET
@order_or_missing
def proof(request: HttpRequest, order_id: str) -> HttpResponse:
    """The proof as a file that can be checked without us; 202 until the log is signed over the order."""
    order = own_order(asker(request), order_id)
    found = proofs.of_stream(f"order/{order.public_id}")
    if found is None:
        return JsonResponse({"code": "not_signed_yet"}, status=202)
    name = f"proof-{order.public_id}.json"
    return JsonResponse(found, headers={"Content-Disposition": f'attachment; filename="{name}"'})
