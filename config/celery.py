"""Celery: the app, and BEAT, the table of everything that happens by the clock."""

import os
from typing import NamedTuple

from celery import Celery
from celery.schedules import crontab

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "config.settings")

app = Celery("lockstep")
app.config_from_object("django.conf:settings", namespace="CELERY")
app.autodiscover_tasks()


class Beat(NamedTuple):
    """One entry: which task, how often (seconds or crontab), on which queue; a late run is dropped, not piled up."""

    task: str
    every: float | crontab
    queue: str = "clock"
    expires: float = 0  # seconds; 0: the interval itself

    def entry(self) -> dict[str, object]:
        """As Celery's beat wants it."""
        interval = self.every if isinstance(self.every, int | float) else 3_000
        return {
            "task": self.task,
            "schedule": self.every,
            "options": {"queue": self.queue, "expires": self.expires or interval},
        }


BEAT = {
    "reject_unanswered_orders": Beat("orders.tasks.reject_unanswered_orders", 5),
    "expire_unpaid": Beat("payments.tasks.expire_unpaid", 5),
    "sync_attempts": Beat("payments.tasks.sync_attempts", 5, queue="money"),
    "push_refunds": Beat("payments.tasks.push_refunds", 30, queue="money"),
    "expire_proposals": Beat("payments.tasks.expire_proposals", 300, queue="slow"),
    "apply_unapplied": Beat("payments.tasks.apply_unapplied", 30, queue="money"),
    "reconcile": Beat("payments.tasks.reconcile", crontab(minute=7), queue="slow"),
    "tell_of_failing_endpoints": Beat("orders.tasks.tell_of_failing_endpoints", 60, queue="slow"),
    "forget_settled_messages": Beat("notifications.tasks.forget_settled_messages", crontab(minute=37), queue="slow"),
    "write_analytics": Beat("config.tasks.write_analytics", 10, queue="slow"),
    "tidy_analytics": Beat("config.tasks.tidy_analytics", 300, queue="slow"),
    "invite_again": Beat("orders.tasks.invite_again", 300, queue="slow"),
    "erase_old_letters": Beat("notifications.tasks.erase_old_letters", 3_600, queue="slow"),
    "resume_key_imports": Beat("orders.tasks.resume_key_imports", 30, queue="slow"),
}
app.conf.beat_schedule = {name: beat.entry() for name, beat in BEAT.items()}
