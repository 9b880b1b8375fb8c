"""Every address of the site."""

from django.conf import settings
from django.urls import URLPattern, URLResolver, include, path

from consult import health, unreachable
from consult.chat.views import home
from consult.static import favicon

urlpatterns: list[URLPattern | URLResolver] = [
    path("", home, name="home"),
    path("favicon.ico", favicon, name="favicon"),
    path("unreachable/", unreachable.page, name="unreachable"),
    path("unreachable.js", unreachable.worker, name="unreachable_worker"),
    path("health/live", health.live, name="health_live"),
    path("health/ready", health.ready, name="health_ready"),
    path("", include("accounts.urls")),
    path("chat/", include("consult.chat.urls")),
    path("library/", include("consult.library.urls")),
    path("review/", include("consult.review.urls")),
    path("console/", include("consult.console.urls")),
]

if settings.DEBUG or settings.DEMO:
    from consult import styleguide

    urlpatterns.append(path("styleguide/", styleguide.page, name="styleguide"))
