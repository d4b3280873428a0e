"""After a request nothing of it is reachable from us: not its request, its response, its exceptions or their frames.

What we keep is kept here on purpose: the transaction waits to be counted, is
counted, or is held by a context that somebody has copied. What a framework
leaves to the collector by itself, or keeps, it may leave or keep with us too.
"""

from __future__ import annotations

import gc
import logging
import sys
import time
import traceback
from collections import Counter
from collections.abc import Callable, Iterator
from concurrent.futures import thread as pool
from types import TracebackType
from typing import Any, Final

import flask
import litestar
import pytest
import werkzeug
from django.http import HttpRequest
from django.http.response import HttpResponseBase
from django.test.utils import override_settings
from starlette.requests import HTTPConnection
from starlette.responses import Response

from weighbridge.transactions import lifecycle

from ..waiting import eventually
from . import asgi_side, django_apps, wsgi_side
from .asked import ASKED
from .builds import ASGI, WSGI
from .noted import Oops, contexts, notes

pytestmark = [
    pytest.mark.filterwarnings("ignore::ResourceWarning"),
    pytest.mark.filterwarnings("ignore:StreamingHttpResponse must consume synchronous iterators:Warning"),
]

OF_THE_HOST = (
    wsgi_side.Environ, asgi_side.Scope, asgi_side.Server, flask.Request, werkzeug.Response, HttpRequest,
    HttpResponseBase, HTTPConnection, Response, litestar.Request, litestar.Response, Oops, TracebackType,
)  # fmt: skip

Left = Counter[str]

TIMEOUT = 60.0
"""Seconds in which threads of the host let go of what they have done: they may be waiting for their turn."""


@pytest.fixture(autouse=True)
def no_log() -> Iterator[None]:
    """What is logged keeps exceptions; here it must not."""
    logging.disable()
    yield
    logging.disable(logging.NOTSET)


@pytest.fixture(autouse=True)
def old_objects_apart() -> Iterator[None]:
    """What was there before is not looked at; in the end everything is as it was."""
    yield
    gc.enable()
    gc.unfreeze()
    contexts.clear()
    notes.clear()


def left() -> Left:
    """The kinds of objects of the host that are there, and how many of each.

    Of tracebacks it matters whether there are any: with us they are longer by our own frames.
    """
    found = Counter(type(thing).__qualname__ for thing in gc.get_objects() if isinstance(thing, OF_THE_HOST))
    found["traceback"] = min(1, found["traceback"])
    return found


def left_after(serve: Callable[[], object], allowed: tuple[Left, Left] | None = None) -> tuple[Left, Left]:
    """What is left of a request, before anything is collected, and then; threads are given the time to let go."""
    serve()  # what is made once, at the first request
    eventually(at_rest)  # what a thread adds later to something frozen would never be collected
    contexts.clear()
    gc.collect()
    gc.freeze()
    gc.disable()
    serve()
    at_once = settled(allowed and allowed[0])
    return at_once, settled(allowed and allowed[1], gc.collect)


def at_rest() -> bool:
    """Whether all threads of pools wait for work."""
    for thread in sys._current_frames().values():
        codes = [frame.f_code for frame, _ in traceback.walk_stack(thread)]
        if _POOLS_WORKER in codes and codes[0] is not _POOLS_WORKER:
            return False
    return True


_POOLS_WORKER: Final = pool._worker.__code__


def settled(allowed: Left | None, collect: Callable[[], object] = int) -> Left:
    """What is left as soon as that is no more than is allowed, or after a while.

    A thread that lets go late may leave something to the collector, so that has its turn each time.
    """
    until = time.monotonic() + (TIMEOUT if allowed is not None else 0.005)
    collect()
    while time.monotonic() < until and not left() <= (allowed or Left()):
        time.sleep(0.001)
        collect()
    return left()


def told(what: object) -> str:
    """What was asked, and where the tracebacks that are there have been."""
    tracebacks = [thing for thing in gc.get_objects() if isinstance(thing, TracebackType)]
    places = [f"{thing.tb_frame.f_code.co_filename}:{thing.tb_lineno}" for thing in tracebacks]
    return "\n".join([str(what), *places])


def count() -> bool:
    """Have what waits counted, and its samples kept, without writing."""
    return lifecycle._recorder()._work(lambda: True)


def nothing_more_is_left(serve: Callable[[Any], object], without: Any, measured: Any, what: object) -> None:
    at_once, in_the_end = allowed = left_after(lambda: serve(without))
    at_once_with_us, in_the_end_with_us = left_after(lambda: serve(measured), allowed)
    assert contexts
    assert at_once_with_us <= at_once, told(what)
    assert in_the_end_with_us <= in_the_end, told(what)
    assert count()
    assert settled(in_the_end, gc.collect) <= in_the_end, told(what)


@pytest.mark.parametrize("name", WSGI)
def test_wsgi(name: str) -> None:
    with override_settings(ROOT_URLCONF=django_apps.Urls.WSGI):
        without, measured = WSGI[name](False), WSGI[name](True)
        for asked in ASKED:
            nothing_more_is_left(lambda app, asked=asked: wsgi_side.served(app, asked), without, measured, asked)


@pytest.mark.parametrize("name", ASGI)
def test_asgi(name: str) -> None:
    with override_settings(ROOT_URLCONF=django_apps.Urls.ASGI):
        without, measured = ASGI[name](False), ASGI[name](True)
        for asked in ASKED:
            nothing_more_is_left(
                lambda app, asked=asked: asgi_side.served(app, asked, "silent"), without, measured, asked
            )


def test_what_is_kept_would_be_found(monkeypatch: pytest.MonkeyPatch) -> None:
    """A bystander that keeps one thing of the host is found out."""
    monkeypatch.setattr(sys.modules[__name__], "TIMEOUT", 0.1)
    kept: list[Any] = []
    without = WSGI["bare"](False)

    def keeping(environ: Any, start: Any) -> Any:
        kept.append(environ)
        return without(environ, start)

    with pytest.raises(AssertionError, match="Environ"):
        nothing_more_is_left(lambda app: wsgi_side.served(app, ASKED[0]), without, keeping, "")
