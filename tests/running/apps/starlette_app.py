"""Starlette."""

from starlette.applications import Starlette
from starlette.responses import PlainTextResponse
from starlette.routing import Route


async def item(request):
    return PlainTextResponse(str(request.path_params["number"]))


async def boom(request):
    raise LookupError("nothing there")


app = Starlette(routes=[Route("/items/{number:int}", item), Route("/boom", boom)])
