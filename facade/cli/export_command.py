"""``weighbridge export otlp``: figures for those who keep theirs elsewhere. Needs the extra ``otlp``."""

from __future__ import annotations

import os
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Final

from weighbridge.exporting.otlp.exporter import Exporter, ExportFailed, Store
from weighbridge.exporting.otlp.variables import BadVariable, Variables, read_variables
from weighbridge.transactions.configuration.loading import load_from_environment

from .errors import CommandError
from .output import say
from .signals import stopped_by_signals
from .stores import Place

__all__ = ["export_store", "exporting"]

_TIMEOUT: Final = 30.0
"""Seconds that ``--once`` takes at most, besides the last attempt."""
_DISABLED: Final = "nothing is sent: OTEL_SDK_DISABLED is true"


def export_store(place: Place, once: bool, samples: bool) -> None:
    """Send what a store holds, once or until Ctrl-C or SIGTERM.

    Raises:
        CommandError: a variable cannot be used; or, where it is tried once, it could not be sent.
    """
    variables = _variables(True, samples or load_from_environment().settings.otlp_samples)
    if variables.is_disabled:
        say(f"weighbridge: {_DISABLED}", error=True)
    elif once:
        _export_once(place, variables)
    else:
        stop = stopped_by_signals()
        with _exporter(place, variables) as exporter:
            _say_where(place, exporter, end=" (Ctrl-C ends it)")
            exporter.export_until(stop)


@contextmanager
def exporting(place: Place, metrics: bool, samples: bool) -> Iterator[None]:
    """Send what a store holds while the block runs.

    Raises:
        CommandError: a variable cannot be used.
    """
    variables = _variables(metrics, samples)
    if variables.is_disabled:
        say(f"weighbridge: {_DISABLED}", error=True)
        yield
        return
    stop = threading.Event()
    with _exporter(place, variables) as exporter:
        _say_where(place, exporter)
        thread = threading.Thread(target=exporter.export_until, args=(stop,), name="weighbridge-exporter")
        thread.start()
        try:
            yield
        finally:
            stop.set()
            thread.join()


def _export_once(place: Place, variables: Variables) -> None:
    with _exporter(place, variables) as exporter:
        try:
            for sent in exporter.export_once(_TIMEOUT):
                say(f"{place.shown}: {sent}")
        except ExportFailed as failure:
            raise CommandError(str(failure)) from None


def _variables(metrics: bool, samples: bool) -> Variables:
    try:
        variables = read_variables(os.environ, metrics, samples)
    except BadVariable as error:
        raise CommandError(str(error)) from None
    for note in variables.notes:
        say(f"weighbridge: {note}", error=True)
    return variables


@contextmanager
def _exporter(place: Place, variables: Variables) -> Iterator[Exporter]:
    settings = load_from_environment().settings
    machine = None if place.is_server else settings.host or os.uname().nodename
    exporter = Exporter(Store(place.path, machine), variables, _tell)
    try:
        yield exporter
    finally:
        exporter.close()


def _say_where(place: Place, exporter: Exporter, end: str = "") -> None:
    places = " and ".join(sender.place for sender in exporter.senders)
    say(f"weighbridge: sending {place.shown} to {places} every {exporter.variables.interval:g} s{end}", error=True)


def _tell(line: str) -> None:
    say(f"weighbridge: {line}", error=True)
