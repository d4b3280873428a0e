"""Real servers: byte for byte the same comes out of the socket, with us and without us."""

from __future__ import annotations

import gc
import logging
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from typing import Any

import pytest
from django.test.utils import override_settings

from . import django_apps
from .asked import ASKED
from .builds import ASGI, WSGI
from .conftest import masked
from .servers import answer, request_of, under_uvicorn, under_wsgiref

pytestmark = pytest.mark.filterwarnings("ignore::ResourceWarning", "ignore:StreamingHttpResponse must consume")


@pytest.fixture(autouse=True)
def nothing_kept() -> Iterator[None]:
    """Uploads and files that Django leaves open complain here and not later: no log keeps its exceptions."""
    logging.disable()
    yield
    logging.disable(logging.NOTSET)
    gc.collect()


@contextmanager
def both(build: Callable[[bool], Any], server: Any) -> Iterator[tuple[int, int]]:
    """The ports of an application without us, and with us."""
    with ExitStack() as stack:
        yield stack.enter_context(server(build(False))), stack.enter_context(server(build(True)))


def said(port: int, *requests: bytes) -> str:
    """An answer, without what differs from time to time."""
    return masked(answer(port, *requests).decode("latin-1"))


WHOLE = [asked for asked in ASKED if asked.parts is None and asked.uploads is None]


@pytest.mark.parametrize("name", WSGI)
def test_wsgi(name: str) -> None:
    with (
        override_settings(ROOT_URLCONF=django_apps.Urls.WSGI),
        both(WSGI[name], under_wsgiref) as (without, measured),
    ):
        for asked in WHOLE:
            if not asked.chunked:  # wsgiref knows nothing of it
                request = request_of(asked)
                assert said(measured, request) == said(without, request), asked


@pytest.mark.parametrize("name", ASGI)
def test_asgi(name: str) -> None:
    with (
        override_settings(ROOT_URLCONF=django_apps.Urls.ASGI),
        both(ASGI[name], under_uvicorn) as (without, measured),
    ):
        # The bare one answers in the parts in which the socket gives an upload.
        requests = [request_of(asked) for asked in WHOLE if name != "bare" or len(asked.body) < 4]
        for request in requests:
            assert said(measured, request) == said(without, request)
        pipelined = requests[:10]
        assert said(measured, *pipelined) == said(without, *pipelined)
