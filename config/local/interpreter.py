"""How the interpreter of a process that everyone waits for is set; `manage.py relay` and `manage.py live` call it."""

import gc
import sys

SWITCH = 0.0005  # seconds a thread may keep the interpreter


def keep_what_is_loaded() -> None:
    """Put everything loaded so far out of the garbage collector's sight: to walk over it takes 60 to 370 ms."""
    gc.collect()
    gc.freeze()


def switch_soon() -> None:
    """Let no thread that reads hold up those that send, or the loop that all screens hang on, for longer than that."""
    sys.setswitchinterval(SWITCH)
