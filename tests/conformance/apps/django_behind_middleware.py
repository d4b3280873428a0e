"""Django, measured from outside, without its middleware."""

from __future__ import annotations

from django.core.asgi import get_asgi_application
from django.core.wsgi import get_wsgi_application

from weighbridge.middleware import ASGITransactionMiddleware, WSGITransactionMiddleware

from .django_views import configure
from .front import asgi_front, asgi_inside, wsgi_front, wsgi_inside

configure()

wsgi = wsgi_front(WSGITransactionMiddleware(wsgi_inside(get_wsgi_application())))
asgi = asgi_front(ASGITransactionMiddleware(asgi_inside(get_asgi_application())))
