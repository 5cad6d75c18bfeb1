"""The gateways' daily bills: fetch them, load them, compare them with our books, repair or report what differs.

The hourly check and `manage.py bill` call it. Every step is safe to repeat.
"""

from payments.billing.fetching import fetch, fetch_missing, overdue

__all__ = ["fetch", "fetch_missing", "overdue"]
