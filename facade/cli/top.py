"""``weighbridge top``: the report, drawn again every few seconds until ``q``, Ctrl-C or the last round."""

from __future__ import annotations

import os
import select
import sys
import termios
import time
import tty
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress

from rich.console import Console, Group
from rich.live import Live
from rich.text import Text

from weighbridge.reporting.report import Report

from .output import say
from .plain import plain_lines
from .terminal import ReportView

__all__ = ["watch"]


def watch(read: Callable[[], Report], interval: float, rounds: int | None) -> None:
    """Show what ``read`` gives, every ``interval`` seconds, ``rounds`` times (``None``: without end).

    On a terminal the picture is redrawn in place; elsewhere each round is printed below the last.
    """
    show = _on_screen if sys.stdout.isatty() else _one_below_the_other
    with suppress(KeyboardInterrupt):
        show(read, interval, rounds)


def _on_screen(read: Callable[[], Report], interval: float, rounds: int | None) -> None:
    console = Console()
    hint = Text(f"weighbridge top, every {interval:g} s; q ends", style="dim")
    with _single_keys() as pressed, Live(console=console, screen=True, auto_refresh=False) as live:
        while True:
            report = read()
            live.update(Group(hint, ReportView(report, _rows_a_section(report, console.height))), refresh=True)
            rounds = rounds and rounds - 1
            if rounds == 0 or pressed(interval) == "q":
                return


def _one_below_the_other(read: Callable[[], Report], interval: float, rounds: int | None) -> None:
    while True:
        say("\n".join(plain_lines(read())))
        rounds = rounds and rounds - 1
        if rounds == 0:
            return
        time.sleep(interval)
        say()


def _rows_a_section(report: Report, height: int) -> int:
    """Return how many lines each section may show, so that all of them fit on the screen."""
    taken_a_section = 3  # a blank line, the heading, the sum
    room = height - 6 - taken_a_section * len(report.sections)
    lengths = [len(section.lines) for section in report.sections]
    fits = [rows for rows in range(1, height) if sum(min(length, rows) for length in lengths) <= room]
    return max(fits, default=1)


@contextmanager
def _single_keys() -> Iterator[Callable[[float], str]]:
    """Read single keys while the block runs; the given function waits for one, at most so many seconds."""
    if not sys.stdin.isatty():
        yield _no_key
        return
    before = termios.tcgetattr(sys.stdin)
    try:
        tty.setcbreak(sys.stdin)
        yield _key
    finally:
        termios.tcsetattr(sys.stdin, termios.TCSADRAIN, before)


def _key(seconds: float) -> str:
    ready, _, _ = select.select([sys.stdin], [], [], seconds)
    return os.read(sys.stdin.fileno(), 1).decode(errors="replace").lower() or "q" if ready else ""


def _no_key(seconds: float) -> str:
    time.sleep(seconds)
    return ""
