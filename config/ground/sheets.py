"""Cells of files that people open in a spreadsheet; everything that writes CSV asks."""

FORMULA = tuple("=+-@\t\r＝＋－＠")  # a spreadsheet would run what begins with one of these


def plain(text: str) -> str:
    """Text that no spreadsheet takes for a formula."""
    return f"'{text}" if text.startswith(FORMULA) else text
