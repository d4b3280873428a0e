"""Django, measured by its middleware: the transaction is opened there."""

from __future__ import annotations

from django.core.asgi import get_asgi_application
from django.core.wsgi import get_wsgi_application

from .django_views import configure
from .front import asgi_front, asgi_inside, wsgi_front, wsgi_inside
from .measuring import DJANGO

configure(*DJANGO)

wsgi = wsgi_front(wsgi_inside(get_wsgi_application()))
asgi = asgi_front(asgi_inside(get_asgi_application()))
