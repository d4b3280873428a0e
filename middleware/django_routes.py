"""What Django routed a request to: told by its own middleware, or looked up behind another door."""

from __future__ import annotations

from collections.abc import Mapping
from importlib import import_module
from typing import Any

from ..transactions.log import log_once
from ..transactions.model.request import RequestTransaction
from .request import DoorTransaction

__all__ = ["django_names_its_requests", "look_up_django_route", "note_django_route"]

_named_by_middleware = False


def django_names_its_requests() -> None:
    """Django's list of middleware has ours: no route needs to be looked up."""
    global _named_by_middleware
    _named_by_middleware = True


def note_django_route(transaction: RequestTransaction, match: Any, mount_now: str) -> None:
    """Note the route of a match, as Django writes it, with a slash in front."""
    route = f"/{match.route}"
    transaction.route = transaction.mounted(route, mount_now) if isinstance(transaction, DoorTransaction) else route


def look_up_django_route(transaction: DoorTransaction, request: Mapping[str, Any]) -> None:
    """Note the route of a request that Django has handled and nobody has named; read before its data is let go."""
    if _named_by_middleware or transaction.route or transaction.given is not None:
        return
    log_once(
        "Django without its middleware",
        "Django's requests are named by looking their routes up a second time: "
        "put weighbridge.middleware.DjangoTransactionMiddleware first into MIDDLEWARE",
    )
    mount = request.get("SCRIPT_NAME") or request.get("root_path") or ""
    path = request["PATH_INFO"] if "PATH_INFO" in request else request["path"].removeprefix(mount)
    urls = import_module("django.urls")
    try:
        note_django_route(transaction, urls.resolve(path or "/"), mount)
    except urls.Resolver404:
        return
