"""One uploaded file of card keys and how far its import is. The file itself lies below STATE/imports until it ends."""

from django.db import models

from config.ground import clock, ids
from orders.stock.models import KeyPool


def new_import_id() -> str:
    """A fresh `imp_…`."""
    return ids.new_id("imp")


class KeyImport(models.Model):
    """A file on its way into a pool: how much of it is read, what came of its lines, and who works on it now.

    `refused` are `[line number, reason, last four characters, what it equals]`; no key stands here or in any log.
    """

    class State(models.TextChoices):
        WAITING = "WAITING", "Waiting"
        RUNNING = "RUNNING", "Importing"
        DONE = "DONE", "Done"
        STOPPED = "STOPPED", "Stopped"
        REFUSED = "REFUSED", "Refused"

    public_id = models.CharField(max_length=24, unique=True, default=new_import_id, editable=False)
    pool = models.ForeignKey(KeyPool, on_delete=models.PROTECT, related_name="imports")
    label = models.CharField(max_length=80)  # the batch's name, as the shop calls it
    file_name = models.CharField(max_length=120)
    started_by = models.CharField(max_length=32)  # usr_…
    state = models.CharField(max_length=8, choices=State.choices, default=State.WAITING)
    is_stop_asked = models.BooleanField(default=False)
    size_bytes = models.PositiveBigIntegerField()
    read_bytes = models.PositiveBigIntegerField(default=0)
    read_lines = models.PositiveBigIntegerField(default=0)  # blank ones too: the numbers that an editor shows
    lines = models.PositiveBigIntegerField(default=0)
    stored = models.PositiveBigIntegerField(default=0)
    duplicates = models.PositiveBigIntegerField(default=0)
    unreadable = models.PositiveBigIntegerField(default=0)
    refused = models.JSONField(default=list)
    created_at = models.DateTimeField(default=clock.now, editable=False)
    next_run_at = models.DateTimeField(default=clock.now)  # the lease: moved ahead while somebody works on it
    ended_at = models.DateTimeField(null=True, blank=True)

    class Meta:
        ordering = ["-id"]
        indexes = [
            models.Index(
                fields=["next_run_at"], name="key_imports_to_run", condition=models.Q(state__in=["WAITING", "RUNNING"])
            ),
        ]
        constraints = [
            models.CheckConstraint(
                name="import_reads_no_more_than_there_is", condition=models.Q(read_bytes__lte=models.F("size_bytes"))
            ),
        ]

    def __str__(self) -> str:
        return self.public_id

    @property
    def is_running(self) -> bool:
        """Whether it still goes on."""
        return self.state in {self.State.WAITING, self.State.RUNNING}

    @property
    def percent(self) -> int:
        """How much of the file is read."""
        return 100 * self.read_bytes // self.size_bytes if self.size_bytes else 100
