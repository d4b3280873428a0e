"""Which time is read for a page, and in what steps."""

from __future__ import annotations

from math import ceil
from typing import Final

from weighbridge.transactions.store.figures import Window
from weighbridge.transactions.store.levels import floored

__all__ = ["SPARKS", "STEPS", "holding", "in_steps"]

STEPS: Final = 90
"""Steps that a chart has at most."""
SPARKS: Final = 40
"""Likewise, a sparkline."""
_UNWRITTEN: Final = 15.0
"""Seconds for which what has ended may not be in the store."""


def in_steps(window: Window, step: int, now: float) -> Window:
    """The window as far as its steps can be told rightly.

    Rows are counted in the step that they are in, so a last step that is over is taken whole: what is in the rest
    of it would make a rate too high. One that has just begun is left out: what ended in it may not be written yet,
    and every rate would seem to break down.
    """
    until = max(window.until, min(ceil(window.until / step) * step, now))
    begun = floored(until, step)
    if until >= now and until - begun < _UNWRITTEN and begun - window.since >= step:
        until = begun
    return window._replace(until=until)


def holding(moment: float, window: Window) -> Window:
    """The window, or one as long around the moment where that lies outside."""
    if window.since <= moment < window.until:
        return window
    half = (window.until - window.since) / 2
    return Window(moment - half, moment + half)
