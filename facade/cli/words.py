"""The sentences around a report: what it covers, what was lost, and why it may be empty."""

from __future__ import annotations

import getpass
import time
from types import MappingProxyType
from typing import Final

from weighbridge.reporting import formats
from weighbridge.reporting.report import Report
from weighbridge.reporting.span import describe, roughly
from weighbridge.transactions.store.reader import Health

__all__ = ["clock_line", "empty_lines", "head_lines", "left_out_line", "uncounted_line", "user"]

_WRONG: Final = 60.0
"""Seconds by which a clock is ahead when that is worth a word."""


def head_lines(report: Report, now: float) -> list[str]:
    """Say which span the figures cover and which store they come from."""
    since, until = report.window
    span = f"{_clock(since, now)} to {_clock(until, now)} ({describe(until - since)})"
    return [f"{span}, {_last_write(report.health, now)}", f"store {report.health.path}"]


def uncounted_line(health: Health) -> str:
    """Say how many transactions no figure shows, since the store exists; empty if all are shown."""
    lost = [(why, health.lost[cause]) for cause, why in _UNCOUNTED.items() if health.lost.get(cause)]
    return "\n".join(f"In no figure, because {why}: {formats.count(number)} transactions." for why, number in lost)


_UNCOUNTED: Final = MappingProxyType(
    {
        "transactions": "a limit was reached",
        "expired": "they are older than all that is kept, by the clock of their process",
    }
)


def clock_line(health: Health, now: float) -> str:
    """Say that a process reports by a clock that is ahead; empty if none does."""
    ahead = 0.0 if health.latest is None else health.latest - now
    if ahead < _WRONG:
        return ""
    return f"A process reports by a clock that is {roughly(ahead)} ahead: its figures are kept under that time."


def left_out_line(health: Health) -> str:
    """Say what else limits have cost since the store exists, names and samples; empty if nothing."""
    lost = {cause: number for cause, number in sorted(health.lost.items()) if number and cause not in _UNCOUNTED}
    details = ", ".join(f"{formats.count(number)} {_CAUSES.get(cause, cause)}" for cause, number in lost.items())
    return f"Left out of the details, because of limits: {details}." if details else ""


_CAUSES: Final = MappingProxyType(
    {"names": "names (counted under <other>)", "samples_thinned": "samples (the slowest and the latest are kept)"}
)


def empty_lines(report: Report, now: float) -> list[str]:
    """Say where nothing was found, and what may be the reason."""
    health = report.health
    return [
        f"Nothing was recorded from {_clock(report.window.since, now)} to {_clock(report.window.until, now)}.",
        "",
        f"  store       {health.path} ({formats.size(health.size)})",
        f"  owner       {health.owner} (you are {user()})",
        f"  last write  {_last_write(health, now).removeprefix('last write ')}",
        "",
        "Web servers, workers and shells often run as different users, each with a store of their own.",
        "Look further back with --since 7d, read another file with --store, or set WEIGHBRIDGE_STORE for all of them.",
    ]


def _last_write(health: Health, now: float) -> str:
    if health.last_write is None:
        return "last write never"
    if health.last_write - now > _WRONG:
        return f"last write by a clock that is {roughly(health.last_write - now)} ahead"
    return f"last write {roughly(now - health.last_write)} ago"


def _clock(moment: float, now: float) -> str:
    """Write a moment in local time, with the date where it is not today's."""
    local, today = time.localtime(moment), time.localtime(now)
    form = "%H:%M:%S" if local[:3] == today[:3] else "%Y-%m-%d %H:%M"
    return time.strftime(form, local)


def user() -> str:
    """Name the user who runs this command."""
    try:
        return getpass.getuser()
    except (KeyError, OSError):
        return "a user without a name"
