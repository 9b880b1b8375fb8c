"""Addresses of the sockets."""

from django.urls import path, re_path

from consult.chat.consumers import ConversationConsumer, NothingHere, QueueConsumer

websocket_urlpatterns = [
    path("ws/conversation/<uuid:pk>/", ConversationConsumer.as_asgi()),
    path("ws/queue/", QueueConsumer.as_asgi()),
    re_path(r"^.*$", NothingHere.as_asgi()),
]
