"""The books: entries of postings that sum to zero. They only grow; the database refuses everything else."""

import pgtrigger
from django.db import models
from django.db.models import Q

from config.ground import clock
from orders.catalog.models import Shop

# At the commit, because an entry and its postings are written by several statements. `parts` closes an entry: postings
# that are added later, even ones that sum to zero, would rewrite a day that was already told.
SUMS_TO_ZERO = """
    SELECT e.parts, count(p.id) AS found, coalesce(sum(p.amount_minor), 0) AS total,
           count(*) FILTER (WHERE a.currency <> e.currency) AS foreigners INTO entry
        FROM payments_ledgerentry e
        LEFT JOIN payments_ledgerposting p ON p.entry_id = e.id
        LEFT JOIN payments_ledgeraccount a ON a.id = p.account_id
        WHERE e.id = {entry} GROUP BY e.parts;
    IF entry.total <> 0 OR entry.found < 2 OR entry.found <> entry.parts OR entry.foreigners > 0 THEN
        RAISE EXCEPTION 'ledger entry %: % of % postings, which sum to %',
            {entry}, entry.found, entry.parts, entry.total
            USING ERRCODE = 'check_violation', CONSTRAINT = 'ledger_sums_to_zero';
    END IF;
    RETURN NULL;
"""


def _sums_to_zero(entry: str) -> pgtrigger.Trigger:
    return pgtrigger.Trigger(
        name="ledger_sums_to_zero",
        when=pgtrigger.After,
        operation=pgtrigger.Insert,
        timing=pgtrigger.Deferred,
        declare=[("entry", "RECORD")],
        func=SUMS_TO_ZERO.format(entry=entry),
    )


def _only_grows() -> pgtrigger.Trigger:
    return pgtrigger.Protect(name="ledger_only_grows", operation=pgtrigger.Update | pgtrigger.Delete)


class LedgerAccount(models.Model):
    """`gateway:WECHAT`, `cash:rider:usr_…`, `revenue:MEAL`, `suspense`, …; made when first posted to."""

    name = models.CharField(max_length=60)
    currency = models.CharField(max_length=3, default="CNY")

    class Meta:
        constraints = [models.UniqueConstraint(fields=["name", "currency"], name="one_account_a_currency")]
        triggers = [_only_grows()]

    def __str__(self) -> str:
        return self.name


class LedgerEntry(models.Model):
    """One movement; `ref` (such as `payment:pay_…`) makes booking it twice impossible."""

    class Kind(models.TextChoices):
        PAYMENT = "PAYMENT", "Payment"
        REFUND = "REFUND", "Refund"
        FEE = "FEE", "Gateway’s fee"
        CASH = "CASH", "Cash handed in"

    ref = models.CharField(max_length=80, unique=True)
    kind = models.CharField(max_length=8, choices=Kind.choices)
    shop = models.ForeignKey(Shop, on_delete=models.PROTECT, null=True, related_name="+", db_index=False)
    order_ref = models.CharField(max_length=24)
    currency = models.CharField(max_length=3, default="CNY")
    parts = models.PositiveSmallIntegerField()  # how many postings it has, for good
    booked_at = models.DateTimeField(default=clock.now)

    class Meta:
        verbose_name_plural = "ledger entries"
        constraints = [
            models.CheckConstraint(
                name="ledger_kind_known", condition=Q(kind__in=["PAYMENT", "REFUND", "FEE", "CASH"])
            ),
        ]
        indexes = [
            models.Index(fields=["shop", "booked_at", "id"], name="ledger_of_a_shop", condition=Q(shop__isnull=False)),
            models.Index(fields=["order_ref"], name="ledger_of_an_order", condition=~Q(order_ref="")),
        ]
        triggers = [_only_grows(), _sums_to_zero("NEW.id")]

    def __str__(self) -> str:
        return self.ref


class LedgerPosting(models.Model):
    """Plus: the account has (or is owed) more; minus: less."""

    entry = models.ForeignKey(LedgerEntry, on_delete=models.PROTECT, related_name="postings", db_index=False)
    account = models.ForeignKey(LedgerAccount, on_delete=models.PROTECT, related_name="postings", db_index=False)
    amount_minor = models.BigIntegerField()

    class Meta:
        constraints = [models.CheckConstraint(name="a_posting_moves_something", condition=~Q(amount_minor=0))]
        indexes = [  # covering: balances and statements are summed from the index alone
            models.Index(fields=["account", "id"], name="postings_of_an_account", include=["amount_minor"]),
            models.Index(fields=["entry"], name="postings_of_an_entry", include=["account", "amount_minor"]),
        ]
        triggers = [_only_grows(), _sums_to_zero("NEW.entry_id")]

    def __str__(self) -> str:
        return f"{self.entry_id} {self.amount_minor:+}"
