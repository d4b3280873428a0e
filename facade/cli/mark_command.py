"""``weighbridge mark``: a moment that is drawn into every chart, to compare with the time before it."""

from __future__ import annotations

import math
import time
from typing import Final

import click

from weighbridge.reporting import time_range
from weighbridge.reporting.report import UnknownName, require_known
from weighbridge.transactions.recording.snapshot import StoreUnavailable
from weighbridge.transactions.store.engines import state_at
from weighbridge.transactions.store.reader import Mark, Selection

from .errors import CommandError
from .options import STORE_HELP
from .output import say
from .stores import Place, checked_store, chosen_place, opened_store

__all__ = ["mark"]

_LONGEST: Final = 100
_AT_HELP: Final = f"When it was: {time_range.EXAMPLES}; without it, now."


def _checked_name(ctx: click.Context, param: click.Parameter, value: str) -> str:
    name = value.strip()
    if name.isprintable() and 0 < len(name) <= _LONGEST:
        return name
    raise click.BadParameter(f"{value!r} must be a text of 1 to {_LONGEST} characters, in one line.", ctx, param)


def _moment(ctx: click.Context, param: click.Parameter, value: str | None) -> float:
    now = time.time()
    try:
        return now if value is None else time_range.parse_since(value, now)
    except ValueError as error:
        raise click.BadParameter(f"{error}; write {time_range.EXAMPLES}.", ctx, param) from None


@click.command()
@click.argument("name", callback=_checked_name)
@click.option("--app", "application", metavar="NAME", help="Of this application; without it, of all.")
@click.option("--at", "moment", metavar="TIME", callback=_moment, help=_AT_HELP)
@click.option("--store", metavar="STORE", callback=checked_store, help=STORE_HELP)
def mark(name: str, application: str | None, moment: float, store: str | None) -> None:
    """Mark a moment, such as the release of v1.4: a line in every chart, and figures before and after it."""
    place = chosen_place(store)
    if place.is_empty:
        raise CommandError(f"nothing has been recorded in {place.shown} yet")
    _require_application(place, application)
    made = Mark(application or "", math.floor(moment), "manual", name)
    if _is_new(place, made):
        say(f"{name!r} is marked at {_local(moment)} for {application or 'all applications'} in {place.shown}")
    else:
        say(f"{name!r} was marked at {_local(moment)} already")


def _require_application(place: Place, application: str | None) -> None:
    with opened_store(place) as reader:
        try:
            require_known(reader, Selection(application))
        except UnknownName as error:
            raise CommandError(str(error)) from None


def _is_new(place: Place, made: Mark) -> bool:
    writer = state_at(place.path)
    try:
        return writer.add_mark(made)
    except StoreUnavailable as error:
        raise CommandError(str(error)) from None
    finally:
        writer.close()


def _local(moment: float) -> str:
    return time.strftime("%Y-%m-%d %H:%M:%S", time.localtime(moment))
