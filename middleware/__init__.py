"""The doors that requests come in by: WSGI, ASGI, and Django's list of middleware."""

from __future__ import annotations

from .asgi import ASGITransactionMiddleware
from .django import DjangoTransactionMiddleware
from .wsgi import WSGITransactionMiddleware

__all__ = ["ASGITransactionMiddleware", "DjangoTransactionMiddleware", "WSGITransactionMiddleware"]
