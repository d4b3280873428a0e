"""The APM page for a store: response times, throughput, errors and Apdex, web and non-web, in a browser.

``weighbridge serve`` opens it. It can also be mounted into your own application. It
needs the extra ``ui``::

    from weighbridge.console import asgi_application

    Mount("/apm", asgi_application("/var/lib/shop/weighbridge.db", token=read_from_somewhere()))

It only reads the store, and does not measure itself.
"""

from __future__ import annotations

from .adapters import asgi_application, wsgi_application
from .application import Console
from .http import Request, Response

__all__ = ["Console", "Request", "Response", "asgi_application", "wsgi_application"]
