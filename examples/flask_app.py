"""Wrap a Flask application: one line, and every request is measured.

Run ``python examples/flask_app.py [port]`` and try the addresses that it prints.
"""

from __future__ import annotations

import sys

from flask import Flask

from weighbridge.middleware import WSGITransactionMiddleware

app = Flask(__name__)
app.wsgi_app = WSGITransactionMiddleware(app.wsgi_app)  # type: ignore[method-assign]


@app.get("/users/<int:number>")
def user(number: int) -> str:
    """Counted as ``WebTransaction/Route/GET /users/<int:number>``, whoever the user is."""
    return f"user {number}"


@app.get("/broken")
def broken() -> str:
    """Counted as a failed request, with the class of its exception."""
    raise RuntimeError("the cellar is flooded")


if __name__ == "__main__":
    port = int(sys.argv[1]) if len(sys.argv) > 1 else 8000
    print(f"Try http://127.0.0.1:{port}/users/7 and /broken, then run: weighbridge report", flush=True)
    app.run(port=port)
