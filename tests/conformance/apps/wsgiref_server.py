"""wsgiref, the standard library's server, with its own checks of both sides."""

from __future__ import annotations

import sys
from importlib import import_module
from wsgiref.simple_server import make_server

if __name__ == "__main__":
    module, _, name = sys.argv[1].partition(":")
    with make_server("127.0.0.1", int(sys.argv[2]), getattr(import_module(module), name)) as server:
        try:
            server.serve_forever()
        except KeyboardInterrupt:
            server.server_close()
