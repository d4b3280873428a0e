"""Falcon, for both interfaces."""

import falcon
import falcon.asgi


class Item:
    def on_get(self, req, resp, number):
        resp.text = str(number)


class AsyncItem:
    async def on_get(self, req, resp, number):
        resp.text = str(number)


class Boom:
    def on_get(self, req, resp):
        raise LookupError("nothing there")


class AsyncBoom:
    async def on_get(self, req, resp):
        raise LookupError("nothing there")


app = falcon.App()
app.add_route("/items/{number:int}", Item())
app.add_route("/boom", Boom())

asgi = falcon.asgi.App()
asgi.add_route("/items/{number:int}", AsyncItem())
asgi.add_route("/boom", AsyncBoom())
