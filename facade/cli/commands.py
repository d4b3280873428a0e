"""The commands and their options."""

from __future__ import annotations

import sys
import time
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any, Final, NamedTuple, TypeVar, get_args

import click
from rich.console import Console

from weighbridge.reporting import time_range
from weighbridge.reporting.json_csv import as_csv, as_json
from weighbridge.reporting.report import (
    SORTS,
    By,
    Report,
    UnknownName,
    nothing_recorded,
    read_report,
    require_known,
    with_schedules,
)
from weighbridge.running import command
from weighbridge.transactions.configuration.activation import with_written
from weighbridge.transactions.configuration.loading import load_from_environment
from weighbridge.transactions.configuration.postgresql_url import is_server_url
from weighbridge.transactions.model.finished import Kind
from weighbridge.transactions.store.reader import Selection, StoreReader
from weighbridge.transactions.store.statistics import Window

from .check_command import check
from .collecting import collect_store, upgrade_store
from .error_table import error_lines
from .errors import CommandError, Group
from .extras import OTLP_LIBRARIES, require
from .further_tables import further_tables
from .mark_command import mark
from .metrics_files import write_metrics_files
from .notes import clock_line, collect_line, empty_lines, loss_lines
from .options import SINCE_HELP, STORE_HELP, checked_since
from .output import say
from .plain import aligned, plain_lines
from .settings_view import ConfigurationView, configuration_lines
from .stores import Place, checked_store, chosen_place, opened_store, require_valid
from .terminal import ReportView
from .top import watch

__all__ = ["weighbridge"]

_Command = TypeVar("_Command", bound=Callable[..., Any])

_SORT_HELP: Final = (
    "Most time consuming, slowest average, highest throughput, Apdex most dissatisfying, most errors, or longest"
    " average time in the queue first."
)
_BY_HELP: Final = "A line for each transaction, or for each host, each version, or each queue of a job system."
_INTERVAL_HELP: Final = "Seconds between two updates."
_REQUESTS_HELP: Final = "How many requests and jobs to send, at least one of each kind."
_KEEP_HELP: Final = "Keep the bookshop and its traffic running, and serve the page, until Ctrl-C."
_DEMO_STORE_HELP: Final = (
    "Record into this file or server; without it, into a file in your state directory, anew each time."
)
_PORT_HELP: Final = "Port of the page; 0 takes a free one."
_HOST_HELP: Final = "Address to bind; any but a loopback address needs --token-file."
_VISITORS_HELP: Final = "File with a token (16 characters or more) that visitors must give."
_SCRAPERS_HELP: Final = "File with a token of its own for /metrics, instead of that of the page."
_NAMES_HELP: Final = "Transactions that /metrics tells apart, the most time consuming; the others are together."
_ALLOW_HELP: Final = "Answer to this host name, too; may be given several times."
_ONCE_HELP: Final = "Send everything once, and end: with an error if that takes more than half a minute."
_SAMPLES_HELP: Final = "Send samples as traces, too; so does the setting otlp_samples."
_SERVE_LIBRARIES: Final = ("jinja2", "starlette", "uvicorn")
_DEMO_LIBRARIES: Final = ("fastapi", "flask", "gunicorn", "httpx", "uvicorn")


class _Question(NamedTuple):
    """The request made by the options of ``report`` and ``top``."""

    since: str
    application: str | None
    kind: Kind | None
    sort: str
    by: By = "name"

    def answer(self, place: Place, reader: StoreReader) -> Report:
        """Read the report as of now; an empty one where nothing has been recorded yet."""
        now = time.time()
        window = Window(time_range.parse_since(self.since, now), now)
        if place.is_empty:
            return nothing_recorded(place.path, window)
        try:
            require_known(reader, Selection(self.application))
        except UnknownName as error:
            raise CommandError(str(error)) from None
        return read_report(reader, window, Selection(self.application, self.kind), self.sort, self.by)


def _asking(since: str) -> Callable[[_Command], _Command]:
    """Add the options that ``report`` and ``top`` have in common."""

    def decorate(command: _Command) -> _Command:
        for option in reversed(_question_options(since)):
            command = option(command)
        return command

    return decorate


