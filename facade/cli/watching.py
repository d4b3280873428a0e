"""Alerts of the configuration, judged while a command runs."""

from __future__ import annotations

import threading
from collections.abc import Iterator, Sequence
from contextlib import closing, contextmanager
from typing import TYPE_CHECKING, Final

from weighbridge.transactions.configuration.loading import load_from_environment

from .errors import CommandError
from .output import one_line, say
from .stores import Place

if TYPE_CHECKING:
    from weighbridge.alerting.watching import Watch
    from weighbridge.transactions.configuration.alerts import Alert

__all__ = ["watch_once", "watching"]

_EVERY: Final = 10.0
"""Seconds between two judgements."""


@contextmanager
def watching(place: Place) -> Iterator[None]:
    """Judge the alerts of the configuration while the block runs; does nothing where there are none.

    Raises:
        CommandError: they are not valid.
    """
    alerts = _configured()
    if not alerts:
        yield
        return
    stop = threading.Event()
    with _watch(place, alerts) as watch:
        thread = threading.Thread(target=_watch_until, args=(stop, watch), name="weighbridge-alerts")
        thread.start()
        try:
            yield
        finally:
            stop.set()
            thread.join()


def watch_once(place: Place) -> None:
    """Judge the alerts of the configuration once.

    Raises:
        CommandError: they are not valid.
    """
    alerts = _configured()
    if alerts:
        with _watch(place, alerts) as watch:
            watch.step()


def _configured() -> Sequence[Alert]:
    """Return the alerts; a mistake in one of them ends the command, as nobody would be told."""
    configuration = load_from_environment()
    wrong = [str(problem) for problem in configuration.problems if problem.setting == "alerts"]
    if wrong:
        raise CommandError("\n".join(wrong))
    return configuration.settings.alerts


@contextmanager
def _watch(place: Place, alerts: Sequence[Alert]) -> Iterator[Watch]:
    from weighbridge.alerting.watching import Watch  # noqa: PLC0415 - few have alerts

    with closing(Watch(place.path, alerts, _say)) as watch:
        yield watch


def _say(line: str) -> None:
    say(f"weighbridge: {one_line(line)}", error=True)


def _watch_until(stop: threading.Event, watch: Watch) -> None:
    said: set[str] = set()
    while not stop.is_set():
        try:
            watch.step()
        except Exception as error:  # a mistake of ours ends no alert for good
            line = f"alerts could not be judged: {type(error).__name__}: {error}"
            if line not in said:
                said.add(line)
                _say(line)
        stop.wait(_EVERY)
