"""Code that was written for ``newrelic.agent``: one word of it has changed.

Run ``python examples/moving_from_newrelic.py [port]`` and try the addresses that it prints.
"""

from __future__ import annotations

import sys
import time
from collections.abc import Iterable
from contextlib import suppress
from typing import TYPE_CHECKING
from wsgiref.simple_server import make_server

from weighbridge import agent  # it was: from newrelic import agent

if TYPE_CHECKING:
    from _typeshed.wsgi import StartResponse, WSGIEnvironment

agent.initialize()  # reads newrelic.ini where NEW_RELIC_CONFIG_FILE names it
agent.register_application(timeout=10.0)


@agent.wsgi_application(name="shop", group="Python/WSGI")
def application(environ: WSGIEnvironment, start_response: StartResponse) -> Iterable[bytes]:
    """Answer every request; those under ``/jobs`` count as background."""
    if environ["PATH_INFO"].startswith("/jobs"):
        rebuild()
    agent.add_custom_attribute("path", environ["PATH_INFO"])
    start_response("200 OK", [("Content-Type", "text/plain")])
    return [b"it still works\n"]


@agent.background_task(name="rebuild", group="Python/Job")
def rebuild() -> None:
    """Inside a request this makes the request a background transaction of this name."""
    prepare()
    time.sleep(0.01)


@agent.function_trace()
def prepare() -> None:
    """Traces of single functions are not kept here; the decorator is accepted and changes nothing."""


if __name__ == "__main__":
    port = int(sys.argv[1]) if len(sys.argv) > 1 else 8000
    print(f"Try http://127.0.0.1:{port}/ and /jobs/rebuild, then run: weighbridge report", flush=True)
    with make_server("127.0.0.1", port, application) as server, suppress(KeyboardInterrupt):
        server.serve_forever()
