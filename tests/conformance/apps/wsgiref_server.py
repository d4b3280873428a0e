"""wsgiref, the standard library's server: `python -m apps.wsgiref_server <application> <port>`."""

from __future__ import annotations

import sys
from importlib import import_module
from wsgiref.simple_server import make_server


def serve(path: str, port: str) -> None:
    """Serve an application, given as ``module:name``, until Ctrl-C."""
    module, _, name = path.partition(":")
    with make_server("127.0.0.1", int(port), getattr(import_module(module), name)) as server:
        try:
            server.serve_forever()
        except KeyboardInterrupt:
            server.server_close()


if __name__ == "__main__":
    serve(*sys.argv[1:])
