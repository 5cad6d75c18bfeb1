"""What the simulation counted: one line of progress, and a summary with times."""

import time
from collections import Counter, defaultdict


class Tally:
    """Counts and durations of one run; durations in seconds."""

    def __init__(self) -> None:
        self.started = time.monotonic()
        self.counts: Counter[str] = Counter()
        self.refused: Counter[str] = Counter()
        self.seconds: dict[str, list[float]] = defaultdict(list)
        self.backwards: list[str] = []  # orders whose version or status went back on somebody's screen
        self.stuck: list[str] = []

    def line(self) -> str:
        """The progress line."""
        ran = time.monotonic() - self.started
        names = ("placed", "paid", "completed", "cancelled")
        told = "  ".join(f"{name} {self.counts[name]:>5}" for name in names)
        return f"{ran:6.0f} s  {told}  refused {sum(self.refused.values()):>4}"

    def summary(self) -> str:
        """What happened, how long it took, what went wrong."""
        lines = [self.line()]
        for name, values in sorted(self.seconds.items()):
            ordered = sorted(values)
            middle, high = ordered[len(ordered) // 2], ordered[min(len(ordered) - 1, len(ordered) * 99 // 100)]
            lines.append(f"  {name:24} p50 {middle * 1000:8.0f} ms   p99 {high * 1000:8.0f} ms   n {len(ordered)}")
        lines += [f"  refused {code}: {count}" for code, count in self.refused.most_common()]
        lines.append(f"  went backwards: {len(self.backwards)}   stuck: {len(self.stuck)}")
        lines += [f"    {order}" for order in (self.backwards + self.stuck)[:20]]
        return "\n".join(lines)

    @property
    def is_clean(self) -> bool:
        """Whether no order went back and none was left behind."""
        return not self.backwards and not self.stuck
