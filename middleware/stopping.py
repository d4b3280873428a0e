"""What ended last is written before an ASGI server's process is gone.

uvicorn, told to stop by SIGTERM, shuts down in good order and then dies of that
signal's default action, after which nothing runs any more, ``atexit`` neither.
An application hears of the shutdown through its lifespan; for those that take
no part in it, as Django, the signal itself is listened to.
"""

from __future__ import annotations

import sys
from typing import Any

from ..transactions.control import flush, write_at_once
from ..transactions.log import swallowed
from ..transactions.model.process import here

__all__ = ["flush_at_shutdown", "listen_for_the_end"]


def flush_at_shutdown() -> None:
    """Write what is left when the server has told the application that it is over."""
    here.read()
    flush(here.settings.shutdown_timeout)


def listen_for_the_end() -> None:
    """Where uvicorn waits for SIGTERM, hear of it too; its own handler is called as before. Never raises.

    uvicorn itself takes both away when it has shut down.
    """
    try:
        if "uvicorn.server" in sys.modules:
            _listen_beside_uvicorn()
    except Exception:
        swallowed("listen_for_the_end")


def _listen_beside_uvicorn() -> None:
    import signal  # noqa: PLC0415  uvicorn has loaded both; they would be a tenth of what our import costs
    import threading  # noqa: PLC0415

    handler: Any = signal.getsignal(signal.SIGTERM)
    server = getattr(handler, "__self__", None)
    if type(server).__module__ != "uvicorn.server" or threading.current_thread() is not threading.main_thread():
        return

    def write() -> None:
        # In a thread of its own: the signal may have interrupted a write in this one. It is waited for, as at any
        # other end, for uvicorn may die of the signal a moment later.
        writer = threading.Thread(target=write_at_once, name="weighbridge-last-write", daemon=True)
        writer.start()
        writer.join(here.settings.shutdown_timeout)

    def stop(number: int, frame: Any) -> Any:
        try:
            write()
        except Exception:
            swallowed("listen_for_the_end")
        return handler(number, frame)

    signal.signal(signal.SIGTERM, stop)
