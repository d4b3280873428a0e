"""Rendering of answers as pages: the templates, and the filters that format figures in them."""

from __future__ import annotations

import json
import re
import time
from collections.abc import Callable, Iterable, Mapping
from functools import lru_cache
from pathlib import Path
from types import MappingProxyType
from typing import Any, Final
from urllib.parse import urlencode

from jinja2 import Environment, FileSystemLoader, StrictUndefined
from markupsafe import Markup, escape

from weighbridge.reporting import formats
from weighbridge.reporting.dropped import dropped_details, dropped_transactions, nobody_collects
from weighbridge.reporting.first_steps import FIRST_STEPS, NOTHING_YET, ONLY_INITIALIZED
from weighbridge.reporting.report import KIND_WORDS
from weighbridge.reporting.time_range import describe, roughly
from weighbridge.reporting.zones import zone_name
from weighbridge.transactions.model.naming import display_name, display_parts
from weighbridge.transactions.recording.snapshot import Series
from weighbridge.transactions.store.reader import Mark, RunningNow, StoredInstance, StoredSample
from weighbridge.transactions.store.resolutions import FINEST, floor_to
from weighbridge.transactions.visible import visible

from . import charts, columns, histogram, tracebacks
from .chart_range import later, offsets_used, time_before
from .days import day_note
from .json_output import STATISTIC_MEANINGS
from .marks import changes, time_change
from .parameters import FILTERS, RANGES, SAMPLE_ORDERS, State
from .ratings import alarm, rating, starred, trend

__all__ = ["NOT_BY_PART", "STATIC", "compile_templates", "render"]

_HERE: Final = Path(__file__).parent
STATIC: Final = _HERE / "static"

_RANGE_WORDS: Final[Mapping[str, str]] = MappingProxyType(
    {name: f"last {describe(seconds)}".replace(" 1 ", " ") for name, seconds in RANGES.items()}
)
NOT_BY_PART: Final = "single transactions are counted for all hosts and versions together"
_REFRESH_WORDS: Final = MappingProxyType(
    {"10": "every 10 s", "30": "every 30 s", "60": "every minute", "300": "every 5 min"}
)
_COMPARE_WORDS: Final = MappingProxyType({"none": "no comparison", "day": "the day before", "week": "the week before"})
_SORT_WORDS: Final = MappingProxyType({name: order.words for name, order in columns.ORDERS.items()})
_MOST_HOSTS: Final = 50
_LINKED: Final = 1024
"""Transactions whose links are kept as they were written last."""
_KEPT: Final = "\t\n\r"
"""Control characters that harm no page."""
_RIGHT: Final = 5.0
"""Seconds by which a clock may differ that is right."""
_GONE: Final = 90.0
"""Seconds without a report after which a process is shown as one that is gone."""
_SEPARATORS: Final = re.compile(r"(?<=[/.:_?&=-])(?=[^/.:_?&=-])")
"""Where a long name may go on in the next line."""
_DURATIONS: Final = frozenset({"response.start", "request.queue_time"})
_SIZES: Final = frozenset({"request.size", "response.size"})


def render(template: str, **values: Any) -> str:
    """Render a template."""
    return _environment.get_template(template).render(**values)


def compile_templates() -> None:
    """Compile all templates now rather than at their first use, as that takes longer than any response."""
    for template in _environment.list_templates():
        _environment.get_template(template)


def moment(seconds: float | None, brief: bool = False) -> str | Markup:
    """Format a moment (epoch seconds) in UTC, ``brief`` without seconds; a script converts it to the viewer's zone."""
    if seconds is None:
        return "never"
    utc = time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime(seconds))
    if brief:
        return Markup('<time datetime="{}" data-brief>{}</time>').format(utc, utc[:-4].replace("T", " "))
    return Markup('<time datetime="{}">{} UTC</time>').format(utc, utc[:-1].replace("T", " "))


def minute(seconds: float) -> int:
    """Return the start of the minute of a moment (epoch seconds)."""
    return floor_to(seconds, FINEST)


