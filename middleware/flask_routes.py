"""What Flask routed a request to: its request, which knows the rule."""

from __future__ import annotations

import sys
from collections.abc import Mapping
from typing import Any, Final

__all__ = ["flask_request", "was_flask"]

_REQUEST: Final = "werkzeug.request"


def flask_request(environ: Mapping[str, Any]) -> Any:
    """Flask's request of an environ, while Flask has it; ``None`` where there is none.

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
    """Whether Flask had the request, and is done with it."""
    return environ.get(_REQUEST, environ) is None
