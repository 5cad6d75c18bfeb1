"""A stand-in for WeChat Pay and Alipay: a process of its own that speaks their real protocols. No money moves.

Started by the local stack and by tests as `python -m payments.simulator`. It has its own keys, its own signing and
its own books, and imports nothing of ours, so that a mistake of ours cannot hide in a shared line.

What it keeps, in `--state DIR`:

    books.sqlite3                    every trade, refund and undelivered notification
    keys/                            private keys of the two gateways and of the demo merchant, wechat_platform_cert.pem

What it writes for the shop, in `--gateway-dir DIR2` (default `DIR/../gateways`), all 0600, unless a merchant of
somebody else lives there:

    merchant.json                    numbers and names, marked `"made_by": "simulator"`
    wechat_merchant_private.pem      wechat_platform_public.pem
    alipay_merchant_private.pem      alipay_platform_public.pem

Doors: `/v3/…` (WeChat Pay API v3), `/gateway.do` (Alipay), `/scan?code_url=…` and `/cashier/…` (the buyer),
`/oracle/…` (tests and the load simulator), `/healthz`.
"""