def breakable(name: str) -> Markup:
    """Let a name go on in the next line after its separators, and nowhere else as long as a part of it fits.

    >>> breakable("GET /items/{id}")
    Markup('GET /<wbr>items/<wbr>{id}')
    """
    return Markup("<wbr>").join(_SEPARATORS.split(visible(name, keep=_KEPT)))


def share(part: float | None) -> str:
    """Format a share of 1 as a percentage, or as a dash if there is none."""
    return formats.NOTHING if part is None else formats.percentage(part)


def change(now: float | None, before: float | None) -> str:
    """Format the relative change of a figure.

    >>> change(1.5, 1.0), change(1.0, 0.0)
    ('+50.0 %', '-')
    """
    return f"{(now - before) / before:+,.1%}".replace("%", " %") if now is not None and before else formats.NOTHING


def marks_json(marks: Iterable[Mark]) -> str:
    """Write marks for the charts, which draw a line for each."""
    return json.dumps([[mark.moment, mark.kind, visible(mark.name)] for mark in marks])


def attribute(value: object, key: str) -> str:
    """Format an attribute of a sample; those that weighbridge measures have units."""
    if key in _DURATIONS and isinstance(value, (int, float)):
        return formats.duration(value)
    if key in _SIZES and isinstance(value, int):
        return f"{formats.count(value)} B"
    return str(value)


def table_rows(shown: Iterable[columns.Cells]) -> list[Markup]:
    """Write the cells of each row; a template takes eight times as long for the 1 200 of a page.

    >>> table_rows([columns.Cells(columns.COLUMNS[2], "", ["1,024", "17"], ["", ""])])[0]
    Markup('<td class="number calls" data-label="Calls">1,024</td>')
    """
    rows = zip(*map(_column_cells, shown), strict=True)
    return [Markup("".join(cells)) for cells in rows]  # noqa: S704 - figures, and headings that are escaped


def _column_cells(one: columns.Cells) -> list[str]:
    column, label = one.column, escape(one.heading)
    fixed = "extra" if column.extra else "calls" if column.title == "Calls" else ""
    return [
        f'<td class="number {fixed or tone}" data-label="{label}">{text}</td>'
        for tone, text in zip(one.tones, one.texts, strict=True)
    ]


def transaction_query(series: Series, state: State) -> str:
    """Return what the address of a transaction's page says; a table has a hundred of them."""
    return "&".join(filter(None, (_own_query(series), _query_of_all(state))))


@lru_cache(maxsize=_LINKED)
def _own_query(series: Series) -> str:
    kind = {} if series.kind == State.kind else {"kind": series.kind}
    own = {"app": series.application, **kind, "group": series.group, "name": series.name}
    return urlencode(own, errors="replace")


def link_to_transaction(series: Series, state: State, root: str) -> Markup:
    """Write a link to a transaction's page; a refresh writes the same hundred again."""
    query = escape(f"{root}/transaction?{transaction_query(series, state)}")
    return Markup(f'<a href="{query}"{_rest_of_link(series.group, series.name)}')  # noqa: S704 - both are escaped


@lru_cache(maxsize=_LINKED)
def _rest_of_link(group: str, name: str) -> Markup:
    title = visible(display_name(group, name), keep=_KEPT)
    return Markup(' title="{}">{}</a>').format(title, full_name(group, name))


def full_name(group: str, name: str) -> Markup:
    """Write a name with its group, as they are shown together, and nowhere put together otherwise.

    >>> full_name("Route", "GET /")
    Markup('<span class="group">Route/</span>GET /')
    """
    before, own = display_parts(group, name)
    return Markup('<span class="group">{}</span>{}').format(breakable(before), breakable(own))


@lru_cache(maxsize=32)
def _query_of_all(state: State) -> str:
    return state.unfiltered.query(
        app="", kind=State.kind, group="", name="", queue="", search="", sort="time", reverse="no", page=1, hide="",
        sample=None, error=None,
    )  # fmt: skip


def sample_queries(found: Iterable[StoredSample], state: State) -> dict[Series, str]:
    """Return for each series what the address of a sample says besides its id."""
    plain = state.changed(sort="time", reverse="no", page=1, hide="", t=None, error=None, sample=None)
    return {
        one: plain.query(app=one.application, kind=one.kind, group=one.group, name=one.name)
        for one in dict.fromkeys(sample.series for sample in found)
    }


