"""The log: one row per thing that happened, fact and envelope at once.

Services append through this module; the relay numbers, publishes and reads on. Nothing here knows an order.
"""

from notifications.log.append import Envelope, append, append_with, nudge
from notifications.log.heard import Handler, Heard, hears

__all__ = ["Envelope", "Handler", "Heard", "append", "append_with", "hears", "nudge"]
