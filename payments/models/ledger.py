"""The books: entries of postings that sum to zero. They only grow; the database refuses everything else."""

import pgtrigger
from django.db import models
from django.db.models import Q

from config.ground import clock

# At the commit, because an entry and its postings are written by several statements.
SUMS_TO_ZERO = """
    IF (SELECT coalesce(sum(amount_minor), 1) FROM payments_ledgerposting WHERE entry_id = {entry}) <> 0 THEN
        RAISE EXCEPTION 'ledger entry % does not sum to zero', {entry}
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
        func=SUMS_TO_ZERO.format(entry=entry),
    )


def _only_grows() -> pgtrigger.Trigger:
    return pgtrigger.Protect(name="ledger_only_grows", operation=pgtrigger.Update | pgtrigger.Delete)


class LedgerAccount(models.Model):
    """`gateway:WECHAT`, `cash:rider:usr_…`, `revenue:MEAL`, `suspense`, …; made when first posted to."""

    name = models.CharField(max_length=60, unique=True)

    def __str__(self) -> str:
        return self.name


class LedgerEntry(models.Model):
    """One movement; `ref` (such as `payment:pay_…`) makes booking it twice impossible."""

    ref = models.CharField(max_length=80, unique=True)
    order_ref = models.CharField(max_length=24)
    currency = models.CharField(max_length=3, default="CNY")
    booked_at = models.DateTimeField(default=clock.now)

    class Meta:
        triggers = [_only_grows(), _sums_to_zero("NEW.id")]


class LedgerPosting(models.Model):
    """Plus: the account has (or is owed) more; minus: less."""

    entry = models.ForeignKey(LedgerEntry, on_delete=models.PROTECT, related_name="postings")
    account = models.ForeignKey(LedgerAccount, on_delete=models.PROTECT, related_name="postings")
    amount_minor = models.BigIntegerField()

    class Meta:
        constraints = [models.CheckConstraint(name="a_posting_moves_something", condition=~Q(amount_minor=0))]
        triggers = [_only_grows(), _sums_to_zero("NEW.entry_id")]
