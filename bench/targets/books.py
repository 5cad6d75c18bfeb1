"""`books`: what balances and statements cost when the ledger has three million postings.

`--size` shrinks it: at 1 there are 1.5 M entries of two postings, a tenth of them of one large shop, the rest of 200
others, spread over 400 days. Nothing is summed up beforehand: every figure is read from the postings themselves.
"""

import time
from collections.abc import Callable, Iterator
from datetime import date, timedelta
from functools import partial
from statistics import median
from typing import Final

from django.db import connection, transaction
from django.db.models import Max

from bench import crowd
from bench.report import Row
from bench.stand import Stand
from config.ground import clock
from orders.models import Shop
from orders.span import Span
from payments import ledger
from payments.ledger import Movement
from payments.models import LedgerEntry
from payments.statements.file import file_of
from payments.statements.reading import days, lines, statement

ENTRIES: Final = 1_500_000
SHOPS: Final = 200  # one of them large; 199 and 10 have no common factor, so each of the others gets its share
DAYS: Final = 400
ROUNDS: Final = 9
BOOKED: Final = 300
AT_ONCE: Final = 50_000  # entries per statement of the filling


def run(stand: Stand) -> list[Row]:
    """Measure."""
    entries = max(10_000, round(ENTRIES * stand.size))
    today = clock.now().date()
    large, small, *rest = (_shop(f"books {number}") for number in range(SHOPS))
    began = time.perf_counter()
    _fill(entries, large, [small, *rest])
    made = {"entries": entries, "filled_s": round(time.perf_counter() - began, 1)}
    return [
        *_balances(made),
        *_statements("large", large, today),
        *_statements("small", small, today),
        _file(large, today),
        _booking(small),
    ]


def _shop(name: str) -> Shop:
    return Shop.objects.create(trade="MEAL", name_en=name, name_zh=name, latitude=31.23, longitude=121.47)


def _fill(entries: int, large: Shop, others: list[Shop]) -> None:
    """Entries as the services would write them; the checks of each row are not what is measured here."""
    names = ("gateway:ALIPAY", "gateway:WECHAT", "revenue:MEAL")
    with transaction.atomic():
        alipay, wechat, revenue = (account.pk for account in ledger.hold(*names).values())
    facts = {"large": large.pk, "shops": [shop.pk for shop in others], "step": DAYS * 86_400 / entries,
             "alipay": alipay, "wechat": wechat, "revenue": revenue, "base": _newest()}  # fmt: skip
    for first in range(1, entries + 1, AT_ONCE):
        numbers = {"first": first, "last": min(first + AT_ONCE - 1, entries)}
        with transaction.atomic(), connection.cursor() as cursor:
            cursor.execute("SET LOCAL session_replication_role = replica")
            cursor.execute("SET LOCAL synchronous_commit = off")
            cursor.execute(ENTRY, facts | numbers)
            cursor.execute(POSTING, facts | numbers)
    with connection.cursor() as cursor:
        cursor.execute("SELECT setval(pg_get_serial_sequence('payments_ledgerentry', 'id'), %s)", [_newest()])
    crowd.settle("payments_ledgerentry", "payments_ledgerposting")


def _newest() -> int:
    return LedgerEntry.objects.aggregate(last=Max("pk"))["last"] or 1


ENTRY: Final = """
    INSERT INTO payments_ledgerentry (id, ref, kind, shop_id, order_ref, currency, parts, booked_at)
    SELECT %(base)s + n, 'crowd:' || n, CASE WHEN n %% 20 = 0 THEN 'REFUND' ELSE 'PAYMENT' END,
           CASE WHEN n %% 10 = 0 THEN %(large)s
                ELSE (%(shops)s::bigint[])[1 + n %% 199] END,
           'ord_' || n, 'CNY', 2, now() - make_interval(days => 400) + make_interval(secs => n * %(step)s)
    FROM generate_series(%(first)s, %(last)s) AS n
"""
POSTING: Final = """
    INSERT INTO payments_ledgerposting (entry_id, account_id, amount_minor)
    SELECT %(base)s + n, side.account, side.sign * (CASE WHEN n %% 20 = 0 THEN -1 ELSE 1 END) * (1000 + n %% 9000)
    FROM generate_series(%(first)s, %(last)s) AS n,
         LATERAL (VALUES (CASE WHEN n %% 3 = 0 THEN %(alipay)s ELSE %(wechat)s END, 1), (%(revenue)s, -1))
         AS side (account, sign)
"""


def _balances(made: dict[str, object]) -> Iterator[Row]:
    """The largest account, as it is and as it was, and all of them together, which have to sum to zero."""
    yield _row("books, one balance", partial(ledger.balance, "revenue:MEAL"), "≤ 500", made)
    past = clock.now() - timedelta(days=200)
    yield _row("books, a balance as of a day", partial(ledger.balance, "revenue:MEAL", at=past), "≤ 2000")
    total = sum(row.balance_minor for row in ledger.trial_balance())
    yield _row("books, trial balance", ledger.trial_balance, "≤ 3000", {"sums_to": total}, losses=int(total != 0))


def _statements(which: str, shop: Shop, today: date) -> Iterator[Row]:
    """A day, its first page of movements, and a month by days, of one shop."""
    day = Span(shop, today - timedelta(days=1), today - timedelta(days=1))
    month = Span(shop, today - timedelta(days=30), today)
    found = statement(month)
    facts = {"movements_a_month": found.sums.movements}
    wrong = int(sum(sums.net_minor for _day, sums in days(month)) != found.sums.net_minor)
    yield _row(f"books, {which} shop, a day", lambda: (statement(day), lines(day)), "≤ 1000", losses=wrong)
    yield _row(f"books, {which} shop, a month", lambda: (statement(month), days(month)), "≤ 1000", facts)


def _file(shop: Shop, today: date) -> Row:
    """Stream the large shop's year."""
    began = time.perf_counter()
    count = sum(1 for _line in file_of(Span(shop, today - timedelta(days=365), today))) - 1
    seconds = time.perf_counter() - began
    return Row("books, file of a year", "lines/s", count / seconds, ship="≥ 5000", details={"lines": count})


def _booking(shop: Shop) -> Row:
    """Book payments one by one, each committed, with every check of the database."""
    began = time.perf_counter()
    for number in range(BOOKED):
        with transaction.atomic():
            movement = Movement(f"booked:{number}", LedgerEntry.Kind.PAYMENT, shop.pk)
            ledger._post(movement, {"gateway:WECHAT": 100, "revenue:MEAL": -100})  # noqa: SLF001 - the write itself
    return Row("books, booking", "entries/s", BOOKED / (time.perf_counter() - began), ship="≥ 100")


def _row(
    name: str, work: Callable[[], object], bar: str, details: dict[str, object] | None = None, losses: int = 0
) -> Row:
    took = []
    for _round in range(ROUNDS):
        began = time.perf_counter()
        work()
        took.append((time.perf_counter() - began) * 1000)
    return Row(name, "ms", median(took), ship=bar, losses=losses, details=details or {})
