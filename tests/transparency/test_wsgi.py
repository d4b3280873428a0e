"""WSGI: server and application see the same of every request, with us between them and without us."""

from __future__ import annotations

import functools
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from django.test.utils import override_settings

from weighbridge.middleware import WSGITransactionMiddleware
from weighbridge.testing import CapturedTransactions

from . import django_apps
from .asked import ASKED, Asked
from .conftest import observed
from .wsgi_apps import APPS, flask_app
from .wsgi_side import served, spying

pytestmark = pytest.mark.filterwarnings("ignore::ResourceWarning")  # of a file that Bottle opens and does not send

Build = Callable[[bool], Any]
"""Makes an application, measured or not."""


@pytest.fixture(autouse=True)
def django_project() -> Iterator[None]:
    django_apps.note_signals()
    with override_settings(ROOT_URLCONF=django_apps.Urls.WSGI):
        yield


def wrapped(make: Callable[[], Any]) -> Build:
    """The middleware around the application, as around any."""
    return lambda measured: WSGITransactionMiddleware(spying(make())) if measured else spying(make())


def flask_itself(measured: bool) -> Any:
    """The middleware within the application, as the README has it."""
    app = flask_app()
    app.wsgi_app = spying(app.wsgi_app)
    if measured:
        app.wsgi_app = WSGITransactionMiddleware(app.wsgi_app)  # type: ignore[method-assign]
    return app


def django_itself(measured: bool) -> Any:
    """The middleware in Django's list."""
    return spying(django_apps.wsgi_app(*[django_apps.OURS] * measured))


BUILDS: dict[str, Build] = {
    **{name: wrapped(make) for name, make in APPS.items()},
    "Flask's wsgi_app": flask_itself,
    "Django": wrapped(django_apps.wsgi_app),
    "Django's MIDDLEWARE": django_itself,
}


@functools.cache
def built(name: str) -> tuple[Any, Any]:
    """The application without us and with us."""
    return BUILDS[name](False), BUILDS[name](True)


@pytest.mark.parametrize("asked", ASKED, ids=str)
@pytest.mark.parametrize("name", BUILDS)
def test_a_request(name: str, asked: Asked, ended: CapturedTransactions) -> None:
    without, measured = built(name)
    expected = observed(lambda: served(without, asked))
    del ended[:]
    assert observed(lambda: served(measured, asked)) == expected
    assert ended
