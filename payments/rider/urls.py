"""The rider's addresses for cash, below /rider/."""

from django.urls import path

from payments.rider import cash

app_name = "cash"
urlpatterns = [
    path("jobs/<str:order_id>/cash/", cash.collected, name="collected"),
    path("cash/", cash.mine, name="mine"),
    path("cash/close/", cash.close, name="close"),
    path("cash/<str:hand_in>/withdraw/", cash.withdraw, name="withdraw"),
]
