"""Money: what is owed, what each gateway was asked and told us, what was booked, and who is owed something back.

`gateways/` speaks to WeChat Pay, Alipay and the rider's purse through one typed port; `simulator/` is a separate
process that stands in for the two gateways and imports nothing of ours.
"""
