"""The requests that the subjects get: what gunicorn and uvicorn hand over for a browser's GET."""

from __future__ import annotations

from collections.abc import Callable
from io import BytesIO
from typing import Any

__all__ = ["KEYS", "Request", "environ_maker", "scope_maker"]

Request = Callable[[int], dict[str, Any]]
"""The environ or scope of the request of a number."""

KEYS: dict[str, Any] = {
    "newrelic.app_name": "shop",
    "newrelic.set_background_task": True,
    "newrelic.suppress_apdex_metric": "on",
    "newrelic.suppress_transaction_trace": 1,
}

_HEADERS = {
    "Host": "shop.example",
    "User-Agent": "Mozilla/5.0 (X11; Linux x86_64; rv:140.0) Gecko/20100101 Firefox/140.0",
    "Accept": "text/html,application/xhtml+xml,application/xml;q=0.9,*/*;q=0.8",
    "Accept-Language": "en-US,en;q=0.5",
    "Accept-Encoding": "gzip, deflate, br",
    "Connection": "keep-alive",
    "Cookie": "session=4fb1071ce658",
}

_ENVIRON: dict[str, Any] = {
    "wsgi.version": (1, 0),
    "wsgi.url_scheme": "http",
    "wsgi.input": BytesIO(),
    "wsgi.errors": None,
    "wsgi.multithread": False,
    "wsgi.multiprocess": False,
    "wsgi.run_once": False,
    "wsgi.input_terminated": True,
    "SERVER_SOFTWARE": "gunicorn",
    "SERVER_NAME": "127.0.0.1",
    "SERVER_PORT": "8000",
    "SERVER_PROTOCOL": "HTTP/1.1",
    "REMOTE_ADDR": "127.0.0.1",
    "REMOTE_PORT": "51314",
    "REQUEST_METHOD": "GET",
    "QUERY_STRING": "page=2",
    "RAW_URI": "/hello?page=2",
    "SCRIPT_NAME": "",
    **{f"HTTP_{name.upper().replace('-', '_')}": value for name, value in _HEADERS.items()},
}

_SCOPE: dict[str, Any] = {
    "type": "http",
    "asgi": {"version": "3.0", "spec_version": "2.3"},
    "http_version": "1.1",
    "server": ("127.0.0.1", 8000),
    "client": ("127.0.0.1", 51314),
    "scheme": "http",
    "method": "GET",
    "root_path": "",
    "query_string": b"page=2",
    "headers": [(name.lower().encode(), value.encode()) for name, value in _HEADERS.items()],
}


def environ_maker(names: int, more: dict[str, Any]) -> Request:
    """WSGI requests to ``names`` paths in turn, with ``more`` keys in their environ."""
    base = _ENVIRON | more
    paths = _paths(names)
    return lambda number: {**base, "PATH_INFO": paths[number % names]}


def scope_maker(names: int, more: dict[str, Any]) -> Request:
    """ASGI requests to ``names`` paths in turn, with ``more`` keys in their scope."""
    base = _SCOPE | more
    paths = _paths(names)

    def scope(number: int) -> dict[str, Any]:
        path = paths[number % names]
        return {**base, "path": path, "raw_path": path.encode(), "state": {}}

    return scope


def _paths(names: int) -> list[str]:
    return ["/hello"] if names == 1 else [f"/item/{number}" for number in range(names)]
