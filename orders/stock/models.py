"""Counted stock and card keys; the constraints and triggers here make overselling impossible."""

import pgtrigger
from django.db import models
from django.db.models import F, Q

from config.ground import clock, ids, vault
from orders.catalog.models import Product, Shop


def new_pool_id() -> str:
    """A fresh `pool_…`."""
    return ids.new_id("pool")


def new_key_id() -> str:
    """A fresh `ck_…`."""
    return ids.new_id("ck")


def mark_of(text: str, shop_pk: int) -> bytes:
    """The fingerprint of a key's text: one per shop, so that no text can lie in two of its pools."""
    return vault.fingerprint(text, f"key|shop|{shop_pk}")


def new_voiding_id() -> str:
    """A fresh `vod_…`."""
    return ids.new_id("vod")


# A key's uses are either left or stand as rows: nothing is given out twice and nothing gets lost, by whatever hand.
# At the commit, because key and row are written by two statements.
USES_ADD_UP = """
    PERFORM 1 FROM orders_key AS k
      WHERE k.id = {key}
        AND k.uses <> k.uses_left + (SELECT count(*) FROM orders_keyissue AS i WHERE i.key_id = k.id);
    IF FOUND THEN
        RAISE EXCEPTION 'the uses of key % do not add up', {key}
            USING ERRCODE = 'check_violation', CONSTRAINT = 'key_uses_add_up';
    END IF;
    RETURN NULL;
"""


def _uses_add_up(name: str, key: str, operation: pgtrigger.core.Operation) -> pgtrigger.Trigger:
    return pgtrigger.Trigger(
        name=name,
        when=pgtrigger.After,
        operation=operation,
        timing=pgtrigger.Deferred,
        func=USES_ADD_UP.format(key=key),
    )


class Stock(models.Model):
    """One row per counted product: what is in the house and what of it is promised."""

    product = models.OneToOneField(Product, on_delete=models.CASCADE, primary_key=True, related_name="stock")
    on_hand = models.PositiveIntegerField(default=0)
    reserved = models.PositiveIntegerField(default=0)

    class Meta:
        verbose_name_plural = "stock"
        constraints = [
            models.CheckConstraint(
                name="never_promise_more_than_is_there", condition=models.Q(reserved__lte=models.F("on_hand"))
            ),
        ]

    @property
    def left(self) -> int:
        """How many can still be sold."""
        return self.on_hand - self.reserved


class KeyPool(models.Model):
    """A heap of interchangeable card keys. `uses` > 1: one key serves so many buyers, each of them once.

    `version` counts the events of the stream `pool/<public_id>`: running low, refilled.
    """

    public_id = models.CharField(max_length=24, unique=True, default=new_pool_id, editable=False)
    shop = models.ForeignKey(Shop, on_delete=models.CASCADE, related_name="pools")
    name = models.CharField(max_length=80)
    uses = models.PositiveIntegerField(default=1)
    per_buyer = models.PositiveIntegerField(default=0)  # units that one buyer may have of it; 0: as many as there are
    low_at = models.PositiveIntegerField(default=5)  # the shop is warned from so many units on; 0: never
    low_since = models.DateTimeField(null=True, blank=True)  # it was warned then, and nobody refilled it since
    version = models.PositiveIntegerField(default=0)

    class Meta:
        constraints = [
            models.CheckConstraint(name="a_key_of_the_pool_has_a_use", condition=Q(uses__gte=1)),
        ]

    def __str__(self) -> str:
        return self.name

    @property
    def is_single_use(self) -> bool:
        """Whether each key goes to one buyer only."""
        return self.uses == 1

    @property
    def stream(self) -> str:
        """Its events in the log."""
        return f"pool/{self.public_id}"

    def mark(self, text: str) -> bytes:
        """The fingerprint of a key's text in this pool's shop."""
        return mark_of(text, self.shop_id)


class KeyVoiding(models.Model):
    """One act of taking keys out of sale: which, how many, who and why; the keys point to it. Only grows (trigger)."""

    class Kind(models.TextChoices):
        ONE = "ONE", "One key"
        LIST = "LIST", "A list of keys"
        BATCH = "BATCH", "A whole batch"
        REPLACED = "REPLACED", "Replaced for its buyer"

    public_id = models.CharField(max_length=24, unique=True, default=new_voiding_id, editable=False)
    pool = models.ForeignKey(KeyPool, on_delete=models.PROTECT, related_name="voidings")
    kind = models.CharField(max_length=8, choices=Kind.choices)
    batch = models.ForeignKey("orders.KeyImport", on_delete=models.PROTECT, null=True, blank=True)
    count = models.PositiveIntegerField()  # keys that it took out
    kept = models.PositiveIntegerField(default=0)  # keys it was asked for and that are with a buyer already
    reason = models.CharField(max_length=200)
    by = models.CharField(max_length=32)  # usr_…
    at = models.DateTimeField(default=clock.now)

    class Meta:
        ordering = ["-id"]
        triggers = [pgtrigger.Protect(name="voidings_only_grow", operation=pgtrigger.Update | pgtrigger.Delete)]

    def __str__(self) -> str:
        return self.public_id


