"""How much of an address a rider is told before pick-up: the street, not the door. Pure calculation."""

import re

NUMBERED = re.compile(r"\S*\d\S*")
HAN = re.compile(r"[\u4e00-\u9fff]")
BEFORE_A_NUMBER = re.compile(r"^[^\d,，]*")
INSIDE = re.compile(r"^(unit|room|flat|floor|apartment|apt\.?|suite|building|block|no\.?|#)?$", re.IGNORECASE)


def street_of(line: str) -> str:
    """`Maple Lane` of "18 Maple Lane, Unit 502", `枫林路` of "枫林路 18 弄 502 室"; empty when none can be told."""
    if HAN.search(line):
        found = BEFORE_A_NUMBER.match(line.strip())
        return found[0].strip() if found else ""
    for part in re.split(r"[,，;]", line):
        street = " ".join(NUMBERED.sub(" ", part).split())
        if not INSIDE.match(street):
            return street
    return ""