def _question_options(since: str) -> tuple[Callable[[_Command], _Command], ...]:
    sorts = click.Choice(list(SORTS))
    kinds = click.Choice(["web", "background"])
    return (
        click.option(
            "--since", metavar="RANGE", callback=checked_since, default=since, show_default=True, help=SINCE_HELP
        ),
        click.option("--app", "application", metavar="NAME", help="Only this application."),
        click.option("--type", "kind", type=kinds, help="Only web or only background (non-web) transactions."),
        click.option("--by", type=click.Choice(list(get_args(By))), default="name", show_default=True, help=_BY_HELP),
        click.option("--sort", type=sorts, default="time", show_default=True, help=_SORT_HELP),
        click.option("--store", metavar="STORE", callback=checked_store, help=STORE_HELP),
    )


@click.group(cls=Group, context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(package_name="weighbridge", message="weighbridge %(version)s")
def weighbridge() -> None:
    """Show what web requests and background jobs weigh."""


weighbridge.add_command(check)
weighbridge.add_command(mark)


@weighbridge.command()
@_asking(since="30m")
@click.option("--json", "form", flag_value="json", help="Write JSON: everything unrounded, in seconds.")
@click.option("--csv", "form", flag_value="csv", help="Write CSV: one line per transaction.")
@click.option("--errors", is_flag=True, help="Print the groups of errors instead: of one class, from one place.")
def report(store: str | None, form: str | None, errors: bool, **question: Any) -> None:
    """Print the figures of each application, web and non-web apart."""
    place = chosen_place(store)
    with opened_store(place) as reader:
        asked = _Question(**question)
        answer = asked.answer(place, reader)
        if not place.is_empty:
            answer = with_schedules(answer, reader, Selection(asked.application, asked.kind), time.time())
        if (errors or form == "json") and not place.is_empty:
            groups = reader.error_groups(answer.window, Selection(asked.application, asked.kind), time.time())
            answer = replace(answer, groups=groups)
    if errors and not form and not answer.is_empty:
        _print_errors(answer)
    elif form:
        say(as_json(answer) if form == "json" else as_csv(answer))
    elif sys.stdout.isatty():
        # Without figures it is lines of code and paths, to be copied whole.
        Console().print(ReportView(answer), soft_wrap=answer.is_empty)
    else:
        _print_plain(answer)


def _print_errors(answer: Report) -> None:
    """Write groups of errors to standard output, and what was dropped to standard error."""
    say("\n".join(error_lines(answer, time.time())))
    for line in [line for lines in loss_lines(answer) for line in lines]:
        say(line, error=True)


def _print_plain(answer: Report) -> None:
    """Write figures to standard output, and notes on them to standard error."""
    now = time.time()
    say("\n".join(plain_lines(answer)))
    for table in further_tables(answer, now):
        say("\n".join(["", *aligned([table.titles, *table.rows], 2)]))
    notes = empty_lines(answer, now) if answer.is_empty else []
    statistics, details = loss_lines(answer)
    for line in filter(
        None, [*notes, *statistics, clock_line(answer.health, now), collect_line(answer.health), *details]
    ):
        say(line, error=True)


@weighbridge.command()
@_asking(since="5m")
@click.option("--interval", type=click.FloatRange(0.1, 3600), default=2.0, show_default=True, help=_INTERVAL_HELP)
@click.option("--count", type=click.IntRange(1), metavar="N", help="End after this many updates.")
def top(store: str | None, interval: float, count: int | None, **question: Any) -> None:
    """Show the same figures live; q or Ctrl-C ends it."""
    place = chosen_place(store)
    with opened_store(place) as reader:

        def read() -> Report:
            reader.collect()
            return _Question(**question).answer(place, reader)

        watch(read, interval, count)


@weighbridge.command()
def config() -> None:
    """Print the settings in force, each with where it came from."""
    loaded = with_written(load_from_environment())
    if sys.stdout.isatty():
        Console().print(ConfigurationView(loaded))
    else:
        say("\n".join(configuration_lines(loaded)))
    require_valid(loaded)


@weighbridge.command(context_settings={"allow_interspersed_args": False})
@click.option("--app", metavar="NAME", help=command.APP_HELP)
@click.option("--version", metavar="V", help=command.VERSION_HELP)
@click.option("--as-newrelic", is_flag=True, help=command.AS_NEWRELIC_HELP)
@click.option("--show", is_flag=True, help=command.SHOW_HELP)
@click.argument("words", nargs=-1, type=click.UNPROCESSED, metavar="COMMAND ...")
def run(words: tuple[str, ...], **options: Any) -> None:
    """Run a command as it is, with everything measured that it does."""
    command.run(command.Options(**options), words)


@weighbridge.command()
@click.option("--host", default="127.0.0.1", show_default=True, help=_HOST_HELP)
@click.option("--port", type=click.IntRange(0, 65535), default=8610, show_default=True, help=_PORT_HELP)
@click.option("--store", metavar="STORE", callback=checked_store, help=STORE_HELP)
@click.option("--token-file", type=click.Path(path_type=Path), metavar="FILE", help=_VISITORS_HELP)
@click.option("--allow-host", "hosts", metavar="NAME", multiple=True, help=_ALLOW_HELP)
@click.option("--open", "opened", is_flag=True, help="Open the page in the browser.")
@click.option("--metrics-token-file", type=click.Path(path_type=Path), metavar="FILE", help=_SCRAPERS_HELP)
@click.option("--metrics-names", type=click.IntRange(1), metavar="N", default=1000, show_default=True, help=_NAMES_HELP)
def serve(**options: Any) -> None:
    """Serve the page with the figures of all applications, and /metrics for Prometheus, until Ctrl-C."""
    require(_SERVE_LIBRARIES, "the page", "ui")
    from .serve_command import Serving, serve_page  # noqa: PLC0415 - needs what was just looked for

    serve_page(Serving(**options))


@weighbridge.group("store")
def store_group() -> None:
    """Look after a store on a server."""


@store_group.command()
@click.option("--store", metavar="URL", callback=checked_store, help=STORE_HELP)
def upgrade(store: str | None) -> None:
    """Make the tables of a store in PostgreSQL, or bring them to this version."""
    upgrade_store(chosen_place(store))


@weighbridge.group("metrics")
def metrics_group() -> None:
    """Prometheus: `serve` has the metrics, at /metrics."""


@metrics_group.command("files")
@click.argument("folder", type=click.Path(file_okay=False, path_type=Path))
@click.option("--force", is_flag=True, help="Overwrite files that differ.")
def metrics_files(folder: Path, force: bool) -> None:
    """Write recording rules, alerts and a Grafana dashboard into a folder."""
    write_metrics_files(folder, force)


@weighbridge.command()
@click.option("--once", is_flag=True, help="Merge what waits, and end.")
@click.option("--every", type=click.FloatRange(0.1, 3600), default=2.0, show_default=True, help=_INTERVAL_HELP)
@click.option("--store", metavar="URL", callback=checked_store, help=STORE_HELP)
def collect(once: bool, every: float, store: str | None) -> None:
    """Merge what processes send to a store in PostgreSQL, until Ctrl-C; one at a time does it, others stand by."""
    collect_store(chosen_place(store), once, every)


@weighbridge.group("export")
def export_group() -> None:
    """Send figures to where others keep theirs."""


@export_group.command()
@click.option("--once", is_flag=True, help=_ONCE_HELP)
@click.option("--samples", is_flag=True, help=_SAMPLES_HELP)
@click.option("--store", metavar="STORE", callback=checked_store, help=STORE_HELP)
def otlp(once: bool, samples: bool, store: str | None) -> None:
    """Send metrics by OpenTelemetry's protocol, to where the OTEL_* variables say, until Ctrl-C."""
    require(OTLP_LIBRARIES, "the export", "otlp")
    from .export_command import export_store  # noqa: PLC0415 - needs what was just looked for

    export_store(chosen_place(store), once, samples)


@weighbridge.command()
@click.option("--requests", type=click.IntRange(1, 100_000), default=600, show_default=True, help=_REQUESTS_HELP)
@click.option("--seed", type=int, default=1, show_default=True, help="The same seed sends the same traffic.")
@click.option("--store", metavar="FILE", callback=checked_store, help=_DEMO_STORE_HELP)
@click.option("--keep", is_flag=True, help=_KEEP_HELP)
@click.option("--port", type=click.IntRange(0, 65535), default=8610, show_default=True, help=_PORT_HELP)
def demo(requests: int, seed: int, store: str | None, keep: bool, port: int) -> None:
    """Run a bookshop on real servers, send it traffic, and prove that all of it was counted."""
    require(_DEMO_LIBRARIES, "the demo", "demo")
    if keep:
        from .keep_command import keep_demo  # noqa: PLC0415 - needs what was just looked for

        return keep_demo(seed, _file_or_server(store), port)
    from .demo_command import demonstrate  # noqa: PLC0415 - needs what was just looked for

    sys.exit(0 if demonstrate(requests, seed, _file_or_server(store)) else 1)


def _file_or_server(store: str | None) -> Path | str | None:
    return store if store is None or is_server_url(store) else Path(store)
