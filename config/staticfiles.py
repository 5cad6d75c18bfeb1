"""How static files are stored for production: hashed names, also inside our ES modules, and compressed copies."""

from whitenoise.storage import CompressedManifestStaticFilesStorage


class HashedStorage(CompressedManifestStaticFilesStorage):
    """Every file under the hash of its content, so that browsers may keep it for ever."""

    support_js_module_import_aggregation = True  # rewrites relative imports; they must end in a semicolon
