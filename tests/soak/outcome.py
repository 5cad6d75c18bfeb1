"""What came of a soak, and how it is told; driver.py fills it, __main__.py prints it, test_soak.py asks it."""

from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field

from tests.soak.looking import Finding
from tests.soak.weather import Fired


@dataclass
class Outcome:
    """One soak. `broken` are things no soak may see: an answer 500, a process that died by itself, no rest."""

    name: str
    orders: int
    placed: int = 0
    seconds: dict[str, float] = field(default_factory=dict)  # phase → real seconds
    passed_hours: float = 0.0  # of the soak's own time
    faults: list[Fired] = field(default_factory=list)
    endings: Counter[str] = field(default_factory=Counter)
    met: Counter[str] = field(default_factory=Counter)
    findings: list[Finding] = field(default_factory=list)
    broken: list[str] = field(default_factory=list)
    complaints: Counter[str] = field(default_factory=Counter)  # what the house logged as an error

    @property
    def proofs_that_broke(self) -> list[str]:
        """Their names."""
        return [finding.name for finding in self.findings if not finding.holds]

    @property
    def failures(self) -> list[str]:
        """Why it fails; empty when it passes."""
        unfired = [f"not exercised: {fault.name}" for fault in self.faults if not fault.times]
        return self.proofs_that_broke + self.broken + unfired

    def table(self) -> str:
        """Everything, for people."""
        total = sum(self.seconds.values())
        phases = ", ".join(f"{name} {seconds:.0f} s" for name, seconds in self.seconds.items())
        acted = self.seconds.get("orders", 0.0) or 1.0
        head = (
            f"{self.name}: {self.placed} orders placed, {self.placed / acted:.1f} orders/s; {phases}; "
            f"{total:.0f} s in all for {self.passed_hours:.1f} hours of the soak's time"
        )
        parts = [
            head,
            _rows("fault", ("rate", "fired"), [(row.name, row.rate, f"{row.times:,}") for row in self.faults]),
            _rows("how orders ended", ("orders",), _counted(self.endings)),
            _rows("what people were told", ("times",), _counted(self.met)),
            _rows("what the house complained about", ("times",), _counted(self.complaints)),
            _rows(
                "proof",
                ("", ""),
                [(row.name, "holds" if row.holds else "BROKEN", row.figures) for row in self.findings],
            ),
        ]
        verdict = "PASSED" if not self.failures else "FAILED: " + "; ".join(self.failures)
        return "\n\n".join([*filter(None, parts), verdict])


def _counted(counts: Counter[str]) -> list[tuple[str, str]]:
    return [(name, f"{count:,}") for name, count in sorted(counts.items())]


def _rows(title: str, heads: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    """A plain table; empty when there are no rows."""
    table = [(title, *heads), *rows]
    if len(table) == 1:
        return ""
    widths = [max(len(row[column]) for row in table) for column in range(len(table[0]))]
    return "\n".join(
        "  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip() for row in table
    )
