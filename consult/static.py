"""Static files with hashed names, ES module imports included."""

from whitenoise.storage import CompressedManifestStaticFilesStorage


class ModuleManifestStorage(CompressedManifestStaticFilesStorage):
    """Rewrites ``import "./x.js"`` to the hashed name, so that a browser never mixes two versions."""

    support_js_module_import_aggregation = True
