"""What every test of Django's middleware has: a store in memory, and the transactions that ended."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from django.urls import clear_script_prefix

from weighbridge.middleware import django_routes
from weighbridge.testing import CapturedTransactions, capture_transactions

from . import site
from .helpers import ASGI, WSGI, Side


@pytest.fixture(autouse=True)
def fresh(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Nothing is kept of other tests."""
    monkeypatch.setenv("WEIGHBRIDGE_STORE", ":memory:")
    monkeypatch.setenv("WEIGHBRIDGE_APP_NAME", "site")
    monkeypatch.setattr(django_routes, "_named_by_middleware", False)
    site.seen.clear()
    yield
    clear_script_prefix()


@pytest.fixture(params=[WSGI, ASGI], ids=["wsgi", "asgi"])
def side(request: pytest.FixtureRequest) -> Side:
    """Each way that Django is served."""
    chosen: Side = request.param
    return chosen


@pytest.fixture
def ended() -> Iterator[CapturedTransactions]:
    """The transactions that ended in this test, in their order."""
    with capture_transactions() as transactions:
        yield transactions
