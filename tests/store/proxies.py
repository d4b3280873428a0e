"""A way to a server that can be cut off: after the server got a request, before its reply arrives."""

from __future__ import annotations

import random
import socket
import threading
from contextlib import suppress

__all__ = ["Proxy"]


class Proxy:
    """Passes connections on to a port of this machine, and cuts some of them off.

    Args:
        port: of the server.
        share: of the requests whose reply is withheld, once the session is established.
    """

    def __init__(self, port: int, share: float) -> None:
        self.cut = 0
        """How many replies were withheld."""
        self._target = ("127.0.0.1", port)
        self._share = share
        self._choose = random.Random(5)
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.port: int = self._listener.getsockname()[1]
        self._threads = [threading.Thread(target=self._accept, daemon=True)]
        self._threads[0].start()

    def close(self) -> None:
        """Accept no more."""
        self._listener.close()
        with suppress(OSError), socket.create_connection(("127.0.0.1", self.port), timeout=1):
            pass

    def _accept(self) -> None:
        with suppress(OSError):
            while True:
                client, _ = self._listener.accept()
                threading.Thread(target=self._serve, args=(client,), daemon=True).start()

    def _serve(self, client: socket.socket) -> None:
        with client, suppress(OSError), socket.create_connection(self._target) as server:
            silent = threading.Event()
            back = threading.Thread(target=self._replies, args=(server, client, silent), daemon=True)
            back.start()
            while data := client.recv(1 << 16):
                withheld = b"INSERT INTO" in data and self._choose.random() < self._share
                if withheld:
                    silent.set()
                server.sendall(data)
                if withheld:
                    self.cut += 1
                    back.join(0.3)  # the server works on it
                    return

    def _replies(self, server: socket.socket, client: socket.socket, silent: threading.Event) -> None:
        with suppress(OSError):
            while (data := server.recv(1 << 16)) and not silent.is_set():
                client.sendall(data)
        with suppress(OSError):  # the server has gone: so has this way to it
            client.shutdown(socket.SHUT_RDWR)
