"""Alerts of the configuration, judged while a command runs."""

from __future__ import annotations

import threading
from collections.abc import Iterator, Mapping, Sequence
from contextlib import closing, contextmanager
from dataclasses import replace
from typing import TYPE_CHECKING, Final

from weighbridge.transactions.configuration.environment import read_environment
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
    """Return the alerts with the secrets of their webhooks; a mistake ends the command, as nobody would be told."""
    configuration = load_from_environment()
    wrong = [str(problem) for problem in configuration.problems if problem.setting == "alerts"]
    if wrong:
        raise CommandError("\n".join(wrong))
    environ = read_environment()
    return [_with_secrets(alert, environ) for alert in configuration.settings.alerts]


def _with_secrets(alert: Alert, environ: Mapping[str, str]) -> Alert:
    from weighbridge.transactions.configuration.webhook_addresses import filled  # noqa: PLC0415 - few have alerts

    try:
        return replace(alert, webhook=filled(alert.webhook, environ)) if alert.webhook else alert
    except ValueError as error:
        raise CommandError(f"alert {alert.name!r}: webhook = {error}") from None


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
