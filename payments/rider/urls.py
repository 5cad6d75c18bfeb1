"""The rider's addresses for cash, below /rider/."""

from django.urls import path

from payments.rider import views

app_name = "cash"
urlpatterns = [path("jobs/<str:order_id>/cash/", views.collected, name="collected")]
