"""The route that Bottle found for a request, as published in the environ."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from .calling_frames import calling_instance
from .starlette_routes import ANY_MOUNT

__all__ = ["is_bottle", "routed_by_bottle"]


def is_bottle(environ: Mapping[str, Any]) -> bool:
    """Whether Bottle handles the request."""
    return "bottle.app" in environ


def routed_by_bottle(environ: Mapping[str, Any]) -> str | None:
    """Return the rule that matched, after Bottle's own mounts; ``None`` if there is none.

    The rule of a mount does not count if the mounted application is Bottle's: then that one found none.
    """
    route, app = environ.get("bottle.route"), environ["bottle.app"]
    rule: str | None = getattr(route, "rule", None)
    if rule is None or _target(route) is app:
        return None
    return _mounts(environ, app) + rule


def _mounts(environ: Mapping[str, Any], app: Any) -> str:
    """Return the mounts that lead to the Bottle application which handled the request.

    ``bottle.raw_path`` is the path that this application saw. By the time the
    response starts, the outer application has restored the mount in ``PATH_INFO``.
    """
    if environ.get("PATH_INFO", "") == environ.get("bottle.raw_path", ""):
        return ""
    outermost = calling_instance(environ, "bottle")
    if outermost is None or outermost is app:
        return ""
    mounts = _way(outermost, app)
    return ANY_MOUNT if mounts is None else mounts


def _way(outer: Any, app: Any) -> str | None:
    """Return the mounts that lead from one application to another, or ``None``."""
    for route in getattr(outer, "routes", ()):
        target = _target(route)
        further = "" if target is app else _way(target, app)
        if further is not None:
            return "/" + str(route.config["mountpoint.prefix"]).strip("/") + further
    return None


def _target(route: Any) -> Any:
    """Return the application that a route mounts, if it is a mount."""
    return getattr(route, "config", {}).get("mountpoint.target")
