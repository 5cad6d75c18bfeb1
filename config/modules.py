"""The browser's own modules: which file answers to which `lockstep/…` name; the import map is written from it."""

import json
from functools import cache
from pathlib import Path

from django.conf import settings
from django.templatetags.static import static


@cache
def names() -> dict[str, str]:
    """Short name → path below static: shared/dialog.js is `lockstep/dialog`, rider/job.js `lockstep/rider/job`."""
    root = Path(settings.BASE_DIR) / "config" / "static"
    paths = sorted(path.relative_to(root).as_posix() for path in root.rglob("*.js"))
    return {f"lockstep/{path.removeprefix('shared/').removesuffix('.js')}": path for path in paths}


def as_json() -> str:
    """Write the import map as JSON that is safe inside a script element."""
    imports = {name: static(path) for name, path in names().items()}
    return json.dumps({"imports": imports}).replace("<", "\\u003c").replace(">", "\\u003e").replace("&", "\\u0026")
