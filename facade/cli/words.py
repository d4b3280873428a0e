"""The sentences around a report: what it covers, what was lost, and why it may be empty."""

from __future__ import annotations

import getpass
import time

from ..transactions.store.reader import Health
from . import formats
from .report import Report
from .span import describe, roughly

__all__ = ["empty_lines", "head_lines", "lost_line"]


def head_lines(report: Report, now: float) -> list[str]:
    """Say which span the figures cover and which store they come from."""
    since, until = report.window
    span = f"{_clock(since, now)} to {_clock(until, now)} ({describe(until - since)})"
    return [f"{span}, {_last_write(report.health, now)}", f"store {report.health.path}"]


def lost_line(health: Health) -> str:
    """Say what was dropped since the store exists; empty if nothing was."""
    lost = [f"{formats.count(number)} {cause}" for cause, number in sorted(health.lost.items()) if number]
    return f"Dropped because a limit was reached, and not in any figure: {', '.join(lost)}." if lost else ""


def empty_lines(report: Report, now: float) -> list[str]:
    """Say where nothing was found, and what may be the reason."""
    health = report.health
    return [
        f"Nothing was recorded from {_clock(report.window.since, now)} to {_clock(report.window.until, now)}.",
        "",
        f"  store       {health.path} ({formats.size(health.size)})",
        f"  owner       {health.owner} (you are {_user()})",
        f"  last write  {_last_write(health, now).removeprefix('last write ')}",
        "",
        "Web servers, workers and shells often run as different users, each with a store of their own.",
        "Look further back with --since 7d, read another file with --store, or set WEIGHBRIDGE_STORE for all of them.",
    ]


def _last_write(health: Health, now: float) -> str:
    if health.last_write is None:
        return "last write never"
    return f"last write {roughly(now - health.last_write)} ago"


def _clock(moment: float, now: float) -> str:
    """Write a moment in local time, with the date where it is not today's."""
    local, today = time.localtime(moment), time.localtime(now)
    form = "%H:%M:%S" if local[:3] == today[:3] else "%Y-%m-%d %H:%M"
    return time.strftime(form, local)


def _user() -> str:
    try:
        return getpass.getuser()
    except (KeyError, OSError):
        return "a user without a name"
