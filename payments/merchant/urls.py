"""The shop's address for cash, below /merchant/."""

from django.urls import path

from payments.merchant import counter

app_name = "counter"
urlpatterns = [path("<shop_id>/orders/<order_id>/cash/", counter.counted, name="counted")]
