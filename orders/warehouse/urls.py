"""Addresses of the picker's screens, below /warehouse/."""

from django.urls import path

from orders.warehouse import views

app_name = "warehouse"

urlpatterns = [
    path("<shop_id>/", views.orders, name="orders"),
    path("<shop_id>/<order_id>/", views.picker, name="picker"),
    path("<shop_id>/<order_id>/<verb>/", views.press, name="press"),
]