class Key(models.Model):
    """One card key: sealed text, a fingerprint against duplicates, and how many of its uses are left.

    The fingerprint is made for the shop: one text cannot lie in two of its pools. `batch` and `line` say which file
    brought it.
    """

    class State(models.TextChoices):
        AVAILABLE = "AVAILABLE", "Available"
        RESERVED = "RESERVED", "Reserved"
        USED = "USED", "Issued"
        VOID = "VOID", "Void"

    public_id = models.CharField(max_length=24, default=new_key_id, editable=False)
    pool = models.ForeignKey(KeyPool, on_delete=models.PROTECT, related_name="keys")
    sealed = models.BinaryField(editable=False)
    fingerprint = models.BinaryField(max_length=32, editable=False)
    state = models.CharField(max_length=10, choices=State.choices, default=State.AVAILABLE)
    uses = models.PositiveIntegerField(default=1)  # the pool's, when it was imported
    uses_left = models.PositiveIntegerField(default=1)
    imported_at = models.DateTimeField(default=clock.now, editable=False)
    # neither is indexed: both are asked for once in a long while, and every import would pay for them
    batch = models.ForeignKey(
        "orders.KeyImport", on_delete=models.PROTECT, null=True, blank=True, related_name="keys", db_index=False
    )
    line = models.PositiveIntegerField(null=True, blank=True)
    voiding = models.ForeignKey(
        KeyVoiding, on_delete=models.PROTECT, null=True, blank=True, related_name="keys", db_index=False
    )

    class Meta:
        constraints = [
            # not unique=True: that would add a second index for LIKE, which every import pays for
            models.UniqueConstraint(fields=["public_id"], name="one_name_per_key"),
            models.UniqueConstraint(fields=["fingerprint"], name="no_key_twice_in_a_shop"),
            models.CheckConstraint(
                name="available_means_uses_left",
                condition=Q(state="AVAILABLE", uses_left__gte=1) | ~Q(state="AVAILABLE"),
            ),
            models.CheckConstraint(name="no_more_left_than_uses", condition=Q(uses_left__lte=F("uses"))),
        ]
        indexes = [
            models.Index(fields=["pool", "id"], name="keys_available", condition=Q(state="AVAILABLE")),
        ]
        triggers = [_uses_add_up("key_uses_add_up", "NEW.id", pgtrigger.UpdateOf("uses", "uses_left"))]

    def __str__(self) -> str:
        return self.public_id

    @property
    def place(self) -> str:
        """Where its sealed text lives (associated data of the vault)."""
        return f"key|sealed|{self.public_id}"

    def text(self) -> str:
        """The key in clear. Only the reveal service may call this."""
        return vault.unseal(self.sealed, self.place).decode()


class KeyIssue(models.Model):
    """One unit of one line is served by one key.

    Without `issued_at` it is only reserved; with `replaced_at` the key was bad and another row serves the unit.
    """

    key = models.ForeignKey(Key, on_delete=models.PROTECT, related_name="issues")
    order = models.ForeignKey("orders.Order", on_delete=models.PROTECT, related_name="key_issues")
    line_no = models.PositiveSmallIntegerField()
    unit_no = models.PositiveIntegerField()
    is_single_use = models.BooleanField()  # copied from the pool, so that the index below can see it
    buyer = models.CharField(max_length=64, blank=True)  # usr_…, or the blind index of a guest's phone
    reserved_at = models.DateTimeField(default=clock.now)
    issued_at = models.DateTimeField(null=True, blank=True)
    replaced_at = models.DateTimeField(null=True, blank=True)

    class Meta:
        ordering = ["line_no", "unit_no", "id"]
        constraints = [
            models.UniqueConstraint(
                fields=["order", "line_no", "unit_no"], name="one_key_per_unit", condition=Q(replaced_at=None)
            ),
            models.UniqueConstraint(
                fields=["key"], name="one_buyer_per_single_use_key", condition=Q(is_single_use=True)
            ),
            models.UniqueConstraint(fields=["key", "order"], name="no_key_twice_in_an_order"),
            models.UniqueConstraint(fields=["key", "buyer"], name="no_key_twice_to_a_buyer", condition=~Q(buyer="")),
            models.CheckConstraint(
                name="only_issued_keys_are_replaced", condition=Q(replaced_at=None) | Q(issued_at__isnull=False)
            ),
        ]
        triggers = [
            _uses_add_up("issue_uses_add_up", "NEW.key_id", pgtrigger.Insert),
            _uses_add_up("release_uses_add_up", "OLD.key_id", pgtrigger.Delete),
            pgtrigger.Protect(
                name="issued_stays_issued",
                operation=pgtrigger.Delete,
                condition=pgtrigger.Q(old__issued_at__isnull=False),
            ),
            pgtrigger.Protect(
                name="an_issue_keeps_its_key",
                operation=pgtrigger.Update,
                condition=pgtrigger.Q(old__key__df=pgtrigger.F("new__key"))
                | pgtrigger.Q(old__order__df=pgtrigger.F("new__order"))
                | pgtrigger.Q(old__issued_at__isnull=False, new__issued_at__isnull=True),
            ),
        ]


class KeyReveal(models.Model):
    """Somebody looked at a key: who, when, from where. Only grows (trigger)."""

    issue = models.ForeignKey(KeyIssue, on_delete=models.PROTECT, related_name="reveals")
    by = models.CharField(max_length=32)  # usr_… or "guest"
    is_support = models.BooleanField(default=False)  # with a reason, which stands in StaffAction
    address = models.GenericIPAddressField(null=True)
    at = models.DateTimeField(default=clock.now)

    class Meta:
        triggers = [pgtrigger.Protect(name="reveals_only_grow", operation=pgtrigger.Update | pgtrigger.Delete)]

    def __str__(self) -> str:
        return self.by
