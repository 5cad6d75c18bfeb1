"""The addresses of the API that belong to payments; config/api.py gathers them with the other apps'."""

from django.urls import path

from payments.api.payments import CashView, PaymentsView
from payments.api.refunds import RefundsView
from payments.api.statement import StatementView

urlpatterns = [
    path("orders/<str:order_id>/payments", PaymentsView.as_view(), name="order-payments"),
    path("orders/<str:order_id>/cash", CashView.as_view(), name="order-cash"),
    path("orders/<str:order_id>/refunds", RefundsView.as_view(), name="order-refunds"),
    path("restaurants/<str:restaurant_id>/statement", StatementView.as_view(), name="statement"),
]
