"""A stand-in for WeChat Pay and Alipay: a process of its own that speaks their real protocols. No money moves.

Started by the local stack and by tests as `python -m payments.simulator`. It has its own keys, its own signing and
its own books, and imports nothing of ours, so that a mistake of ours cannot hide in a shared line.

What it keeps, in `--state DIR`:

    books.sqlite3                    every trade, refund and undelivered notification, 0600
    keys/                            private keys of the two gateways and of the demo merchant, wechat_platform_cert.pem

What it writes for the shop, in `--gateway-dir DIR2` (default `DIR/../gateways`), all 0600, unless a merchant of
somebody else lives there:

    merchant.json                    numbers and names, marked `"made_by": "simulator"`
    wechat_merchant_private.pem      wechat_platform_public.pem (and …_public_<id>.pem while WeChat Pay changes its key)
    alipay_merchant_private.pem      alipay_platform_public.pem

Doors: `/v3/…` (WeChat Pay API v3), `/gateway.do` (Alipay), `/scan?code_url=…` and `/cashier/…` (the buyer),
`/oracle/…` (tests and the load simulator), `/healthz`.

What the real ones do and this one does not:

    WeChat Pay   payment codes (and with them USERPAYING, PAYERROR, REVOKED), apps, combined and partner payments,
                 coupons of the merchant, refunds out of chosen accounts, the call for abnormal refunds, fund-flow
                 bills, bills before 10:00 being late by themselves, limits of frequency, the check of the h5 domain;
                 a refund without an address of its own is notified to that of its payment
    Alipay       payment codes, apps, certificates instead of keys, AES of the content, relative
                 timeouts, notifications of WAIT_BUYER_PAY and of trades that closed unpaid, royalties,
                 monthly bills; amounts need two decimals
    both         whether a buyer has money, risk control, currencies other than CNY, fees other than 0.6 %
"""
