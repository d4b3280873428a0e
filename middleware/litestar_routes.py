"""What Litestar routed a request to, as it publishes it in the scope."""

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
    """Whether Litestar has the request. (Its first releases do not say so before it is routed.)"""
    return "route_handler" in scope or "litestar_app" in scope


def is_mounted_by_litestar(scope: Mapping[str, Any]) -> bool:
    """Whether it gave the request to an application that is mounted below it."""
    return bool(getattr(scope.get("route_handler"), "is_mount", False))


def leaf_of_litestar(scope: Mapping[str, Any]) -> str | None:
    """The route in the scope, unless it leads further."""
    return None if is_mounted_by_litestar(scope) else scope["path_template"]


def has_starlette_below(scope: Mapping[str, Any]) -> bool:
    """Whether what is mounted there is Starlette's, which was given the same scope."""
    return "router" in scope or scope["app"] is not scope.get("litestar_app", scope["app"])


def routed_by_litestar(scope: Mapping[str, Any]) -> str | None:
    """How the route is written. The first releases tell the handler only: its path, or that of its paths which fits."""
    template: str | None = scope.get("path_template")
    if template or "route_handler" not in scope:
        return template
    paths = list(_paths(scope))
    return next((path for path in paths if _describes(path, scope["path"])), paths[0] if paths else None)


def litestar_mount(scope: Mapping[str, Any], requested: str) -> str:
    """Where the application is mounted; Litestar has no parameters there.

    Args:
        scope: as the application was given it.
        requested: the path that the client asked for, which is no longer in the scope.
    """
    paths = list(_paths(scope))
    below = scope["path"].rstrip("/")
    return next((path for path in paths if requested.rstrip("/").endswith(path + below)), paths[0] if paths else "")


def _paths(scope: Mapping[str, Any]) -> Iterator[str]:
    """Those of all routes that lead to the handler. What is mounted may have put itself into the place of ``app``."""
    handler = scope["route_handler"]
    for route in getattr(scope.get("litestar_app", scope.get("app")), "routes", ()):
        if handler in _handlers(route):
            yield route.path_format


def _handlers(route: Any) -> Any:
    return getattr(route, "route_handlers", None) or (getattr(route, "route_handler", None),)


def _describes(path_format: str, path: str) -> bool:
    """Whether a path is one of ``/users/{id}``."""
    wanted, explicit_name = path_format.split("/"), path.rstrip("/").split("/")
    return len(wanted) == len(explicit_name) and all(
        part.startswith("{") or part == found for part, found in zip(wanted, explicit_name, strict=True)
    )
