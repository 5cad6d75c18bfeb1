"""What happens by the clock and needs a table of config: the export is written and tidied."""

import logging

from celery import shared_task
from django.conf import settings

from config.events import EXPORTED
from notifications.analytics import tidying, writing
from notifications.analytics.store import StoreAway

logger = logging.getLogger(__name__)


@shared_task
def write_analytics() -> int:
    """Write what happened since the last time; returns how many events. Safe to repeat, at once, late or never."""
    try:
        return writing.write(EXPORTED, writing.the_store())
    except StoreAway as error:
        logger.warning("the export waits: %s", error)  # how far it is behind stands on Operations
        return 0


@shared_task
def tidy_analytics() -> int:
    """Merge small files, delete old ones; returns how many files. Safe to repeat, at once, late or never."""
    try:
        return sum(tidying.tidy(EXPORTED, writing.the_store(), keep_days=settings.ANALYTICS_DAYS))
    except StoreAway as error:
        logger.warning("the export is not tidied: %s", error)
        return 0
