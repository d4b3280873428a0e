"""Django under WSGI: one line in ``MIDDLEWARE``, nothing in ``wsgi.py``.

Run ``python examples/django_wsgi.py [port]`` and try the addresses that it prints.
"""

from __future__ import annotations

import sys
from contextlib import suppress
from wsgiref.simple_server import make_server

from django.conf import settings
from django.core.wsgi import get_wsgi_application
from django.http import HttpRequest, HttpResponse
from django.urls import path

settings.configure(
    ALLOWED_HOSTS=["127.0.0.1", "localhost"],
    MIDDLEWARE=[
        "weighbridge.middleware.DjangoTransactionMiddleware",  # first, so that it measures the others too
        "django.middleware.common.CommonMiddleware",
    ],
    ROOT_URLCONF=__name__,
)


def user(request: HttpRequest, number: int) -> HttpResponse:
    """Counted as ``WebTransaction/Route/GET /users/<int:number>/``."""
    return HttpResponse(f"user {number}")


urlpatterns = [path("users/<int:number>/", user)]
application = get_wsgi_application()

if __name__ == "__main__":
    port = int(sys.argv[1]) if len(sys.argv) > 1 else 8000
    print(f"Try http://127.0.0.1:{port}/users/7/, then run: weighbridge report", flush=True)
    with make_server("127.0.0.1", port, application) as server, suppress(KeyboardInterrupt):
        server.serve_forever()
