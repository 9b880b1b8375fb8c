"""The web process: HTTP by Django, WebSockets by Channels."""

import os

from django.core.asgi import get_asgi_application

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "consult.settings")
http = get_asgi_application()

from channels.auth import AuthMiddlewareStack  # noqa: E402  (needs the apps loaded)
from channels.routing import ProtocolTypeRouter, URLRouter  # noqa: E402
from django.conf import settings  # noqa: E402

from consult.body import BodyLimit  # noqa: E402
from consult.chat.routing import websocket_urlpatterns  # noqa: E402
from consult.origins import SameOrigin  # noqa: E402
from consult.safety import triage  # noqa: E402

triage.warm_up()  # a site whose safety rules do not load must not answer anyone

application = ProtocolTypeRouter(
    {
        "http": BodyLimit(http, settings.BODY_MAX_BYTES),
        "websocket": SameOrigin(AuthMiddlewareStack(URLRouter(websocket_urlpatterns))),
    }
)
