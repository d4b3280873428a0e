"""The applications as servers import them: ``measuring.served:wsgi_bare``, ``measuring.served:asgi_floor``, ...

A server that has imported one marks where a block begins or ends when it is told to (see `marks`).
"""

from __future__ import annotations

import signal
import sys
from typing import Any

from .asgi_apps import ASGI_APPS
from .marks import TOLD
from .subjects import start
from .wsgi_apps import WSGI_APPS

signal.signal(TOLD, lambda *_: sys.setswitchinterval(sys.getswitchinterval()))


def __getattr__(name: str) -> Any:
    """An application of a middleware, behind a subject: ``wsgi_floor_framework`` is that of the case ``framework``."""
    entry_point, _, rest = name.partition("_")
    if entry_point not in ("wsgi", "asgi"):
        raise AttributeError(name)
    subject_name, _, case = rest.partition("_")
    subject = start(subject_name)
    if entry_point == "wsgi":
        return subject.wsgi(WSGI_APPS[case or "plain"](subject))
    return subject.asgi(ASGI_APPS[case or "plain"](subject))
