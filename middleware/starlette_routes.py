"""The route that Starlette or FastAPI found for a request, as published in the scope.

The innermost route is in the scope. The mounts in front of it are looked up in the
outermost router, as the scope has only the paths that the client sent (``/org/7``
for ``/org/{org}``).
"""

from __future__ import annotations

import sys
from collections.abc import Iterable, Iterator, Mapping
from typing import Any, Final, NamedTuple
from weakref import ReferenceType, ref

__all__ = [
    "ANYTHING",
    "ANY_MOUNT",
    "is_starlette",
    "leads_to",
    "leaf_of_starlette",
    "routed_by_starlette",
    "routed_to_default",
    "starlette_mounts",
]

ANY_MOUNT: Final = "/{mount}"
"""Replaces a mount whose definition cannot be found: it may have a parameter, so its text must not become a name."""

ANYTHING: Final = "/{path}"
"""Everything below the mount of an application without a router."""
_DEEPEST: Final = 20
"""Wrappers around an application that are unwrapped at most."""


# The innermost route


def is_starlette(scope: Mapping[str, Any]) -> bool:
    """Whether Starlette or FastAPI handles the request, even if only by a bare router."""
    return "router" in scope or "app" in scope


def leaf_of_starlette(scope: Mapping[str, Any]) -> str | None:
    """Return the path of the route in the scope, if that leads to the endpoint and is not a mount."""
    route, fastapi = scope.get("route"), scope.get("fastapi")
    if type(fastapi) is dict:
        route = fastapi.get("effective_route_context") or route  # of a router that was included
    if getattr(route, "endpoint", None) is scope.get("endpoint", scope):
        return route.path_format  # type: ignore[no-any-return, union-attr]
    return None


def routed_by_starlette(scope: Mapping[str, Any]) -> str | None:
    """Return the route as written, without the mounts in front of it; ``None`` if the innermost router found none."""
    leaf = leaf_of_starlette(scope)
    if leaf is not None:
        return leaf
    route, endpoint = scope.get("route"), scope.get("endpoint")
    fastapi = scope.get("fastapi")
    if type(fastapi) is dict:
        included = getattr(fastapi.get("effective_route_context"), "starlette_route", None)
        if included is not None and _end(included) is endpoint:
            return _written(included)
        if endpoint is None and "frontend_path" in fastapi:
            return _frontend(scope, fastapi["frontend_path"])
    if route is None or _end(route) is not endpoint:  # it is one further out
        route = _route_to(endpoint, scope)
    return None if route is None else _written(route)


def routed_to_default(scope: Mapping[str, Any]) -> str | None:
    """Return the route for what the router's default handles, if that is an application of the user's."""
    router = scope.get("router")
    default = getattr(router, "default", None)
    its_own = getattr(default, "__func__", None) is getattr(type(router), "not_found", None)
    return None if default is None or its_own or "endpoint" in scope else ANYTHING


def leads_to(endpoint: Any, app: Any) -> bool:
    """Whether an endpoint is an application, possibly wrapped."""
    return endpoint is not None and _routes_of(endpoint) is getattr(app, "routes", None)


def _written(route: Any) -> str | None:
    """Return a route's path; for a mount `ANYTHING`, or ``None`` if it leads to a router, which then found nothing."""
    if hasattr(route, "routes"):
        return ANYTHING if _routes_of(_end(route)) is None else None
    path = getattr(route, "path_format", None)
    return path if isinstance(path, str) else None


def _end(route: Any) -> Any:
    """Return what a route leads to, as it appears in the scope."""
    return getattr(route, "endpoint", None) or getattr(route, "app", None)


def _frontend(scope: Mapping[str, Any], below: str) -> str:
    """Return the name for files of a front end that FastAPI serves without a route."""
    path: str = scope["path"].removeprefix(scope.get("root_path", ""))
    return f"{path.removesuffix(below).rstrip('/')}{ANYTHING}"


# The route to an endpoint: before Starlette 1.7 that is all the scope has, and in FastAPI of routes of Starlette's own.


def _route_to(endpoint: Any, scope: Mapping[str, Any]) -> Any:
    if endpoint is None:
        return None
    path = scope["path"].removeprefix(scope.get("root_path", ""))
    innermost = scope.get("app") or scope.get("router")
    routes = [route for route in _leaves(getattr(innermost, "routes", ())) if _end(route) is endpoint]
    return next((route for route in routes if _fits(route, path)), routes[0] if routes else None)


