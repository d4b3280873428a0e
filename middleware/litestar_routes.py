"""The route that Litestar found for a request, as published in the scope."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

__all__ = [
    "has_starlette_below",
    "is_litestar",
    "is_mounted_by_litestar",
    "leaf_of_litestar",
    "litestar_mount",
    "routed_by_litestar",
]


def is_litestar(scope: Mapping[str, Any]) -> bool:
    """Whether Litestar handles the request. (Its first releases show that only once it is routed.)"""
    return "route_handler" in scope or "litestar_app" in scope


def is_mounted_by_litestar(scope: Mapping[str, Any]) -> bool:
    """Whether Litestar passed the request to an application that is mounted in it."""
    return bool(getattr(scope.get("route_handler"), "is_mount", False))


def leaf_of_litestar(scope: Mapping[str, Any]) -> str | None:
    """Return the route in the scope, unless it is a mount."""
    return None if is_mounted_by_litestar(scope) else scope["path_template"]


def has_starlette_below(scope: Mapping[str, Any]) -> bool:
    """Whether the mounted application is Starlette's, which gets the same scope."""
    return "router" in scope or scope["app"] is not scope.get("litestar_app", scope["app"])


def routed_by_litestar(scope: Mapping[str, Any]) -> str | None:
    """Return the route as written; Litestar's first releases publish the handler only, whose fitting path is taken."""
    template: str | None = scope.get("path_template")
    if template or "route_handler" not in scope:
        return template
    paths = list(_paths(scope))
    return next((path for path in paths if _describes(path, scope["path"])), paths[0] if paths else None)


def litestar_mount(scope: Mapping[str, Any], requested: str) -> str:
    """Return the path at which the application is mounted; Litestar allows no parameters in it.

    Args:
        scope: the scope as the mounted application got it.
        requested: the path that the client requested, which the scope no longer has.
    """
    paths = list(_paths(scope))
    below = scope["path"].rstrip("/")
    return next((path for path in paths if requested.rstrip("/").endswith(path + below)), paths[0] if paths else "")


def _paths(scope: Mapping[str, Any]) -> Iterator[str]:
    """Yield the paths of all routes to the handler. (``app`` may have been replaced by the mounted application.)"""
    handler = scope["route_handler"]
    for route in getattr(scope.get("litestar_app", scope.get("app")), "routes", ()):
        if handler in _handlers(route):
            yield route.path_format


def _handlers(route: Any) -> Any:
    return getattr(route, "route_handlers", None) or (getattr(route, "route_handler", None),)


def _describes(path_format: str, path: str) -> bool:
    """Whether a path matches a format such as ``/users/{id}``."""
    wanted, explicit_name = path_format.split("/"), path.rstrip("/").split("/")
    return len(wanted) == len(explicit_name) and all(
        part.startswith("{") or part == found for part, found in zip(wanted, explicit_name, strict=True)
    )
