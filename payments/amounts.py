"""Amounts as people and programs write them; pages, repairs and the API ask, services get whole minor units."""

import re

TYPED = re.compile(r"[¥￥]?([0-9]{1,7})(?:\.([0-9]{1,2}))?", re.ASCII)


def typed_minor(text: str) -> int | None:
    """`32`, `32.5`, `¥32.50` → 3200, 3250, 3250; None for what is no amount, has a sign or a third decimal."""
    found = TYPED.fullmatch(text.strip())
    if found is None:
        return None
    return int(found[1]) * 100 + int((found[2] or "").ljust(2, "0"))