def _fits(route: Any, path: str) -> bool:
    """Whether a route matches the path, when several have one endpoint; mounts are not compared."""
    return hasattr(route, "routes") or route.path_regex.match(path) is not None


def _leaves(routes: Iterable[Any]) -> Iterator[Any]:
    """Yield all routes, below mounts too, and the mounts that do not lead to a router."""
    for route in _with_included(routes):
        below = _routes_of(_end(route)) if hasattr(route, "routes") else None
        if below is None:
            yield route
        else:
            yield from _leaves(below)


def _with_included(routes: Iterable[Any]) -> Iterable[Any]:
    """Return a router's routes, with those of routers that FastAPI has included, under their prefix."""
    contexts: Any = getattr(sys.modules.get("fastapi.routing"), "iter_route_contexts", None)
    return routes if contexts is None else contexts(routes)


def _routes_of(app: Any) -> Iterable[Any] | None:
    """Return the routes of an application, looking through its wrappers; ``None`` if it is not a router."""
    for _ in range(_DEEPEST):
        if app is None:
            break
        routes: Iterable[Any] | None = getattr(app, "routes", None)
        if routes is not None:
            return routes
        app = getattr(app, "app", None) or getattr(app, "__wrapped__", None)
    return None


# The mounts in front of it


class _Mount(NamedTuple):
    text: str
    """The mount as the client sent it."""
    written: str


def starlette_mounts(scope: Mapping[str, Any], reached: str) -> str:
    """Return the mounts, as written, that were passed since ``root_path`` was ``reached``, as the request came to us.

    ``app_root_path`` is its value before the first mount, and includes the
    application's setting ``root_path``, which is not a mount.
    """
    now: str = scope.get("root_path", "")
    first: str = scope.get("app_root_path", now)
    added = now[max(len(first), len(reached)) :].rstrip("/")
    if not added or not now.startswith(first):
        return ""
    text = now[len(first) :]
    literal = _literal_mounts(scope["router"])
    if text not in literal:
        mounts = _passed(scope["router"].routes, text, scope)
        if mounts is None:
            return ANY_MOUNT
        if any(mount.text != mount.written for mount in mounts):
            return _written_after(mounts, len(reached) - len(first))
        literal.add(text)
    return added


def _passed(routes: Iterable[Any], text: str, scope: Mapping[str, Any]) -> list[_Mount] | None:
    """Find the mounts that have taken this text from the path, in the order in which the router tries them."""
    for route in _with_included(routes):
        taken = _taken_by(route, text, scope)
        if taken is None:
            continue
        left = text[len(taken.text) :]
        further = _passed(_routes_of(_end(route)) or (), left, scope) if left else []
        if further is not None:
            return [taken, *further]
    return None


def _taken_by(route: Any, text: str, scope: Mapping[str, Any]) -> _Mount | None:
    """Return what a route takes from the front of a path, and how it is written; ``None`` if it is not a mount."""
    if not hasattr(route, "routes"):
        return None
    if hasattr(route, "host_regex"):
        return _Mount("", "") if route.matches(scope)[1] else None
    found = route.path_regex.match(f"{text}/") if hasattr(route, "path_regex") else None
    if found is None:
        return None
    return _Mount(f"{text}/"[: -len(found["path"]) - 1], route.path_format.removesuffix(ANYTHING))


def _written_after(mounts: list[_Mount], passed: int) -> str:
    """Join the mounts, as written, that come after the first ``passed`` characters of the path."""
    written = ""
    for mount in mounts:
        written += mount.written if passed <= 0 else ""
        passed -= len(mount.text)
    return written


_MAX_LITERAL: Final = 1000
_literal: Final[dict[int, tuple[ReferenceType[Any], set[str]]]] = {}
"""Mounts without parameters, which are written as clients send them, by the id of their router."""


def _literal_mounts(router: Any) -> set[str]:
    """Return the literal mounts known so far of a router. (Kept by id, as routers are not hashable.)"""
    known = _literal.get(id(router))
    if known is not None and known[0]() is router:
        return known[1]
    if len(_literal) >= _MAX_LITERAL:
        _literal.clear()
    found: set[str] = set()
    _literal[id(router)] = ref(router), found
    return found
