"""Money at the edges: minor units to text and back; inside it is a whole number plus a currency."""

SYMBOL = {"CNY": "¥"}


def as_text(amount_minor: int, currency: str = "CNY") -> str:
    """`8400` → `¥84.00`; a negative amount wears a true minus sign."""
    sign = "−" if amount_minor < 0 else ""
    whole, cents = divmod(abs(amount_minor), 100)
    return f"{sign}{SYMBOL.get(currency, currency + ' ')}{whole}.{cents:02d}"


def as_decimal_text(amount_minor: int) -> str:
    """`8400` → `84.00`, the form gateways and the public API use."""
    whole, cents = divmod(amount_minor, 100)
    return f"{whole}.{cents:02d}"
