"""The shapes of the demo's tables."""

from typing import NamedTuple


class Choice(NamedTuple):
    """One option and what it adds, in fen."""

    en: str
    zh: str
    price_minor: int = 0


class Group(NamedTuple):
    """A choice between `least` and `most` options; `name` in English and Chinese."""

    name: tuple[str, str]
    least: int
    most: int
    choices: tuple[Choice, ...]


class Good(NamedTuple):
    """One product; `on_hand` makes it counted stock."""

    en: str
    zh: str
    price_minor: int
    art: str
    groups: tuple[Group, ...] = ()
    about: tuple[str, str] = ("", "")
    on_hand: int | None = None
    shelf: str = ""
    is_cold: bool = False


class Section(NamedTuple):
    """A section of a menu."""

    name: tuple[str, str]
    goods: tuple[Good, ...]
