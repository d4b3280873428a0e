"""Serving of the page by uvicorn."""

from __future__ import annotations

import ipaddress
import socket
import webbrowser
from collections.abc import Callable
from contextlib import closing, suppress

import uvicorn

from .adapters import adapted_to_asgi
from .http import Responder
from .rendering import compile_templates

__all__ = ["is_loopback", "listen", "open_browser", "serve"]


def is_loopback(host: str) -> bool:
    """Whether an address can be reached from this machine only."""
    try:
        return ipaddress.ip_address(host.strip("[]")).is_loopback
    except ValueError:
        return host == "localhost"


def listen(host: str, port: int) -> socket.socket:
    """Bind an address; port 0 selects a free port.

    Raises:
        OSError: the address is not available.
    """
    family, *_, address = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)[0]
    return socket.create_server((str(address[0]), port), family=family, backlog=128)


def serve(responder: Responder, listener: socket.socket, ready: Callable[[str], object]) -> None:
    """Serve until SIGINT or SIGTERM, and call ``ready`` with the address. Requests are not logged."""
    host, port = listener.getsockname()[:2]
    named = f"[{host}]" if ":" in host else host
    application = adapted_to_asgi(responder)
    with closing(listener):
        ready(f"http://{named}:{port}/")
        config = uvicorn.Config(application, log_level="warning", access_log=False, server_header=False)
        with suppress(KeyboardInterrupt):  # uvicorn ends in order, and then passes Ctrl-C on
            compile_templates()  # while the viewer's browser opens; the first requests wait on the socket
            uvicorn.Server(config).run(sockets=[listener])


def open_browser(url: str) -> None:
    """Open the viewer's own browser."""
    webbrowser.open(url)
