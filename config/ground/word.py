"""A word of the glossary: what one audience calls one thing, in both languages, with its family and shape.

The tables in orders/words.py and payments/words.py are made of these; pages draw one with `{% badge word %}`.
"""

from dataclasses import dataclass

from django.utils.translation import get_language

FAMILIES = ("wait", "move", "done", "stop", "bad", "money")


@dataclass(frozen=True, slots=True)
class Word:
    """`en` and `zh` may hold {placeholders}; `family` picks the colour and `icon` the shape beside the word."""

    en: str
    zh: str
    family: str = "stop"
    icon: str = ""

    def __post_init__(self) -> None:
        """Refuses a word that one language lacks, or that belongs to no family."""
        if not self.en or not self.zh or self.family not in FAMILIES:
            message = f"{self!r}: a word needs both languages and one of the families {', '.join(FAMILIES)}."
            raise ValueError(message)

    @property
    def text(self) -> str:
        """The word in the language active now, placeholders still in it."""
        return self.zh if (get_language() or "en").startswith("zh") else self.en

    def format(self, **facts: object) -> str:
        """Fill the word of the active language with `facts`; a missing fact raises KeyError."""
        return self.text.format(**facts)

    def __str__(self) -> str:
        return self.text
