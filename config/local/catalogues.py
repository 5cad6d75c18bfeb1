"""Compiles the message catalogues with Babel; run by `python -m config.local.catalogues`, by `up` and before tests."""

from pathlib import Path

from babel.messages.mofile import write_mo
from babel.messages.pofile import PoFileError, read_po

from config.local.places import PROJECT, CannotStart

LOCALE = PROJECT / "config" / "locale"


def compile_catalogues(locale: Path = LOCALE) -> list[Path]:
    """Write the .mo of every `<surface>/<language>/LC_MESSAGES/*.po` that is newer; returns those written.

    Raises CannotStart naming the file and line that cannot be read.
    """
    return [_compile(source) for source in sorted(locale.glob("*/*/LC_MESSAGES/*.po")) if _is_stale(source)]


def _is_stale(source: Path) -> bool:
    target = source.with_suffix(".mo")
    return not target.exists() or target.stat().st_mtime_ns < source.stat().st_mtime_ns


def _compile(source: Path) -> Path:
    try:
        with source.open("rb") as handle:
            catalogue = read_po(handle, locale=source.parent.parent.name, abort_invalid=True)
    except (PoFileError, UnicodeDecodeError) as error:
        message = f"{source}: {error}"
        raise CannotStart(message) from error
    target = source.with_suffix(".mo")
    fresh = source.with_suffix(".mo.new")  # two processes may compile at once
    with fresh.open("wb") as handle:
        write_mo(handle, catalogue)
    fresh.replace(target)
    return target


if __name__ == "__main__":
    for written in compile_catalogues():
        print(written.relative_to(PROJECT))
