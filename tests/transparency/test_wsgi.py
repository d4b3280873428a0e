"""WSGI: server and application see the same of every request, with us between them and without us."""

from __future__ import annotations

import functools
from collections.abc import Iterator
from typing import Any

import pytest
from django.test.utils import override_settings

from weighbridge.testing import CapturedTransactions

from . import django_apps
from .asked import ASKED, Asked
from .builds import WSGI
from .conftest import observed
from .wsgi_side import served

pytestmark = pytest.mark.filterwarnings("ignore::ResourceWarning")  # of a file that Bottle opens and does not send


@pytest.fixture(autouse=True)
def django_project() -> Iterator[None]:
    django_apps.note_signals()
    with override_settings(ROOT_URLCONF=django_apps.Urls.WSGI):
        yield


@functools.cache
def built(name: str) -> tuple[Any, Any]:
    """The application without us and with us."""
    return WSGI[name](False), WSGI[name](True)


@pytest.mark.parametrize("asked", ASKED, ids=str)
@pytest.mark.parametrize("name", WSGI)
def test_a_request(name: str, asked: Asked, ended: CapturedTransactions) -> None:
    without, measured = built(name)
    expected = observed(lambda: served(without, asked))
    del ended[:]
    assert observed(lambda: served(measured, asked)) == expected
    assert ended
