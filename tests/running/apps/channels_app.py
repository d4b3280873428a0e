"""Django Channels, with a consumer for HTTP."""

import django_app
from channels.generic.http import AsyncHttpConsumer
from channels.routing import ProtocolTypeRouter, URLRouter
from django.urls import path


class Item(AsyncHttpConsumer):
    async def handle(self, body):
        await self.send_response(200, str(self.scope["url_route"]["kwargs"]["number"]).encode())


class Boom(AsyncHttpConsumer):
    async def handle(self, body):
        raise LookupError("nothing there")


app = ProtocolTypeRouter(
    {"http": URLRouter([path("items/<int:number>", Item.as_asgi()), path("boom", Boom.as_asgi())])}
)
assert django_app.asgi
