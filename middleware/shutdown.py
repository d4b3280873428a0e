"""Shutdown: the last transactions are written before the process of an ASGI server ends.

uvicorn, told to stop by SIGTERM, shuts down in good order and then dies of that
signal's default action, after which nothing runs any more, ``atexit`` neither.
An application hears of the shutdown through its lifespan; for those that take
no part in it, as Django, the signal itself is listened to.
"""

from __future__ import annotations

import sys
from collections.abc import Awaitable, Callable
from typing import Any

from ..transactions.configuration.in_force import in_force
from ..transactions.context.event_loops import coroutine_of, running_task
from ..transactions.host_exceptions import pass_on
from ..transactions.late_imports import late_imports
from ..transactions.lifecycle import last_write, write_at_once
from ..transactions.log import capture_internal_exception

__all__ = ["WritingSend", "lifespan_send", "listen_for_the_end", "write_beside_the_loop"]


def lifespan_send(send: Any) -> Any:
    """Return the ``send`` for a lifespan: the server's own, unless the server waits for its last message only.

    After that message uvicorn exits at once, and hypercorn cancels what still runs.
    So with these, what is left is written before the message is sent.
    """
    waits_no_longer = _handler_of_uvicorn() is not None or _module_of_task() == "hypercorn.asyncio.lifespan"
    return WritingSend(send) if waits_no_longer else send


def _module_of_task() -> str | None:
    """Return the module of the running task's root coroutine."""
    root = getattr(coroutine_of(running_task()), "cr_frame", None)
    return None if root is None else root.f_globals.get("__name__")


class WritingSend:
    """A ``send`` that writes what is left before the last message of a lifespan."""

    __slots__ = ("_send", "has_written")

    def __init__(self, send: Any) -> None:
        self._send = send
        self.has_written: bool = False

    async def __call__(self, message: Any) -> Any:
        """Pass a message on; the last one only after everything has been written."""
        try:
            if message["type"].startswith("lifespan.shutdown."):
                self.has_written = True
                await write_beside_the_loop()
        except Exception:  # a malformed message is between application and server
            capture_internal_exception("write_beside_the_loop")
        return await self._send(message)


async def write_beside_the_loop() -> None:
    """Write what is left in a thread, and await it: writing may block on the disk, and the loop must not."""
    write = last_write()
    if write is not None:
        await _in_a_thread(write)


async def _in_a_thread(work: Callable[[], object]) -> None:
    """Run something in a new thread, as those of the loop's own pool may all be busy."""
    ring, ringing = _bell()

    def work_and_ring() -> None:
        try:
            work()
        finally:
            ring()

    try:
        _start_thread(work_and_ring)
    except RuntimeError as error:
        pass_on(error)
        work()  # no thread can be started: better to block the loop than to lose what is left
    else:
        await ringing()


def _bell() -> tuple[Callable[[], object], Callable[[], Awaitable[object]]]:
    """Return a function with which another thread ends a wait, and an async one that waits, in asyncio or trio."""
    if type(running_task()).__module__.partition(".")[0] == "trio":
        return _bell_of_trio(sys.modules["trio"])
    return _bell_of_asyncio(sys.modules["asyncio"].get_running_loop())


def _bell_of_trio(trio: Any) -> tuple[Callable[[], object], Callable[[], Awaitable[object]]]:
    event, token = trio.Event(), trio.lowlevel.current_trio_token()

    async def wait() -> None:
        with trio.CancelScope(shield=True):  # the write is short and must be completed
            await event.wait()

    return lambda: token.run_sync_soon(event.set), wait


def _bell_of_asyncio(loop: Any) -> tuple[Callable[[], object], Callable[[], Awaitable[object]]]:
    future = loop.create_future()

    def ring() -> None:
        if not loop.is_closed():
            loop.call_soon_threadsafe(lambda: future.done() or future.set_result(None))

    return ring, lambda: future


def _start_thread(work: Callable[[], object]) -> Any:
    with late_imports:
        import threading  # noqa: PLC0415  whoever runs an event loop has loaded it
    thread = threading.Thread(target=late_imports.never_in(work), name="weighbridge-last-write", daemon=True)
    thread.start()
    return thread


def listen_for_the_end() -> None:
    """Write what is left at a SIGTERM if uvicorn handles that signal, before its own handler runs. Never raises.

    uvicorn itself removes both handlers when it has shut down.
    """
    try:
        handler = _handler_of_uvicorn()
        if handler is not None:
            _listen_before(handler)
    except Exception:
        capture_internal_exception("listen_for_the_end")


def _handler_of_uvicorn() -> Any:
    """Return uvicorn's handler of SIGTERM, if it serves in this thread; else ``None``."""
    if "uvicorn.server" not in sys.modules:
        return None
    with late_imports:
        import signal  # noqa: PLC0415  uvicorn has loaded both; they would be a tenth of what our import costs
        import threading  # noqa: PLC0415
    handler: Any = signal.getsignal(signal.SIGTERM)
    is_its_own = type(getattr(handler, "__self__", None)).__module__ == "uvicorn.server"
    return handler if is_its_own and threading.current_thread() is threading.main_thread() else None


def _listen_before(handler: Any) -> None:
    with late_imports:
        import signal  # noqa: PLC0415  as above

    def stop(number: int, frame: Any) -> Any:
        try:
            _write_at_once()
        except Exception:
            capture_internal_exception("listen_for_the_end")
        return handler(number, frame)

    signal.signal(signal.SIGTERM, stop)


def _write_at_once() -> None:
    """Write at once in a new thread, as the signal may have interrupted a write in this one.

    The thread is joined, as uvicorn may die of the signal a moment later.
    """
    if last_write() is None:
        write_at_once()
    else:
        _start_thread(write_at_once).join(in_force.settings.shutdown_timeout)
