"""The route that Flask found for a request: Flask's request object has the rule."""

from __future__ import annotations

import sys
from collections.abc import Mapping
from typing import Any, Final

__all__ = ["flask_request", "was_flask"]

_REQUEST: Final = "werkzeug.request"


def flask_request(environ: Mapping[str, Any]) -> Any:
    """Return Flask's request for an environ, while Flask handles it, else ``None``.

    What environ names may be cleared, by `copy_current_request_context`, or be
    another request of Werkzeug's, by some middleware, which has no router.
    """
    request = environ.get(_REQUEST)
    if hasattr(request, "url_rule"):
        return request
    flask: Any = sys.modules.get("flask")
    if flask is None or not flask.has_request_context() or flask.request.environ is not environ:
        return None
    return flask.request


def was_flask(environ: Mapping[str, Any]) -> bool:
    """Whether Flask has handled the request, and is done with it."""
    return environ.get(_REQUEST, environ) is None
