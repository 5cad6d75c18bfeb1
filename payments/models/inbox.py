"""What a gateway told us, as received. Rows are never changed (trigger), only marked as processed once."""

import pgtrigger
from django.db import models
from django.db.models import Q

from config.ground import clock

ONLY_PROCESSED = """
    IF TG_OP = 'DELETE' OR OLD.processed_at IS NOT NULL
       OR (to_jsonb(NEW) - 'processed_at') <> (to_jsonb(OLD) - 'processed_at') THEN
        RAISE EXCEPTION 'what a gateway told us is kept as it came'
            USING ERRCODE = 'check_violation', CONSTRAINT = 'inbox_only_grows';
    END IF;
    RETURN NEW;
"""


class InboxEntry(models.Model):
    """One thing that one gateway said. `dedupe_key` keeps repetitions out; a row here never means "done"."""

    class Source(models.TextChoices):
        NOTIFY = "NOTIFY", "Notification"
        QUERY = "QUERY", "Answer to a query"
        RESPONSE = "RESPONSE", "Answer to a request"
        BILL = "BILL", "Daily bill"
        MANUAL = "MANUAL", "A person"

    channel = models.CharField(max_length=8)
    source = models.CharField(max_length=8, choices=Source.choices)
    dedupe_key = models.CharField(max_length=128, blank=True)
    out_trade_no = models.CharField(max_length=32, blank=True)
    verified = models.BooleanField()
    reject_reason = models.CharField(max_length=120, blank=True)
    headers = models.JSONField(default=dict)
    body = models.BinaryField()
    received_at = models.DateTimeField(default=clock.now)
    processed_at = models.DateTimeField(null=True, blank=True)

    class Meta:
        constraints = [
            models.UniqueConstraint(
                fields=["channel", "source", "dedupe_key"],
                condition=Q(verified=True) & ~Q(dedupe_key=""),
                name="each_message_is_kept_once",
            ),
            models.CheckConstraint(
                name="a_refused_message_says_why", condition=Q(verified=True) | ~Q(reject_reason="")
            ),
        ]
        indexes = [
            models.Index(fields=["out_trade_no", "id"], name="messages_about_a_trade", condition=~Q(out_trade_no="")),
            models.Index(fields=["received_at"], name="refused_messages", condition=Q(verified=False)),
        ]
        triggers = [
            pgtrigger.Trigger(
                name="inbox_only_grows",
                when=pgtrigger.Before,
                operation=pgtrigger.Update | pgtrigger.Delete,
                func=ONLY_PROCESSED,
            )
        ]

    def __str__(self) -> str:
        return f"{self.channel} {self.out_trade_no}".rstrip()
