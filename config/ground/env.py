"""Typed readers of environment variables; settings.py is the only caller."""

import os


class SettingMissing(RuntimeError):
    """A required variable is absent; the message names it and what to put there."""


def text(name: str, default: str | None = None, *, hint: str = "") -> str:
    """The variable as text. Raises SettingMissing when there is no default and it is unset or empty."""
    value = os.environ.get(name, "")
    if value:
        return value
    if default is None:
        message = f"{name} is not set. {hint}".strip()
        raise SettingMissing(message)
    return default


def flag(name: str, *, default: bool = False) -> bool:
    """True for 1/true/yes/on, False for 0/false/no/off (any case)."""
    value = os.environ.get(name, "").strip().lower()
    if not value:
        return default
    if value in {"1", "true", "yes", "on"}:
        return True
    if value in {"0", "false", "no", "off"}:
        return False
    message = f"{name}={value!r} is neither yes nor no. Use 1 or 0."
    raise SettingMissing(message)


def whole(name: str, default: int, *, least: int = 0) -> int:
    """A whole number, at least `least`."""
    raw = os.environ.get(name, "").strip()
    if not raw:
        return default
    try:
        value = int(raw)
    except ValueError:
        value = least - 1
    if value < least:
        message = f"{name}={raw!r} is not a whole number of at least {least}."
        raise SettingMissing(message)
    return value


def words(name: str, default: str = "") -> list[str]:
    """A comma-separated list, blanks dropped."""
    return [word.strip() for word in os.environ.get(name, default).split(",") if word.strip()]
