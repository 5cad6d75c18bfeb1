"""Relays with one promise broken: a drill that does not notice proves nothing. `--mutant NAME`.

A relay that skips a batch which Redis did not take is not among them: Redis dies for the hub at the same moment, which
then reads the log anyway. The simulation cuts the relay off alone, and finds it.
"""

from notifications.log import leadership
from notifications.log.leadership import PostgresBook
from notifications.log.sequencer import Sequencer


def mark_before_send():
    """What has a number counts as sent: a new leader begins no epoch and announces nothing."""

    def new_epoch(self):
        return int(self._one(leadership.CLAIM) or 0) * 0 + 1

    Sequencer._announce = lambda self: setattr(self, "_announced", True)
    PostgresBook.new_epoch = new_epoch


def reads_on_after_the_last_id():
    """`id > last` instead of "has no number": what commits late gets none."""
    leadership.NUMBER = leadership.NUMBER.replace(
        "WHERE position IS NULL",
        "WHERE position IS NULL AND id > (SELECT coalesce(max(id), 0) FROM notifications_event"
        " WHERE position IS NOT NULL)",
    )


MUTANTS = {bug.__name__: bug for bug in (mark_before_send, reads_on_after_the_last_id)}
