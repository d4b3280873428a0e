"""What Bottle routed a request to, as it publishes it in environ."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from .calling_frames import calling_instance
from .starlette_routes import ANY_MOUNT

__all__ = ["is_bottle", "routed_by_bottle"]


def is_bottle(environ: Mapping[str, Any]) -> bool:
    """Whether Bottle has the request."""
    return "bottle.app" in environ


def routed_by_bottle(environ: Mapping[str, Any]) -> str | None:
    """The rule that matched, behind Bottle's own mounts; ``None`` where there is none.

    The rule of a mount is none where the application that is mounted there is Bottle's and found none.
    """
    route, app = environ.get("bottle.route"), environ["bottle.app"]
    rule: str | None = getattr(route, "rule", None)
    if rule is None or _target(route) is app:
        return None
    return _mounts(environ, app) + rule


def _mounts(environ: Mapping[str, Any], app: Any) -> str:
    """Where Bottle has mounted the application that took the request.

    What that saw is in ``bottle.raw_path``; its part of the path is back in
    ``PATH_INFO`` when the response starts, by the application which it is mounted in.
    """
    if environ.get("PATH_INFO", "") == environ.get("bottle.raw_path", ""):
        return ""
    outermost = calling_instance(environ, "bottle")
    if outermost is None or outermost is app:
        return ""
    mounts = _way(outermost, app)
    return ANY_MOUNT if mounts is None else mounts


def _way(outer: Any, app: Any) -> str | None:
    """The mounts that lead from an application to another."""
    for route in getattr(outer, "routes", ()):
        target = _target(route)
        further = "" if target is app else _way(target, app)
        if further is not None:
            return "/" + str(route.config["mountpoint.prefix"]).strip("/") + further
    return None


def _target(route: Any) -> Any:
    """What a route has mounted there."""
    return getattr(route, "config", {}).get("mountpoint.target")
