"""Pyramid."""

from pyramid.config import Configurator
from pyramid.response import Response


def item(request):
    return Response(request.matchdict["number"])


def boom(request):
    raise LookupError("nothing there")


with Configurator() as config:
    config.add_route("item", "/items/{number}")
    config.add_route("boom", "/boom")
    config.add_view(item, route_name="item")
    config.add_view(boom, route_name="boom")
    app = config.make_wsgi_app()
