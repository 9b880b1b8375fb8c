"""Static files with hashed names, ES module imports included; and the icon that browsers ask for unbidden."""

from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect
from django.templatetags.static import static
from whitenoise.storage import CompressedManifestStaticFilesStorage


class ModuleManifestStorage(CompressedManifestStaticFilesStorage):
    """Rewrites ``import "./x.js"`` to the hashed name, so that a browser never mixes two versions."""

    support_js_module_import_aggregation = True


def favicon(request: HttpRequest) -> HttpResponse:
    """For ``/favicon.ico``, where no page has said which icon to take."""
    return redirect(static("img/favicon.ico"))
