"""A report for people: one dense table per application and kind, on a terminal of any width."""

from __future__ import annotations

import time
from collections.abc import Iterator, Sequence

from rich.console import Console, ConsoleOptions, RenderResult
from rich.table import Table
from rich.text import Text

from weighbridge.reporting.report import KIND_WORDS, Line, Report, Section
from weighbridge.transactions.model.naming import display_name, display_parts

from .columns import COLUMNS, fitting, shown
from .further_tables import TextTable, further_tables
from .notes import clock_line, collect_line, empty_lines, head_lines, loss_lines
from .output import one_line, rich_text
from .plain import shortened

__all__ = ["ReportView"]

_NAME_AT_LEAST = 30


class ReportView:
    """Renders a report with rich; with ``rows``, no more than so many lines of transactions a section."""

    def __init__(self, report: Report, rows: int | None = None) -> None:
        self._report = report
        self._rows = rows

    def __rich_console__(self, console: Console, options: ConsoleOptions) -> RenderResult:
        """Give the tables, between a line that says what they cover and one that says what they do not."""
        if self._report.is_empty:
            yield rich_text("\n".join(empty_lines(self._report, time.time())))
            yield from self._notes([])
            return
        yield rich_text("\n".join(head_lines(self._report, time.time())), "dim")
        widths = _widths(self._report)
        columns = fitting(widths, options.max_width - _NAME_AT_LEAST)
        name_width = options.max_width - sum(widths[position] + 2 for position in columns)
        for section in self._report.sections:
            yield Text()
            yield self._table(section, [(position, widths[position]) for position in columns], name_width)
        for table in further_tables(self._report, time.time()):
            yield Text()
            yield _text_table(table)
        yield from self._notes(columns)

    def _table(self, section: Section, columns: Sequence[tuple[int, int]], name_width: int) -> Table:
        table = Table(box=None, padding=(0, 2, 0, 0), pad_edge=False, header_style="dim")
        table.add_column(_title(section), width=min(name_width, _longest_name(self._report)), no_wrap=True)
        for position, width in columns:
            table.add_column(COLUMNS[position].title, width=width, justify="right", no_wrap=True)
        shown = section.lines[: self._rows]
        for line in shown:
            table.add_row(_name(line, name_width), *_cells(line, columns))
        if len(section.lines) > 1:
            more = len(section.lines) - len(shown)
            table.add_row(Text(f"all, with {more} more" if more else "all", "dim"), *_cells(_whole(section), columns))
        return table

    def _notes(self, columns: Sequence[int]) -> Iterator[Text]:
        widths = enumerate(_widths(self._report))
        hidden = [COLUMNS[position].title for position, width in widths if width and position not in columns]
        if hidden and self._report.sections:
            yield Text(f"\nNo room on this terminal for: {', '.join(hidden)}.", style="dim")
        statistics, details = loss_lines(self._report)
        health = self._report.health
        clock, collecting = clock_line(health, time.time()), collect_line(health)
        for lines, style in ((filter(None, [*statistics, clock, collecting]), "yellow"), (details, "dim")):
            yield from (rich_text(f"\n{line}", style) for line in lines)


def _text_table(table: TextTable) -> Table:
    made = Table(box=None, padding=(0, 2, 0, 0), pad_edge=False, header_style="dim")
    for position, title in enumerate(table.titles):
        made.add_column(title, justify="left" if position < 2 else "right", overflow="fold")
    for row in table.rows:
        made.add_row(*map(rich_text, row))
    return made


def _title(section: Section) -> Text:
    title = Text(one_line(section.application), style="bold not dim", no_wrap=True, overflow="ellipsis")
    return title.append(f"  {KIND_WORDS[section.kind]}", style="cyan not bold")


def _name(line: Line, width: int) -> Text:
    group, own = map(one_line, display_parts(line.series.group, line.series.name))
    head = min(len(group) + len("GET /"), width // 2)
    name = rich_text(shortened(group + own, width, head), no_wrap=True)
    name.stylize("dim", 0, len(group))
    return name


def _cells(line: Line, columns: Sequence[tuple[int, int]]) -> Iterator[Text]:
    for position, _ in columns:
        column = COLUMNS[position]
        yield Text(column.text(line.statistics, line.share), style=column.style(line.statistics))


def _whole(section: Section) -> Line:
    return Line(section.lines[0].series, section.statistics, 1.0)


def _widths(report: Report) -> list[int]:
    """The same widths for all tables, so that figures stand under each other across them; 0 where there are none."""
    lines = [line for section in report.sections for line in (*section.lines, _whole(section))]
    texts = [[column.text(line.statistics, line.share) for column in COLUMNS] for line in lines]
    kept = shown(texts)
    return [
        max([len(column.title), *(len(line[position]) for line in texts)]) if position in kept else 0
        for position, column in enumerate(COLUMNS)
    ]


def _longest_name(report: Report) -> int:
    names = [display_name(*line.series[2:]) for section in report.sections for line in section.lines]
    titles = [f"{one_line(section.application)}  {KIND_WORDS[section.kind]}" for section in report.sections]
    return max(map(len, (*map(one_line, names), *titles)), default=0)
