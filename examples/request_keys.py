"""Say per request how it is measured: by keys in the WSGI environ, or equally in the ASGI scope.

Anything in front of the middleware may set them (a server's configuration, an
outer middleware), and so may the application while it handles the request.

Run ``python examples/request_keys.py [port]`` and try the addresses that it prints.
"""

from __future__ import annotations

import sys
from collections.abc import Iterable
from typing import TYPE_CHECKING, Any

from flask import Flask, request

from weighbridge.middleware import WSGITransactionMiddleware

if TYPE_CHECKING:
    from _typeshed.wsgi import StartResponse, WSGIApplication, WSGIEnvironment

KEYS: dict[str, dict[str, Any]] = {
    "/health": {"newrelic.enabled": False},
    "/cron/cleanup": {"newrelic.set_background_task": True},
    "/partners/stock": {"newrelic.app_name": "Partners"},
    "/export": {"newrelic.suppress_apdex_metric": True},
}


class KeysByPath:
    """An outer middleware that knows which requests are special."""

    def __init__(self, app: WSGIApplication) -> None:
        self.app = app

    def __call__(self, environ: WSGIEnvironment, start_response: StartResponse) -> Iterable[bytes]:
        environ.update(KEYS.get(environ["PATH_INFO"], {}))
        return self.app(environ, start_response)


app = Flask(__name__)
app.wsgi_app = KeysByPath(WSGITransactionMiddleware(app.wsgi_app))  # type: ignore[method-assign]


@app.get("/<path:page>")
def page(page: str) -> str:
    """Answer every request; a visit by the monitoring system is not recorded at all."""
    if request.args.get("from") == "monitoring":
        request.environ["newrelic.ignore_transaction"] = True
    return f"this is {page}"


if __name__ == "__main__":
    port = int(sys.argv[1]) if len(sys.argv) > 1 else 8000
    print(f"Try http://127.0.0.1:{port}/pricing?from=monitoring and {', '.join(KEYS)}", flush=True)
    print("then run: weighbridge report", flush=True)
    app.run(port=port)
