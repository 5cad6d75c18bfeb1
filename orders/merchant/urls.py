"""Addresses of the shop's side, below /merchant/."""

from django.urls import path

from orders.merchant import (
    board,
    dialogs,
    goods,
    keys,
    page,
    products,
    statistics,
    steps,
    voids,
    webhook_questions,
    webhooks,
)

app_name = "merchant"
ORDER = "<shop_id>/orders/<order_id>/"
PRODUCT = "<shop_id>/products/<product_id>/"
IMPORT = "<shop_id>/keys/imports/<import_id>/"

urlpatterns = [
    path("", board.home, name="home"),
    path("<shop_id>/", board.board, name="board"),
    path("<shop_id>/tickets/<order_id>/", board.ticket, name="ticket"),
    path("<shop_id>/switches/", board.switches, name="switches"),
    path("<shop_id>/switches/<what>/", board.switch, name="switch"),
    path(ORDER, page.order, name="order"),
    path(f"{ORDER}reject/", dialogs.reject, name="reject"),
    path(f"{ORDER}call-off/", dialogs.call_off, name="call_off"),
    path(f"{ORDER}lines/<int:line_no>/sold-out/", dialogs.sold_out, name="sold_out"),
    path(f"{ORDER}<verb>/", steps.step, name="step"),
    path("<shop_id>/products/", products.products, name="products"),
    path("<shop_id>/products/new/", goods.add, name="new_product"),
    path(PRODUCT, goods.change, name="product"),
    path(f"{PRODUCT}row/", products.row, name="product_row"),
    path(f"{PRODUCT}sale/", products.sale, name="sale"),
    path(f"{PRODUCT}count/", products.count, name="count"),
    path(f"{PRODUCT}choices/<int:place>/", goods.choice, name="choice"),
    path("<shop_id>/keys/", keys.pools, name="keys"),
    path("<shop_id>/keys/<pool_id>/", keys.pool, name="pool"),
    path("<shop_id>/keys/<pool_id>/void/", voids.void, name="void_key"),
    path("<shop_id>/keys/<pool_id>/limits/", keys.limits, name="pool_limits"),
    path(IMPORT, keys.key_import, name="key_import"),
    path(f"{IMPORT}void/", voids.void_batch, name="void_batch"),
    path(f"{IMPORT}stop/", keys.stop, name="stop_import"),
    path(f"{IMPORT}report.csv", keys.report, name="import_report"),
    path("<shop_id>/statistics/", statistics.statistics, name="statistics"),
    path("<shop_id>/webhooks/", webhooks.webhooks, name="webhooks"),
    path("<shop_id>/webhooks/new/", webhook_questions.add, name="new_webhook"),
    path("<shop_id>/webhooks/messages/<message_id>/", webhooks.message, name="webhook_message"),
    path("<shop_id>/webhooks/<endpoint_id>/<what>/", webhook_questions.act, name="webhook"),
]
