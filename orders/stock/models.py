"""Counted stock and card keys; the constraints here make overselling impossible."""

from django.db import models

from config.ground import clock, ids, vault
from orders.catalog.models import Product, Shop


def new_pool_id() -> str:
    """A fresh `pool_…`."""
    return ids.new_id("pool")


def new_key_id() -> str:
    """A fresh `ck_…`."""
    return ids.new_id("ck")


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
    """A heap of interchangeable card keys. `uses` > 1: one key serves so many buyers."""

    public_id = models.CharField(max_length=24, unique=True, default=new_pool_id, editable=False)
    shop = models.ForeignKey(Shop, on_delete=models.CASCADE, related_name="pools")
    name = models.CharField(max_length=80)
    uses = models.PositiveIntegerField(default=1)

    def __str__(self) -> str:
        return self.name

    @property
    def is_single_use(self) -> bool:
        """Whether each key goes to one buyer only."""
        return self.uses == 1


class Key(models.Model):
    """One card key: sealed text, a fingerprint against duplicates, and how many uses are left."""

    class State(models.TextChoices):
        AVAILABLE = "AVAILABLE", "Available"
        RESERVED = "RESERVED", "Reserved"
        USED = "USED", "Issued"
        VOID = "VOID", "Void"

    public_id = models.CharField(max_length=24, unique=True, default=new_key_id, editable=False)
    pool = models.ForeignKey(KeyPool, on_delete=models.PROTECT, related_name="keys")
    sealed = models.BinaryField(editable=False)
    fingerprint = models.BinaryField(max_length=32, editable=False)
    state = models.CharField(max_length=10, choices=State.choices, default=State.AVAILABLE)
    uses_left = models.PositiveIntegerField(default=1)
    imported_at = models.DateTimeField(default=clock.now, editable=False)

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["pool", "fingerprint"], name="no_key_twice_in_a_pool"),
            models.CheckConstraint(
                name="available_means_uses_left",
                condition=models.Q(state="AVAILABLE", uses_left__gte=1) | ~models.Q(state="AVAILABLE"),
            ),
        ]
        indexes = [
            models.Index(fields=["pool", "id"], name="keys_available", condition=models.Q(state="AVAILABLE")),
        ]

    @property
    def place(self) -> str:
        """Where its sealed text lives (associated data of the vault)."""
        return f"key|sealed|{self.public_id}"

    def text(self) -> str:
        """The key in clear. Only the reveal service may call this."""
        return vault.unseal(self.sealed, self.place).decode()


class KeyIssue(models.Model):
    """One unit of one line is served by one key. Without `issued_at` it is only reserved."""

    key = models.ForeignKey(Key, on_delete=models.PROTECT, related_name="issues")
    order = models.ForeignKey("orders.Order", on_delete=models.PROTECT, related_name="key_issues")
    line_no = models.PositiveSmallIntegerField()
    unit_no = models.PositiveIntegerField()
    is_single_use = models.BooleanField()  # copied from the pool, so that the index below can see it
    reserved_at = models.DateTimeField(default=clock.now)
    issued_at = models.DateTimeField(null=True, blank=True)

    class Meta:
        ordering = ["line_no", "unit_no"]
        constraints = [
            models.UniqueConstraint(fields=["order", "line_no", "unit_no"], name="one_key_per_unit"),
            models.UniqueConstraint(
                fields=["key"], name="one_buyer_per_single_use_key", condition=models.Q(is_single_use=True)
            ),
        ]


class KeyReveal(models.Model):
    """Somebody looked at a key: who, when, from where."""

    issue = models.ForeignKey(KeyIssue, on_delete=models.PROTECT, related_name="reveals")
    by = models.CharField(max_length=32)  # usr_… or "guest"
    address = models.GenericIPAddressField(null=True)
    at = models.DateTimeField(default=clock.now)
