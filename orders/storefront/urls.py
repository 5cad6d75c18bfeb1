"""The addresses of the storefront, from the first page to a card key."""

from django.urls import path

from orders.account import push
from orders.storefront import cart, checkout, guests, keys, orders, receipt, shops

app_name = "storefront"
urlpatterns = [
    path("", shops.home, name="home"),
    path("sw.js", push.worker, name="worker"),
    path("address/", checkout.address, name="address"),
    path("shops/<str:shop_id>/", shops.shop, name="shop"),
    path("shops/<str:shop_id>/products/<str:product_id>/", shops.product, name="product"),
    path("shops/<str:shop_id>/products/<str:product_id>/price/", shops.price, name="price"),
    path("shops/<str:shop_id>/products/<str:product_id>/card/", shops.card, name="card"),
    path("cart/<str:shop_id>/", cart.cart, name="cart"),
    path("cart/<str:shop_id>/put/", cart.put, name="put"),
    path("cart/<str:shop_id>/set/", cart.set_quantity, name="set"),
    path("checkout/<str:shop_id>/", checkout.checkout, name="checkout"),
    path("checkout/<str:shop_id>/bill/", checkout.bill, name="bill"),
    path("orders/", orders.orders, name="orders"),
    path("orders/<str:order_id>/", orders.order, name="order"),
    path("orders/<str:order_id>/g/<str:secret>/", guests.guest, name="guest"),
    path("orders/<str:order_id>/door/", guests.door, name="door"),
    path("orders/<str:order_id>/panels/<str:panel>/", orders.panel, name="panel"),
    path("orders/<str:order_id>/cancel/", orders.cancel, name="cancel"),
    path("orders/<str:order_id>/receipt/", receipt.receipt, name="receipt"),
    path("orders/<str:order_id>/receipt/proof.json", receipt.proof, name="proof"),
    path("orders/<str:order_id>/again/", orders.again, name="again"),
    path("orders/<str:order_id>/keys/<int:line_no>/<int:unit_no>/", keys.key, name="key"),
]
