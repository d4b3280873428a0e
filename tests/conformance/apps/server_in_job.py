"""A server that a background task runs: `python -m apps.server_in_job wsgiref|uvicorn <application> <port>`."""

from __future__ import annotations

import sys

from weighbridge import background_task

from .wsgiref_server import serve


@background_task(name="serve")
def main(server: str, application: str, port: str) -> None:
    """Run the server until it is stopped."""
    if server == "wsgiref":
        serve(application, port)
    else:
        import uvicorn

        uvicorn.run(application, port=int(port), log_level="warning")


if __name__ == "__main__":
    main(*sys.argv[1:])
