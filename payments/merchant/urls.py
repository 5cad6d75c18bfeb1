"""The shop's addresses for money, below /merchant/."""

from django.urls import path

from payments.merchant import counter, refunds, statement, till

app_name = "counter"
urlpatterns = [
    path("<shop_id>/orders/<order_id>/cash/", counter.counted, name="counted"),
    path("<shop_id>/orders/<order_id>/refund/", refunds.refund, name="refund"),
    path("<shop_id>/cash-back/", refunds.cash_back, name="cash_back"),
    path("<shop_id>/cash-back/<refund_no>/", refunds.paid_out, name="paid_out"),
    path("<shop_id>/statement/", statement.statement, name="statement"),
    path("<shop_id>/statement/<period>.csv", statement.file, name="statement_file"),
    path("<shop_id>/statement/<period>/", statement.period, name="statement_of"),
    path("<shop_id>/till/", till.till, name="till"),
    path("<shop_id>/till/count/", till.count, name="count_till"),
    path("<shop_id>/till/<hand_in>/receive/", till.receive, name="receive"),
    path("<shop_id>/till/<hand_in>/withdraw/", till.withdraw, name="withdraw"),
]