def length_of_time(seconds: float | None) -> str:
    """Write a duration as it is typed in; nothing if there is none.

    >>> length_of_time(0.8), length_of_time(90.0)
    ('800ms', '90s')
    """
    if seconds is None:
        return ""
    return f"{seconds * 1000:g}ms" if seconds < 1 else f"{seconds:g}s"


def last_word(name: str) -> str:
    """Return the class in ``module:Class``."""
    return name.rpartition(":")[2] or name


def dropped(one: StoredInstance) -> str:
    """Describe what a process had to drop; empty if nothing."""
    return "; ".join((*dropped_transactions(one.lost), *dropped_details(one.lost)))


def in_their_places(instances: Iterable[StoredInstance], now: float) -> list[StoredInstance]:
    """Put processes that report by name, so that a new report moves none, and those that are gone after them."""
    return sorted(
        instances,
        key=lambda one: (1, -one.seen) if now - one.seen > _GONE else (0, one.program, one.host, one.pid, one.started),
    )


def clock_difference(behind: float | None) -> str:
    """Describe how far a host's clock is from that of the server; a report is under way for a second or two.

    >>> clock_difference(0.4), clock_difference(90.0), clock_difference(-7200.0)
    ('right', '90 seconds behind', '2 hours ahead')
    """
    if behind is None:
        return formats.NOTHING
    if abs(behind) < _RIGHT:
        return "right"
    return f"{roughly(abs(behind))} {'behind' if behind > 0 else 'ahead'}"


def _age(one: RunningNow, now: float) -> str:
    return roughly(max(0.0, now - one.started))


_FILTERS: Final[Mapping[str, Callable[..., Any]]] = MappingProxyType(
    {
        "alarm": alarm, "attribute": attribute, "breakable": breakable, "change": change, "clock": clock_difference,
        "count": formats.count,
        "drawable": charts.drawable, "duration": formats.duration,
        "last_word": last_word, "length_of_time": length_of_time,
        "losses": dropped, "marks_json": marks_json, "minute": minute, "moment": moment,
        "number": formats.number,
        "rate": formats.rate, "rating": rating, "raw": escape, "roughly": roughly, "score": formats.apdex,
        "share": share, "size": formats.size, "starred": starred,
        "to_json": json.dumps, "trend": trend,
    }
)  # fmt: skip


def _shown(value: object) -> object:
    """Make control characters visible in the value of every template expression, as for a terminal.

    The values of forms are returned unchanged by the filter ``raw``.
    """
    return visible(value, keep=_KEPT) if type(value) is str else value


def _made() -> Environment:
    environment = Environment(
        loader=FileSystemLoader(_HERE / "templates"),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        auto_reload=False,
        finalize=_shown,
    )
    environment.filters.update(_FILTERS)
    environment.globals.update(
        charts=charts, columns=columns, histogram=histogram, tracebacks=tracebacks,
        later=later, time_before=time_before, age=_age,
        display_name=display_name, full_name=full_name, link_to_transaction=link_to_transaction, table_rows=table_rows,
        losses=dropped, in_their_places=in_their_places, statistic_meanings=STATISTIC_MEANINGS, kind_words=KIND_WORDS,
        range_words=_RANGE_WORDS, sort_words=_SORT_WORDS, compare_words=_COMPARE_WORDS, refresh_words=_REFRESH_WORDS,
        zone_name=zone_name, sample_queries=sample_queries,
        things=formats.things, day_note=day_note, offsets_used=offsets_used,
        changes=changes, time_change=time_change,
        filter_names=list(FILTERS), sample_orders=SAMPLE_ORDERS,
        first_steps=FIRST_STEPS, nothing_yet=NOTHING_YET, only_initialized=ONLY_INITIALIZED,
        missing_details=dropped_details, missing_transactions=dropped_transactions,
        nobody_collects=nobody_collects, not_by_part=NOT_BY_PART, most_hosts=_MOST_HOSTS,
    )  # fmt: skip
    return environment


_environment: Final = _made()
