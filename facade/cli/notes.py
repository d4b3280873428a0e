"""The sentences around a report: what it covers, what was lost, and why it may be empty."""

from __future__ import annotations

import getpass
import shlex
import time
from typing import Final

from weighbridge.reporting import formats
from weighbridge.reporting.dropped import dropped_details, dropped_transactions, nobody_collects
from weighbridge.reporting.first_steps import NOTHING_YET, ONLY_INITIALIZED, first_steps_lines, is_missing
from weighbridge.reporting.report import Report
from weighbridge.reporting.time_range import describe, roughly
from weighbridge.transactions.configuration.postgresql_url import is_server_url
from weighbridge.transactions.store.reader import Health

from .demo_store import demo_store

__all__ = ["clock_line", "collect_line", "empty_lines", "head_lines", "loss_lines", "user"]

_WRONG: Final = 60.0
"""Seconds by which a clock must be ahead to be mentioned."""


def head_lines(report: Report, now: float) -> list[str]:
    """Say which time the figures cover and which store they come from."""
    since, until = report.window
    window = f"{_clock(since, now)} to {_clock(until, now)} ({describe(until - since)})"
    return [f"{window}, {_last_write(report.health, now)}", f"store {report.health.path}"]


def clock_line(health: Health, now: float) -> str:
    """Say that the clock of this machine is not that of the server, or a process's is ahead; empty if all agree."""
    present = _present(health, now)
    if abs(present - now) >= _WRONG:
        how = "behind" if present > now else "ahead of"
        return f"The clock of this machine is {roughly(abs(present - now))} {how} the server's: figures are read by it."
    ahead = 0.0 if health.latest is None else health.latest - present
    if ahead < _WRONG:
        return ""
    return f"A process reports by a clock that is {roughly(ahead)} ahead: its figures are kept under that time."


def collect_line(health: Health) -> str:
    """Say that nobody merges what processes send to a server; empty if somebody does."""
    sentence = nobody_collects(health.waiting)
    return f"{sentence}: run `weighbridge collect` or `weighbridge serve`." if sentence else ""


def loss_lines(report: Report) -> tuple[list[str], list[str]]:
    """Say what is missing from the figures of this report, and what from its details."""
    statistics, details = dropped_transactions(report.lost), dropped_details(report.lost)
    return [f"{sentence}." for sentence in statistics], [f"{sentence}." for sentence in details]


def empty_lines(report: Report, now: float) -> list[str]:
    """Say where nothing was found, and what may be the reason."""
    return _nothing_in_this_time(report, now) if report.ever else _nothing_yet(report.health, now)


def _nothing_yet(health: Health, now: float) -> list[str]:
    there = "no such file yet" if health.last_write is None else _last_write(health, now)
    whose = f"  you are     {user()}; programs run by other users report to stores of their own"
    if is_server_url(health.path):
        there = "no process has reported" if health.last_write is None else there
        whose = "  programs    report to what WEIGHBRIDGE_STORE, or the setting store, says where they run"
    return [
        f"{NOTHING_YET}.",
        "",
        f"  looked for  {health.path} ({there})",
        whose,
        *_last_demo(health),
        "",
        "Lines that have a program measured:",
        "",
        *first_steps_lines(),
        "",
        ONLY_INITIALIZED,
    ]


def _last_demo(health: Health) -> list[str]:
    store = demo_store()
    if is_missing(store) or str(store) == health.path:
        return ["  an example  weighbridge demo"]
    return [f"  an example  the figures of the last demo: weighbridge report --store {shlex.quote(str(store))}"]


def _nothing_in_this_time(report: Report, now: float) -> list[str]:
    health = report.health
    others = "Web servers, workers and shells often run as different users, each with a store of their own."
    if is_server_url(health.path):
        others = "Programs may report to another store: to what WEIGHBRIDGE_STORE says where they run."
    return [
        f"Nothing was recorded from {_clock(report.window.since, now)} to {_clock(report.window.until, now)}.",
        "",
        f"  store       {health.path} ({formats.size(health.size)})",
        f"  owner       {health.owner} (you are {user()})",
        f"  last write  {_last_write(health, now).removeprefix('last write ')}",
        "",
        others,
        "Look further back with --since 7d, read another store with --store, or set WEIGHBRIDGE_STORE for all of them.",
    ]


def _present(health: Health, now: float) -> float:
    """Return what time it is: the server's clock is believed, as it is where figures are kept."""
    return now if health.server_time is None else health.server_time


def _last_write(health: Health, now: float) -> str:
    now = _present(health, now)
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
