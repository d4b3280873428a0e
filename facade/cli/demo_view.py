"""The output of ``weighbridge demo``: its progress, and the comparison of the counts at the end."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Final

from rich.console import Console, ConsoleOptions, JustifyMethod, RenderResult
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn
from rich.table import Table
from rich.text import Text

from weighbridge.demo.check import Calls, SeriesComparison
from weighbridge.demo.run import Outcome, Watcher
from weighbridge.reporting.report import KIND_WORDS
from weighbridge.transactions.model.naming import display_name

from .output import one_line, rich_text, say
from .plain import aligned, shortened

__all__ = ["CheckView", "check_lines", "progress", "verdict"]


@contextmanager
def progress(console: Console, total: int) -> Iterator[Watcher]:
    """Show how far the demo is: one line on a terminal, one line a stage elsewhere."""
    stages = Progress(
        TextColumn("{task.description}"),
        BarColumn(),
        MofNCompleteColumn(),
        TimeElapsedColumn(),
        console=console,
        disable=not console.is_terminal,
    )

    def stage(words: str) -> None:
        stages.update(bar, description=words)
        if not console.is_terminal:
            say(words)

    with stages:
        bar = stages.add_task("Opening the bookshop: gunicorn, uvicorn, Celery, a worker", total=total)
        yield Watcher(
            ready=lambda: stage(f"Sending {total} requests and jobs"),
            answered=lambda: stages.advance(bar),
            closing=lambda: stage("Closing the bookshop"),
        )


class CheckView:
    """Renders with rich the comparison of what was sent with what was counted."""

    def __init__(self, outcome: Outcome) -> None:
        self._outcome = outcome

    def __rich_console__(self, console: Console, options: ConsoleOptions) -> RenderResult:
        """Give one line per series."""
        rows = [_cells(comparison) for comparison in self._outcome.comparisons]
        table = Table(box=None, padding=(0, 2, 0, 0), pad_edge=False, header_style="dim")
        widths = _widths(rows, options.max_width)
        for title, justify, width in zip(_TITLES, _JUSTIFIED, widths, strict=True):
            table.add_column(title, justify=justify, width=width, no_wrap=True)
        for row, comparison in zip(rows, self._outcome.comparisons, strict=True):
            table.add_row(*_styled(row, widths, comparison))
        yield table


def check_lines(outcome: Outcome) -> Iterator[str]:
    """Give the same for pipes and files."""
    return aligned([_TITLES, *(_cells(comparison) for comparison in outcome.comparisons)], texts=2)


def verdict(outcome: Outcome, sent: int) -> list[str]:
    """Say what is wrong, and whether all is right."""
    wrong = sum(not comparison.right for comparison in outcome.comparisons)
    counted = sum(comparison.counted.calls for comparison in outcome.comparisons)
    if outcome.right:
        return [f"Right: {sent} requests and jobs sent, {counted} transactions counted, each once and as what it is."]
    complaints = [f"Wrong answer: {complaint}" for complaint in outcome.complaints]
    summary = f"{wrong} of {len(outcome.comparisons)} names counted wrongly, {len(complaints)} wrong answers"
    return [*complaints, f"Wrong: {summary}, of {sent} requests and jobs sent."]


_TITLES: Final = ("what was sent", "counts as", "sent", "counted", "")
_JUSTIFIED: Final[tuple[JustifyMethod, ...]] = ("left", "left", "right", "right", "left")


def _widths(rows: Sequence[Sequence[str]], room: int) -> list[int]:
    """Give the figures what they need, and divide the rest between the two columns of text."""
    sent, counts_as, *statistics = (max(map(len, column)) for column in zip(_TITLES, *rows, strict=True))
    left = room - sum(statistics) - 2 * len(statistics) - 2
    sent = min(sent, max(left - counts_as, left * 2 // 5))
    return [sent, min(counts_as, left - sent), *statistics]


def _cells(comparison: SeriesComparison) -> tuple[str, ...]:
    application, kind, group, name = comparison.series
    return (
        comparison.because or "(nothing of this was sent)",
        one_line(f"{application} {KIND_WORDS[kind]} {display_name(group, name)}"),
        _calls(comparison.sent),
        _calls(comparison.counted),
        "ok" if comparison.right else "WRONG",
    )


def _styled(row: Sequence[str], widths: Sequence[int], comparison: SeriesComparison) -> tuple[Text, ...]:
    because, counts_as, sent, counted, mark = row
    application = len(one_line(comparison.series.application))
    kind = application + 1 + len(KIND_WORDS[comparison.series.kind])
    name = rich_text(shortened(counts_as, widths[1], min(kind + 1, widths[1] // 2)))
    name.stylize("dim", 0, application)
    name.stylize("cyan", application, kind)
    style = "green" if comparison.right else "bold red"
    return rich_text(shortened(because, widths[0], widths[0] - 1)), name, Text(sent), Text(counted), Text(mark, style)


def _calls(calls: Calls) -> str:
    if calls.failed == calls.calls:
        return f"{calls.failed} failed" if calls.failed else "0"
    return f"{calls.calls}, {calls.failed} failed" if calls.failed else str(calls.calls)
