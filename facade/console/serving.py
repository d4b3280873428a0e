"""Serving of the page by uvicorn."""

from __future__ import annotations

import ipaddress
import signal
import socket
import webbrowser
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager

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
    """Serve until SIGINT or SIGTERM, and call ``ready`` with the address. Requests are not logged.

    To be called from the main thread.
    """
    host, port = listener.getsockname()[:2]
    named = f"[{host}]" if ":" in host else host
    application = adapted_to_asgi(responder)
    server = uvicorn.Server(uvicorn.Config(application, log_level="warning", access_log=False, server_header=False))
    with closing(listener), _ended_by_interrupts(server):
        ready(f"http://{named}:{port}/")
        compile_templates()  # while the viewer's browser opens; the first requests wait on the socket
        server.run(sockets=[listener])


@contextmanager
def _ended_by_interrupts(server: uvicorn.Server) -> Iterator[None]:
    """Have Ctrl-C end a server in order from the first moment on.

    An event loop that is starting may lose what a handler raises; and uvicorn, which has a handler of its own while it
    serves, passes the signal on in the end.
    """

    def end(*_: object) -> None:
        server.should_exit = True

    before = signal.signal(signal.SIGINT, end)
    try:
        yield
    finally:
        signal.signal(signal.SIGINT, before)


def open_browser(url: str) -> None:
    """Open the viewer's own browser."""
    webbrowser.open(url)
