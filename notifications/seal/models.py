"""What the seal remembers: complete subtrees, what opens each event, signed checkpoints."""

from typing import ClassVar

import pgtrigger
from django.db import models
from django.utils import timezone


class SealNode(models.Model):
    """The hash of 2^level leaves from index · 2^level on; level 0 is the leaf of position index + 1."""

    pk = models.CompositePrimaryKey("level", "index")
    level = models.SmallIntegerField()
    index = models.BigIntegerField()
    hash = models.BinaryField(max_length=32)

    class Meta:
        triggers: ClassVar = [
            pgtrigger.Protect(name="seal_only_grows", operation=pgtrigger.Update | pgtrigger.Delete),
        ]

    def __str__(self) -> str:
        return f"{self.level}/{self.index}"


class EventSeal(models.Model):
    """The commitment to what the event at a position says, and the salts that open it.

    Taking the salts away forgets what the event said; the leaf, and with it the tree, stays whole.
    """

    position = models.BigIntegerField(primary_key=True)
    commitment = models.CharField(max_length=64)
    salts = models.BinaryField(max_length=32, null=True)

    class Meta:
        triggers: ClassVar = [
            pgtrigger.Protect(name="seals_are_kept", operation=pgtrigger.Delete),
            pgtrigger.Protect(
                name="seals_only_forget",
                operation=pgtrigger.Update,
                condition=pgtrigger.Condition(
                    "NEW.salts IS NOT NULL OR (NEW.position, NEW.commitment) <> (OLD.position, OLD.commitment)"
                ),
            ),
        ]

    def __str__(self) -> str:
        return f"seal of {self.position}"


class Checkpoint(models.Model):
    """A signed note over the first `size` positions."""

    size = models.BigIntegerField(primary_key=True)
    note = models.TextField()
    at = models.DateTimeField(default=timezone.now)

    class Meta:
        triggers: ClassVar = [
            pgtrigger.Protect(name="checkpoints_only_grow", operation=pgtrigger.Update | pgtrigger.Delete),
        ]

    def __str__(self) -> str:
        return f"checkpoint of {self.size}"
