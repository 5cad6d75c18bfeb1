"""Logs as one JSON object a line, with the trace of the request; secrets and phone numbers never get through."""

import re
from collections.abc import MutableMapping
from typing import Any

import structlog
from structlog.typing import Processor

SECRET_NAMES = re.compile(
    r"password|secret|token|api[-_]?key|authorization|cookie|sessionid|phone|signature", re.IGNORECASE
)
PHONE = re.compile(r"(?<!\d)1[3-9]\d{9}(?!\d)")
API_KEY = re.compile(r"\blk_[\w-]{20,}")
PRIVATE_LINK = re.compile(r"(/orders/[^/\s\"]+/g/|/letters/(?:email|no)/)[^/\s\"]+")
HIDDEN = "…"


def hide(_logger: Any, _method: str, event: MutableMapping[str, Any]) -> MutableMapping[str, Any]:
    """Blank what is secret by its name, and mask phones, API keys and private links wherever they stand in a text."""
    for name, value in event.items():
        if SECRET_NAMES.search(name):
            event[name] = HIDDEN
        elif isinstance(value, str):
            event[name] = API_KEY.sub(HIDDEN, PHONE.sub(HIDDEN, PRIVATE_LINK.sub(rf"\1{HIDDEN}", value)))
    return event


SHARED: list[Processor] = [
    structlog.contextvars.merge_contextvars,
    structlog.stdlib.add_log_level,
    structlog.stdlib.add_logger_name,
    structlog.stdlib.ExtraAdder(allow=["status_code"]),
    structlog.processors.TimeStamper(fmt="iso", utc=True),
    structlog.processors.format_exc_info,
    hide,
]


def configuration(level: str) -> dict[str, Any]:
    """Django's LOGGING: everything to standard error at `level`, one JSON object a line."""
    return {
        "version": 1,
        "disable_existing_loggers": False,
        "formatters": {
            "json": {
                "()": structlog.stdlib.ProcessorFormatter,
                "foreign_pre_chain": SHARED,
                "processors": [
                    structlog.stdlib.ProcessorFormatter.remove_processors_meta,
                    structlog.processors.JSONRenderer(ensure_ascii=False),
                ],
            }
        },
        "handlers": {"stderr": {"class": "logging.StreamHandler", "formatter": "json"}},
        "root": {"handlers": ["stderr"], "level": level},
        "loggers": {
            "django": {"handlers": [], "level": level, "propagate": True},
            "django.server": {"handlers": [], "level": "WARNING", "propagate": True},
            "httpx": {"level": "WARNING"},
            "celery": {"level": "WARNING"},
        },
    }


def configure() -> None:
    """Let structlog's own loggers go the same way."""
    structlog.configure(
        processors=[*SHARED, structlog.stdlib.ProcessorFormatter.wrap_for_formatter],
        logger_factory=structlog.stdlib.LoggerFactory(),
        wrapper_class=structlog.stdlib.BoundLogger,
        cache_logger_on_first_use=True,
    )
