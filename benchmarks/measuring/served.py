"""The applications as servers import them: ``measuring.served:wsgi_bare``, ``measuring.served:asgi_floor``, ..."""

from __future__ import annotations

from typing import Any

from .asgi_apps import ASGI_APPS
from .subjects import start
from .wsgi_apps import WSGI_APPS


def __getattr__(name: str) -> Any:
    """The plain application of a door, behind a subject."""
    door, _, subject_name = name.partition("_")
    if door not in ("wsgi", "asgi") or name.startswith("__"):
        raise AttributeError(name)
    subject = start(subject_name)
    if door == "wsgi":
        return subject.wsgi(WSGI_APPS["plain"](subject))
    return subject.asgi(ASGI_APPS["plain"](subject))
