"""What Starlette and FastAPI routed a request to, as they publish it in the scope.

The innermost router says how the route is written. How the mounts in front of
it are written is looked up in the outermost router: the scope has only what
the client sent in their places (``/org/7`` for ``/org/{org}``).
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
"""In the place of a mount of which nobody says how it is written: it may have a parameter, so its text is no name."""

ANYTHING: Final = "/{path}"
"""What an application without a router answers, below its mount."""
_DEEPEST: Final = 20
"""Wrappers around an application that are looked through at most."""


# The innermost route


def is_starlette(scope: Mapping[str, Any]) -> bool:
    """Whether Starlette or FastAPI took the request, be it only with a router."""
    return "router" in scope or "app" in scope


def leaf_of_starlette(scope: Mapping[str, Any]) -> str | None:
    """The path of the route in the scope, if it is that which leads to the endpoint, and no mount."""
    route, fastapi = scope.get("route"), scope.get("fastapi")
    if type(fastapi) is dict:
        route = fastapi.get("effective_route_context") or route  # of a router that was included
    if getattr(route, "endpoint", None) is scope.get("endpoint", scope):
        return route.path_format  # type: ignore[no-any-return, union-attr]
    return None


def routed_by_starlette(scope: Mapping[str, Any]) -> str | None:
    """How the route is written, without the mounts in front of it; ``None`` where the innermost router found none."""
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
    """What the outermost router gives what it does not find to, where that is an application of the user's."""
    router = scope.get("router")
    default = getattr(router, "default", None)
    its_own = getattr(default, "__func__", None) is getattr(type(router), "not_found", None)
    return None if default is None or its_own or "endpoint" in scope else ANYTHING


def leads_to(endpoint: Any, app: Any) -> bool:
    """Whether an endpoint is an application, perhaps with something wrapped around it."""
    return endpoint is not None and _routes_of(endpoint) is getattr(app, "routes", None)


def _written(route: Any) -> str | None:
    """The path of a route; of a mount what it leads to, unless that is a router, which has found nothing then."""
    if hasattr(route, "routes"):
        return ANYTHING if _routes_of(_end(route)) is None else None
    path = getattr(route, "path_format", None)
    return path if isinstance(path, str) else None


def _end(route: Any) -> Any:
    """What a route leads to, as the scope has it."""
    return getattr(route, "endpoint", None) or getattr(route, "app", None)


def _frontend(scope: Mapping[str, Any], below: str) -> str:
    """Where FastAPI serves the files of a front end, which are no route's."""
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
    """Whether it is this route of several with one endpoint; the part of a mount is no longer in the path."""
    return hasattr(route, "routes") or route.path_regex.match(path) is not None


def _leaves(routes: Iterable[Any]) -> Iterator[Any]:
    """All routes, and of the mounts those that lead to no router."""
    for route in _with_included(routes):
        below = _routes_of(_end(route)) if hasattr(route, "routes") else None
        if below is None:
            yield route
        else:
            yield from _leaves(below)


def _with_included(routes: Iterable[Any]) -> Iterable[Any]:
    """The routes of a router; where FastAPI has included another router, its routes with their prefix."""
    contexts: Any = getattr(sys.modules.get("fastapi.routing"), "iter_route_contexts", None)
    return routes if contexts is None else contexts(routes)


def _routes_of(app: Any) -> Iterable[Any] | None:
    """The routes that an application has, behind what is wrapped around it; ``None`` where it is no router."""
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
    """What the client sent."""
    written: str


def starlette_mounts(scope: Mapping[str, Any], reached: str) -> str:
    """How the mounts are written that were passed since the request reached us, when ``root_path`` was ``reached``.

    ``app_root_path`` is what that was before the first mount of all, with the
    setting of the application in it, which does not count.
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
    """The mounts that have taken this text from the path, tried in the order in which the router tries them."""
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
    """What a route takes from the front of a path, and how it is written; ``None`` where it does not lead further."""
    if not hasattr(route, "routes"):
        return None
    if hasattr(route, "host_regex"):
        return _Mount("", "") if route.matches(scope)[1] else None
    found = route.path_regex.match(f"{text}/") if hasattr(route, "path_regex") else None
    if found is None:
        return None
    return _Mount(f"{text}/"[: -len(found["path"]) - 1], route.path_format.removesuffix(ANYTHING))


def _written_after(mounts: list[_Mount], passed: int) -> str:
    """How those are written that come after so many characters of the path."""
    written = ""
    for mount in mounts:
        written += mount.written if passed <= 0 else ""
        passed -= len(mount.text)
    return written


_MAX_LITERAL: Final = 1000
_literal: Final[dict[int, tuple[ReferenceType[Any], set[str]]]] = {}
"""Of each router, by its id: the mounts that are written as clients send them."""


def _literal_mounts(router: Any) -> set[str]:
    """Those known so far of a router. (Routers cannot be hashed.)"""
    known = _literal.get(id(router))
    if known is not None and known[0]() is router:
        return known[1]
    if len(_literal) >= _MAX_LITERAL:
        _literal.clear()
    found: set[str] = set()
    _literal[id(router)] = ref(router), found
    return found
