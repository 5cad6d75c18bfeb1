"""How static files are stored for production: hashed names, also inside our ES modules, and compressed copies."""

from typing import ClassVar

from whitenoise.storage import CompressedManifestStaticFilesStorage

SURFACES = ("shared", "storefront", "merchant", "warehouse", "rider", "staff")
_every_script, MODULE_RULES = CompressedManifestStaticFilesStorage._js_module_import_aggregation_patterns  # noqa: SLF001


class HashedStorage(CompressedManifestStaticFilesStorage):
    """Every file under the hash of its content, so that browsers may keep it for ever.

    Relative imports of our own modules are rewritten too (they must end in a semicolon). Django's switch for that
    covers every package, and trips over imports that htmx only mentions in its comments.
    """

    patterns: ClassVar = (
        *CompressedManifestStaticFilesStorage.patterns,
        *((f"{surface}/*.js", MODULE_RULES) for surface in SURFACES),
    )
