"""Sanic."""

from sanic import Sanic
from sanic.response import text

app = Sanic("shop")


@app.get("/items/<number:int>")
async def item(request, number):
    return text(str(number))


@app.get("/boom")
async def boom(request):
    raise LookupError("nothing there")
