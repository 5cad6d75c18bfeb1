"""Refusals: every "no" that a person or program can be told, in one shape.

A service raises a subclass of Refusal; pages show `detail` in a banner, the API renders the same
sentence as RFC 9457 problem+json with the stable `code`. The wording is the glossary's.
"""

from typing import Any, ClassVar

from django.utils.functional import Promise

MEDIA_TYPE = "application/problem+json"


class Refusal(Exception):  # a refusal is an answer, not a fault
    """A clear "no". Subclasses set `code`, `status` (HTTP) and `message` (with {placeholders})."""

    code: ClassVar[str] = "refused"
    status: ClassVar[int] = 409
    message: ClassVar[str | Promise] = ""

    def __init__(self, *, field: str | None = None, errors: list[dict[str, Any]] | None = None, **facts: Any) -> None:
        self.field = field
        self.errors = errors or []
        self.facts = facts
        super().__init__(self.code)

    @property
    def detail(self) -> str:
        """The sentence, in the language active now."""
        return str(self.message).format(**self.facts)

    def __str__(self) -> str:
        return f"{self.code}: {self.detail}"


def problem(code: str, status: int, detail: str, *, trace: str = "") -> dict[str, Any]:
    """A problem+json document; `trace` is the number to quote."""
    document = {"type": f"/problems/{code}", "title": code.replace("_", " "), "status": status, "code": code}
    return document | {"detail": detail} | ({"trace": trace} if trace else {})


def as_problem(refusal: Refusal, *, trace: str = "") -> dict[str, Any]:
    """The problem+json document of a refusal."""
    document = problem(refusal.code, refusal.status, refusal.detail, trace=trace)
    if refusal.field:
        document["field"] = refusal.field
    if refusal.errors:
        document["errors"] = refusal.errors
    return document
