"""The route that Django found for a request: noted by our Django middleware, else looked up a second time."""

from __future__ import annotations

from collections.abc import Mapping
from importlib import import_module
from typing import Any

from ..transactions.log import log_once
from ..transactions.model.request import RequestTransaction
from .mounts import mounts_passed

__all__ = ["django_names_its_requests", "look_up_django_route", "note_django_route", "path_for_django"]

_named_by_middleware = False


def django_names_its_requests() -> None:
    """Stop looking routes up, as Django's list of middleware has ours."""
    global _named_by_middleware
    _named_by_middleware = True


def note_django_route(transaction: RequestTransaction, match: Any, mount_now: str) -> None:
    """Note the route of a match as Django writes it, with a leading slash."""
    transaction._route = f"{mounts_passed(transaction, mount_now)}/{match.route}"


def path_for_django(environ: Mapping[str, Any] | None, scope: Mapping[str, Any] | None) -> tuple[str, str]:
    """Return the mount of a request to Django, and the path as its URL patterns see it."""
    if environ is not None:
        path = environ.get("PATH_INFO", "").encode("latin-1", "replace").decode("utf-8", "replace")
        return environ.get("SCRIPT_NAME", ""), path
    scope = scope or {}
    mount = scope.get("root_path", "")
    forced = import_module("django.conf").settings.FORCE_SCRIPT_NAME
    return mount, scope.get("path", "").removeprefix(mount if forced is None else forced)


def look_up_django_route(transaction: RequestTransaction, mount: str, path: str) -> None:
    """Look up and note the route of a request that Django has handled and that has no name yet."""
    if _named_by_middleware or transaction._route or transaction._explicit_name is not None:
        return
    log_once(
        "Django without its middleware",
        "the routes of Django's requests are looked up a second time: "
        "put weighbridge.middleware.DjangoTransactionMiddleware first in MIDDLEWARE to avoid that",
    )
    urls = import_module("django.urls")
    try:
        note_django_route(transaction, urls.resolve(path or "/"), mount)
    except urls.Resolver404:
        return
