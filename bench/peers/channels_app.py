"""The consumer that a Django project writes with Channels; CHANNEL_LAYER names the class of its Redis layer."""

import os
from typing import Any

import django
from channels.generic.websocket import AsyncWebsocketConsumer
from channels.routing import ProtocolTypeRouter, URLRouter
from django.conf import settings
from django.urls import path

settings.configure(
    SECRET_KEY="bench", ROOT_URLCONF=__name__, ALLOWED_HOSTS=["*"],
    CHANNEL_LAYERS={
        "default": {
            "BACKEND": os.environ["CHANNEL_LAYER"],
            # redis-py 8 gives up a read after 5 s, as long as the default layer waits for a message, and has 100
            # connections at most, fewer than sockets that join at once
            "CONFIG": {
                "hosts": [{"address": os.environ["REDIS_URL"], "socket_timeout": None, "max_connections": 5_000}],
            },
        }
    },
)  # fmt: skip
django.setup()
urlpatterns: list[Any] = []


class Follow(AsyncWebsocketConsumer):
    """Passes the frames of one order on to one socket."""

    async def connect(self) -> None:
        """Join the order's group."""
        self.group = self.scope["url_route"]["kwargs"]["order"]
        await self.channel_layer.group_add(self.group, self.channel_name)
        await self.accept()

    async def disconnect(self, code: int) -> None:
        """Leave it."""
        del code
        await self.channel_layer.group_discard(self.group, self.channel_name)

    async def frame(self, event: dict[str, str]) -> None:
        """Send one frame."""
        await self.send(text_data=event["text"])


async def alive(scope: dict[str, Any], receive: Any, send: Any) -> None:
    """Answer plain HTTP, so that the bench sees that the server is up."""
    del scope, receive
    await send({"type": "http.response.start", "status": 204, "headers": []})
    await send({"type": "http.response.body", "body": b""})


application = ProtocolTypeRouter({"websocket": URLRouter([path("<order>", Follow.as_asgi())]), "http": alive})
