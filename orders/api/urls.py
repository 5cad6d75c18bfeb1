"""The addresses of the API that belong to orders; config/api.py gathers them with the other apps'."""

from django.urls import path

from orders.api import webhooks
from orders.api.feed import FeedView
from orders.api.kitchen import VERBS
from orders.api.live import TicketsView
from orders.api.orders import CancelView, EventsView, OrdersView, OrderView
from orders.api.restaurants import MenuView, RestaurantsView

urlpatterns = [
    path("orders", OrdersView.as_view(), name="orders"),
    path("orders/<str:order_id>", OrderView.as_view(), name="order"),
    path("orders/<str:order_id>/events", EventsView.as_view(), name="order-events"),
    path("orders/<str:order_id>/cancel", CancelView.as_view(), name="order-cancel"),
    *(path(f"orders/<str:order_id>/{verb}", view.as_view(), name=f"order-{verb}") for verb, view in VERBS.items()),
    path("live/tickets", TicketsView.as_view(), name="live-tickets"),
    path("events", FeedView.as_view(), name="events"),
    path("webhooks", webhooks.WebhooksView.as_view(), name="webhooks"),
    path("webhooks/<str:webhook_id>", webhooks.WebhookView.as_view(), name="webhook"),
    path("webhooks/<str:webhook_id>/secret", webhooks.SecretView.as_view(), name="webhook-secret"),
    path("webhooks/<str:webhook_id>/resend", webhooks.ResendView.as_view(), name="webhook-resend"),
    path("webhooks/<str:webhook_id>/messages", webhooks.MessagesView.as_view(), name="webhook-messages"),
    path(
        "webhooks/<str:webhook_id>/messages/<str:message_id>/resend",
        webhooks.MessageView.as_view(),
        name="webhook-message-resend",
    ),
    *(
        path(f"webhooks/<str:webhook_id>/{verb}", view.as_view(), name=f"webhook-{verb}")
        for verb, view in webhooks.VERBS.items()
    ),
    path("restaurants", RestaurantsView.as_view(), name="restaurants"),
    path("restaurants/<str:shop_id>/menu", MenuView.as_view(), name="menu"),
]
