"""What ended last is written before an ASGI server's process is gone.

uvicorn, told to stop by SIGTERM, shuts down in good order and then dies of that
signal's default action, after which nothing runs any more, ``atexit`` neither.
An application hears of the shutdown through its lifespan; for those that take
no part in it, as Django, the signal itself is listened to.
"""

from __future__ import annotations

import signal
import threading
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
        handler: Any = signal.getsignal(signal.SIGTERM)
        server = getattr(handler, "__self__", None)
        if type(server).__module__ == "uvicorn.server" and threading.current_thread() is threading.main_thread():
            signal.signal(signal.SIGTERM, _heard_by_both(handler))
    except Exception:
        swallowed("listen_for_the_end")


def _heard_by_both(handler: Any) -> Any:
    def stop(number: int, frame: Any) -> Any:
        # In a thread of its own: the signal may have interrupted a write in this one.
        threading.Thread(target=write_at_once, name="weighbridge-last-write", daemon=True).start()
        return handler(number, frame)

    return stop
