"""A limit on how long a connection is waited for, whatever the other side does.

The server itself ends what takes it too long, and the kernel notices when a machine has gone. Neither helps where the
server, or a pooler in front of it, is there and does nothing: it is stopped, or its disk hangs. A driver would wait for
ever. So a thread looks at the clock, and shuts the socket down: the driver then fails as if the connection had broken.
"""

from __future__ import annotations

import os
from _socket import MSG_PEEK, SHUT_RDWR, socket  # those of the system, also where gevent has replaced the others
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from typing import Final

from ...model.clock import monotonic
from ...recording.os_threads import allocate_lock, start_thread

__all__ = ["TimeLimit", "is_broken", "peer_of"]

_NEVER: Final = 1e10
"""Seconds; no lock can be waited for much longer."""


class TimeLimit:
    """Shuts a connection down if it is waited for too long; for as long as a ``with`` block lasts.

    Where no thread can be started, as at the end of the interpreter, nothing is limited.

    Args:
        descriptor: of the connection's socket.
        seconds: for which to wait, each time.
    """

    def __init__(self, descriptor: int, seconds: float) -> None:
        self.seconds = seconds
        self.is_over: bool = False
        """Whether the connection has been shut down."""
        self._ends_at = monotonic() + _NEVER
        self._closed = allocate_lock()
        self._socket = socket(fileno=os.dup(descriptor))  # one of our own: the driver may close its own at any time

    def __enter__(self) -> TimeLimit:  # noqa: PYI034 - Self is in no typing before 3.11
        self._closed.acquire()
        if start_thread(self._watch, "weighbridge-time-limit") is None:
            self._socket.close()
        return self

    def __exit__(self, *exception: object) -> None:
        self._closed.release()

    @contextmanager
    def waiting(self) -> Iterator[None]:
        """Limit what the block waits for."""
        self._ends_at = monotonic() + self.seconds
        yield
        self._ends_at = monotonic() + _NEVER

    def _watch(self) -> None:
        try:
            # Looks again at least this often: the next wait may begin at any moment, and wakes nobody.
            while not self._closed.acquire(True, min(self.seconds, max(0.0, self._ends_at - monotonic()))):
                if monotonic() >= self._ends_at:
                    self.is_over = True
                    with suppress(OSError):
                        self._socket.shutdown(SHUT_RDWR)
                    return
        finally:
            self._socket.close()


def is_broken(descriptor: int) -> bool:
    """Whether a connection on which nothing is awaited has something to say: that it is over, as a rule.

    The server has ended it while nobody used it, or somebody in between has: a restart, an ``idle_session_timeout``, a
    pooler, a firewall. What is sent on it would fail.
    """
    try:
        with _socket_of(descriptor) as own:
            own.recv(1, MSG_PEEK)
    except BlockingIOError:
        return False
    except OSError:
        return True
    return True


def peer_of(descriptor: int) -> str:
    """Return the number of the machine that a connection leads to; empty for a socket of this one."""
    with _socket_of(descriptor) as own:
        peer = own.getpeername()
    return str(peer[0]).removeprefix("::ffff:") if isinstance(peer, tuple) else ""


@contextmanager
def _socket_of(descriptor: int) -> Iterator[socket]:
    """Give a socket of our own for a driver's, which may close its own at any time."""
    own = socket(fileno=os.dup(descriptor))
    own.settimeout(0.0)  # as the driver's is already, which shares this with it
    try:
        yield own
    finally:
        own.close()
