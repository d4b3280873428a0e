"""Measured work that is dropped in reference cycles, while other context variables are set all the time.

    collector.py WHAT COUNT THRESHOLD

The collector then runs what ends it at any moment, within ``ContextVar.set()`` too.
"""

from __future__ import annotations

import faulthandler
import gc
import sys
from collections.abc import Callable
from contextvars import ContextVar, copy_context
from typing import Any

import forms
from reckoning import reckon

import weighbridge

PADS = [ContextVar[object](f"pad{number}") for number in range(20)]
"""What frameworks and tracers keep in a context."""

SEEN: set[str | None] = set()
"""The names of the transactions that the cleanups of what was dropped saw as current."""


class Cycle:
    """Refers to itself, so that the collector has to find it."""

    def __init__(self, *dropped: Any) -> None:
        self.itself = self
        self.dropped = dropped


def see() -> None:
    transaction = weighbridge.current_transaction()
    SEEN.add(transaction and transaction.name)


def app(environ: Any, start_response: Any) -> Any:
    forms.work()
    start_response("200 OK", [])
    try:
        yield b"one"
        yield b"two"
    finally:
        see()


middleware = weighbridge.WSGITransactionMiddleware(app, name="dropped")


@weighbridge.background_task(name="dropped")
def steps() -> Any:
    try:
        yield forms.work()
        yield 2
    finally:
        see()


@weighbridge.background_task(name="dropped")
async def async_steps() -> Any:
    try:
        yield forms.work()
        yield 2
    finally:
        see()


@weighbridge.background_task(name="dropped")
def last_wish() -> None:
    forms.work()
    see()


class Wishes:
    def __del__(self) -> None:
        last_wish()


class WishesInABlock:
    def __del__(self) -> None:
        with weighbridge.BackgroundTask(name="dropped"):
            forms.work()
            see()


class WishesInAGenerator:
    def __del__(self) -> None:
        list(steps())


class WishesToKnow:
    def __del__(self) -> None:
        forms.work()
        weighbridge.current_transaction()
        weighbridge.add_custom_attribute("one", 1)


def response_body() -> Cycle:
    body = middleware(forms.environ.copy(), lambda *_: None)
    chunks = iter(body)
    next(chunks)
    return Cycle(body, chunks)


def generator() -> Cycle:
    dropped = steps()
    next(dropped)
    return Cycle(dropped)


def async_generator() -> Cycle:
    dropped = async_steps()
    forms.driven(dropped.__anext__())
    return Cycle(dropped)


class Pause:
    def __await__(self) -> Any:
        yield None


@weighbridge.background_task(name="dropped")
async def waits() -> None:
    forms.work()
    try:
        await Pause()
    finally:
        see()


@weighbridge.background_task(name="dropped")
def hands_on() -> Any:
    return waits.__wrapped__()  # type: ignore[attr-defined]


def coroutine() -> Cycle:
    dropped = waits()
    copy_context().run(dropped.send, None)
    return Cycle(dropped)


def coroutine_here() -> Cycle:
    dropped = waits()
    dropped.send(None)
    weighbridge.transactions.context.current.current.set(None)
    return Cycle(dropped)


def coroutine_of_a_function() -> Cycle:
    dropped = hands_on()
    copy_context().run(dropped.send, None)
    return Cycle(dropped)


def block() -> Cycle:
    dropped = weighbridge.BackgroundTask(name="dropped")
    copy_context().run(dropped.__enter__)  # within one that is open no other is opened
    forms.work()
    return Cycle(dropped)


DROPPED: dict[str, Callable[[], Any]] = {
    "response_body": response_body,
    "generator": generator,
    "async_generator": async_generator,
    "block": block,
    "coroutine": coroutine,
    "coroutine_here": coroutine_here,
    "coroutine_of_a_function": coroutine_of_a_function,
    "call_in_a_destructor": lambda: Cycle(Wishes()),
    "block_in_a_destructor": lambda: Cycle(WishesInABlock()),
    "generator_in_a_destructor": lambda: Cycle(WishesInAGenerator()),
    "look_in_a_destructor": lambda: Cycle(WishesToKnow()),
}

faulthandler.enable()
what, count, threshold = sys.argv[1], int(sys.argv[2]), int(sys.argv[3])
gc.set_threshold(threshold)
for pad in PADS:
    pad.set(object())


@weighbridge.web_transaction(name="innocent")
def request() -> None:
    for pad in PADS:
        pad.set(object())


for _ in range(count):
    DROPPED[what]()
    request()
    for pad in PADS:
        pad.set(object())
gc.collect()
reckon(ran=forms.RAN + count, seen=sorted(map(str, SEEN)))
