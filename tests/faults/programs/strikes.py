"""A time limit that strikes once a round, at a random moment, while a program does measured work again and again.

    strikes.py FORM STRIKER SECONDS

STRIKER is how the exception comes: ``signal:CLASS`` by a signal handler,
``thread:CLASS`` by ``PyThreadState_SetAsyncExc``.
"""

from __future__ import annotations

import ctypes
import random
import signal
import sys
import threading
import time
from collections.abc import Callable
from functools import partial
from typing import Any

import forms
from reckoning import reckon

import weighbridge
from weighbridge.transactions.handoff import handoff


class SoftTimeLimit(Exception): ...


class Abort(BaseException): ...


class Timeout(RuntimeError): ...


OF_ITS_OWN = (SoftTimeLimit, Abort, Timeout)
BUILT_IN = (TimeoutError, ValueError, RuntimeError, TypeError, KeyError, IndexError, AttributeError, ImportError)
CLASSES = {kind.__name__: kind for kind in (*OF_ITS_OWN, *BUILT_IN)}


class Rounds:
    """What was raised, and what of it arrived."""

    def __init__(self, do: Callable[[], Any], kind: type[BaseException]) -> None:
        self.do = do
        self.kind = kind
        self.raised = self.arrived = self.swallowed = self.left_current = 0

    def strike(self, *_: Any) -> None:
        self.raised += 1
        raise self.kind("from outside")

    def _until(self, struck: Callable[[int], bool], before: int) -> None:
        """Called within a ``try``, and not written there: Python 3.13 has no handler for the condition of its loop."""
        while not struck(before):
            self.do()

    def one(self, arm: Callable[[], Any], struck: Callable[[int], bool]) -> None:
        before = self.raised
        try:
            arm()
            self._until(struck, before)
            self.swallowed += 1
        except self.kind:
            self.arrived += 1
        if weighbridge.current_transaction(active_only=False) is not None:
            self.left_current += 1


def by_signal(rounds: Rounds, until: float) -> None:
    def once(number: int, frame: Any) -> None:
        signal.signal(number, signal.SIG_IGN)
        rounds.strike()

    def once_too(*arguments: Any) -> None:
        signal.signal(arguments[0], signal.SIG_IGN)
        rounds.strike()

    for handler in (rounds.strike, partial(rounds.strike), lambda *_: rounds.strike(), once, once_too):

        def arm(handler: Callable[..., Any] = handler) -> None:
            signal.signal(signal.SIGALRM, handler)
            signal.setitimer(signal.ITIMER_REAL, random.uniform(0.0002, 0.003))

        while time.monotonic() < until and rounds.raised < LIMIT:
            rounds.one(arm, lambda before: rounds.raised > before)
        until += SECONDS / HANDLERS
    signal.setitimer(signal.ITIMER_REAL, 0)


LIMIT = 1_000_000
HANDLERS = 5


def by_thread(rounds: Rounds, until: float) -> None:
    """Strike this thread from another one, which waits each time until it is told that the exception arrived."""
    me = threading.get_ident()
    armed, arrived = threading.Event(), threading.Event()

    def striker() -> None:
        while True:
            armed.wait()
            armed.clear()
            if rounds.raised < 0:
                return
            time.sleep(random.uniform(0, 0.002))
            rounds.raised += 1
            ctypes.pythonapi.PyThreadState_SetAsyncExc(ctypes.c_ulong(me), ctypes.py_object(rounds.kind))

    thread = threading.Thread(target=striker, daemon=True)
    thread.start()
    deadline = [0.0]

    def arm() -> None:
        deadline[0] = time.monotonic() + 20
        armed.set()

    while time.monotonic() < until:
        rounds.one(arm, lambda before: time.monotonic() > deadline[0])
    raised, rounds.raised = rounds.raised, -1
    armed.set()
    thread.join()
    arrived.set()
    rounds.raised = raised


FORM, STRIKER = sys.argv[1:3]
SECONDS = float(sys.argv[3])
how, _, name = STRIKER.partition(":")
for _ in range(50):
    forms.FORMS[FORM]()
rounds = Rounds(forms.FORMS[FORM], CLASSES[name])
(by_signal if how == "signal" else by_thread)(rounds, time.monotonic() + SECONDS / (HANDLERS if how == "signal" else 1))
threads_are_done = handoff.open_transactions.copy()
reckon(
    ran=forms.RAN, raised=rounds.raised, arrived=rounds.arrived, swallowed=rounds.swallowed, blinded=rounds.left_current
)
