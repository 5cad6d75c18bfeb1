"""The addresses of the pay page."""

from django.urls import path

from payments.storefront import views

app_name = "payments"
urlpatterns = [
    path("orders/<str:order_id>/pay/", views.pay, name="pay"),
    path("orders/<str:order_id>/pay/card/", views.card, name="card"),
    path("orders/<str:order_id>/pay/check/", views.paid_check, name="paid_check"),
]
