"""ASGI: server and application see the same of every request, with us between them and without us."""

from __future__ import annotations

import functools
import gc
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from django.test.utils import override_settings

from weighbridge.testing import CapturedTransactions

from . import django_apps
from .asgi_side import MODES, lived, served, talked
from .asked import ASKED, Asked
from .builds import ASGI
from .conftest import observed, without_streams

pytestmark = [
    pytest.mark.filterwarnings("ignore::ResourceWarning"),  # of Django's uploads and files, where a client has gone
    pytest.mark.filterwarnings("ignore:StreamingHttpResponse must consume synchronous iterators:Warning"),
]


@pytest.fixture(autouse=True)
def django_project() -> Iterator[None]:
    django_apps.note_signals()
    with override_settings(ROOT_URLCONF=django_apps.Urls.ASGI):
        yield


@pytest.fixture(autouse=True, scope="module")
def quick_collector() -> Iterator[None]:
    """What was there before these tests is not looked through each time."""
    gc.collect()
    gc.freeze()
    yield
    gc.unfreeze()


@functools.cache
def built(name: str) -> tuple[Any, Any]:
    """The application without us and with us."""
    return ASGI[name](False), ASGI[name](True)


def cases() -> Iterator[Any]:
    """Every application, every request, and every kind of server where the client goes away.

    Where Django is cancelled, its own task goes on with the response: how far that comes is a race.
    """
    for name in ASGI:
        for asked in ASKED:
            if asked.parts is None:
                yield pytest.param(name, asked, "silent", id=f"{name}-{asked}")
                continue
            for mode in MODES:
                if not ("Django" in name and mode == "cancelling"):
                    yield pytest.param(name, asked, mode, id=f"{name}-{asked}, server {mode}")


@pytest.mark.parametrize(("name", "asked", "mode"), list(cases()))
def test_a_request(name: str, asked: Asked, mode: str, ended: CapturedTransactions) -> None:
    without, measured = built(name)
    expected = observed(lambda: served(without, asked, mode))
    del ended[:]
    seen = observed(lambda: served(measured, asked, mode))
    if "Django" in name and asked.parts is not None:
        assert without_streams(seen) == without_streams(expected)
    else:
        assert seen == expected
    if "Django" in name:
        collect_what_it_leaves(asked)
    assert bool(ended) == (name != "Django's MIDDLEWARE" or asked.uploads is None)  # Django gives up before that


def collect_what_it_leaves(asked: Asked) -> None:
    """Responses that Django does not close, and files that it leaves open."""
    if asked.path == "/file" or asked.parts is not None or asked.uploads is not None:
        gc.collect()


@pytest.mark.parametrize("act", [talked, lived])
@pytest.mark.parametrize("name", [name for name in ASGI if "Django" not in name])
def test_what_is_no_request(name: str, act: Callable[[Any], list[str]], ended: CapturedTransactions) -> None:
    """Websockets, and the application's life."""
    without, measured = built(name)
    assert observed(lambda: act(measured)) == observed(lambda: act(without))
    assert ended == []
