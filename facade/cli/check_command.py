"""``weighbridge check``: a judgement in the form of the monitoring plug-ins (Nagios, Icinga, Zabbix and others)."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from types import MappingProxyType
from typing import IO, Any, Final

import click

from weighbridge.reporting.judging import WORST_FIRST, Condition, Judgement, Subject, judge, subject_of, worst
from weighbridge.reporting.report import UnknownName
from weighbridge.reporting.time_range import describe, parse_since
from weighbridge.transactions.configuration.limits import MEASURES, Limit, read_limit
from weighbridge.transactions.model.finished import Kind
from weighbridge.transactions.store.statistics import Window

from .errors import CommandError
from .options import STORE_HELP, checked_since
from .output import one_line, say
from .stores import checked_store, chosen_place, opened_store

__all__ = ["check"]

STATUSES: Final[Mapping[Condition, int]] = MappingProxyType({"ok": 0, "warning": 1, "critical": 2, "unknown": 3})
_HELP: Final[Mapping[str, str]] = MappingProxyType(
    {
        "error_rate": "The share of calls that failed must not be above this.",
        "p95": "So long must 95 of 100 calls take at most; of web transactions where there are any.",
        "average": "So long must calls take at most on average; of web transactions where there are any.",
        "apdex": "The Apdex score must not be below this.",
        "throughput": "Calls per minute must not be below this.",
        "missing": "So long ago must the last call have ended, or begun if it is still running, at most;"
        " and no run of a schedule may have been missed since then.",
        "queue_wait": "So long must calls wait in a queue at most, on average.",
    }
)
_SINCE_HELP: Final = "How far back; --missing looks as far back as there is anything."
_MIN_CALLS_HELP: Final = (
    "With fewer calls nothing can be said, and the status is 3; --throughput and --missing are judged all the same."
)


class _Unknown(CommandError):
    """Nothing can be said; monitoring systems show the first line of standard output."""

    exit_code = STATUSES["unknown"]

    def show(self, file: IO[Any] | None = None) -> None:
        """Write the message as the result; where even that cannot be written, the status says it."""
        with suppress(OSError):
            say(_result("unknown", " ".join(self.format_message().split("\n"))))


class _Plugin(click.Command):
    """A command that ends with 3 whatever goes wrong: 1 and 2 are judgements."""

    def make_context(self, *args: Any, **kwargs: Any) -> click.Context:
        """Read the arguments."""
        with _unknown():
            return super().make_context(*args, **kwargs)

    def invoke(self, ctx: click.Context) -> Any:
        """Run the command."""
        with _unknown():
            return super().invoke(ctx)


@contextmanager
def _unknown() -> Iterator[None]:
    try:
        yield
    except (click.exceptions.Exit, click.Abort):
        raise
    except click.ClickException as error:
        raise _Unknown(error.format_message()) from None
    except Exception as error:
        raise _Unknown(f"{type(error).__name__}: {error}") from error


def _limit_of(name: str) -> Callable[[click.Context, click.Parameter, str | None], Limit | None]:
    def read(ctx: click.Context, param: click.Parameter, value: str | None) -> Limit | None:
        try:
            return None if value is None else read_limit(name, value)
        except ValueError as error:
            raise click.BadParameter(f"{error}.", ctx, param) from None

    return read


def _with_limits(command: Callable[..., Any]) -> Callable[..., Any]:
    """Add an option for each measure."""
    for name in reversed(list(MEASURES)):
        words = f"{_HELP[name]} Such as {MEASURES[name].example}."
        option = click.option(
            f"--{name.replace('_', '-')}", name, metavar="WARN[,CRIT]", callback=_limit_of(name), help=words
        )
        command = option(command)
    return command


@click.command(cls=_Plugin)
@_with_limits
@click.option("--app", "application", metavar="NAME", help="Only this application; without it, all together.")
@click.option("--transaction", "path", metavar="PATH", help="Only this one, such as WebTransaction/Route/GET /.")
@click.option("--type", "kind", type=click.Choice(["web", "background"]), help="Only web or only non-web transactions.")
@click.option("--since", metavar="RANGE", callback=checked_since, default="5m", show_default=True, help=_SINCE_HELP)
@click.option("--min-calls", type=click.IntRange(0), default=20, show_default=True, help=_MIN_CALLS_HELP)
@click.option("--store", metavar="STORE", callback=checked_store, help=STORE_HELP)
def check(
    application: str | None,
    path: str | None,
    kind: Kind | None,
    since: str,
    min_calls: int,
    store: str | None,
    **limits: Limit | None,
) -> None:
    """Judge figures by limits: exit status 0 fine, 1 warning, 2 critical, 3 unknown; one value is critical."""
    wanted = [limit for limit in limits.values() if limit is not None]
    if not wanted:
        options = ", ".join(f"--{name.replace('_', '-')}" for name in MEASURES)
        raise click.UsageError(f"there is nothing to judge by: give one of {options}.")
    now = time.time()
    window = Window(parse_since(since, now), now)
    subject, judgements = _judgements(store, (application, path, kind), wanted, window, min_calls)
    condition = worst(judgements)
    said = f"{subject.words}: {', '.join(one.words for one in judgements)}; last {describe(now - window.since)}"
    calls = max(one.calls for one in judgements)
    say(f"{_result(condition, said)} | {' '.join(map(_performance, judgements))} calls={calls}")
    raise click.exceptions.Exit(STATUSES[condition])


def _judgements(
    store: str | None, of: tuple[str | None, str | None, Kind | None], limits: Sequence[Limit], window: Window,
    min_calls: int,
) -> tuple[Subject, list[Judgement]]:  # fmt: skip
    place = chosen_place(store)
    if place.is_empty:
        raise CommandError(f"nothing has been recorded in {place.shown} yet")
    with opened_store(place) as reader:
        try:
            subject = subject_of(reader, *of)
        except UnknownName as error:
            raise CommandError(str(error)) from None
        judged = [judge(reader, limit, subject, window, min_calls) for limit in limits]
        return subject, sorted(judged, key=lambda one: WORST_FIRST.index(one.condition))


def _result(condition: Condition, words: str) -> str:
    """Write the part for people, in which a bar would begin the performance data."""
    return f"WEIGHBRIDGE {condition.upper()} - {one_line(words).replace('|', '/')}"


def _performance(judgement: Judgement) -> str:
    """Write a figure as performance data: ``label=value;warning;critical;minimum;maximum``."""
    measure, warning, critical = judgement.limit
    scale, unit = (100, "%") if measure == "error_rate" else (1, "" if measure in ("apdex", "throughput") else "s")
    ending = ":" if MEASURES[measure].below_is_bad else ""  # a range: from there on it is fine
    value = "U" if judgement.value is None else f"{_number(judgement.value * scale)}{unit}"
    bounds = ["" if bound is None else f"{_number(bound * scale)}{ending}" for bound in (warning, critical)]
    most = {"error_rate": ";100", "apdex": ";1"}.get(measure, "")
    return f"{measure}={';'.join([value, *bounds, '0'])}{most}"


def _number(value: float) -> str:
    return f"{value:.6f}".rstrip("0").rstrip(".")
