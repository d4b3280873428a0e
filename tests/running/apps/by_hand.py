"""Measured by hand, each under an application of its own."""

import flask_app
import starlette_app

from weighbridge.middleware import ASGITransactionMiddleware, WSGITransactionMiddleware

inside = flask_app.app
inside.wsgi_app = WSGITransactionMiddleware(inside.wsgi_app, "hand")

outside = WSGITransactionMiddleware(flask_app.app, "hand")


def hidden(environ, start_response):
    return outside(environ, start_response)


asgi = ASGITransactionMiddleware(starlette_app.app, "hand")


async def asgi_hidden(scope, receive, send):
    await asgi(scope, receive, send)


listed = starlette_app.Starlette(routes=starlette_app.app.routes)
listed.add_middleware(ASGITransactionMiddleware, application="hand")
