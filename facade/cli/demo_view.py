"""What ``weighbridge demo`` shows while it runs, and the proof at its end."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager

from rich.console import Console, ConsoleOptions, RenderResult
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn
from rich.table import Table
from rich.text import Text

from weighbridge.demo.check import Calls, Comparison
from weighbridge.demo.run import Outcome, Watcher

from .report import KIND_WORDS

__all__ = ["CheckView", "progress"]


@contextmanager
def progress(console: Console, total: int) -> Iterator[Watcher]:
    """Show how far the demo is: one line on a terminal, one line a stage elsewhere."""
    stages = Progress(
        TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeElapsedColumn(), console=console
    )

    def say(words: str) -> None:
        stages.update(bar, description=words)
        if not console.is_terminal:
            console.print(words)

    with stages:
        bar = stages.add_task("Opening the bookshop: gunicorn, uvicorn, a worker", total=total)
        yield Watcher(
            ready=lambda: say(f"Sending {total} requests and jobs"),
            answered=lambda: stages.advance(bar),
            closing=lambda: say("Closing the bookshop"),
        )


class CheckView:
    """Renders the comparison of what was sent with what was counted."""

    def __init__(self, outcome: Outcome, sent: int) -> None:
        self._outcome = outcome
        self._sent = sent

    def __rich_console__(self, console: Console, options: ConsoleOptions) -> RenderResult:
        """Give one line per series, the wrong answers, and the verdict."""
        yield _table(self._outcome.comparisons)
        for complaint in self._outcome.complaints:
            yield Text(f"Wrong answer: {complaint}", style="red")
        yield Text()
        yield Text(_verdict(self._outcome, self._sent), style="bold green" if self._outcome.right else "bold red")


def _table(comparisons: Sequence[Comparison]) -> Table:
    table = Table(box=None, padding=(0, 2, 0, 0), pad_edge=False, header_style="dim")
    table.add_column("Check: what was sent", overflow="fold")
    table.add_column("must be counted as", overflow="fold")
    table.add_column("sent", justify="right", no_wrap=True)
    table.add_column("counted", justify="right", no_wrap=True)
    table.add_column("", no_wrap=True)
    for comparison in comparisons:
        table.add_row(*_cells(comparison))
    return table


def _cells(comparison: Comparison) -> Iterator[Text]:
    application, kind, group, name = comparison.series
    yield Text(comparison.because or "nothing of this was sent")
    yield (
        Text(f"{application} ", style="dim")
        .append(KIND_WORDS[kind], style="cyan")
        .append(f" {group}/")
        .append(name, "not dim")
    )
    yield Text(_calls(comparison.sent))
    yield Text(_calls(comparison.counted))
    yield Text("ok", style="green") if comparison.right else Text("WRONG", style="bold red")


def _calls(calls: Calls) -> str:
    return f"{calls.calls} ({calls.failed} failed)" if calls.failed else str(calls.calls)


def _verdict(outcome: Outcome, sent: int) -> str:
    wrong = [comparison for comparison in outcome.comparisons if not comparison.right]
    counted = sum(comparison.counted.calls for comparison in outcome.comparisons)
    if outcome.right:
        return f"Right: {sent} requests and jobs sent, {counted} transactions counted, each once and as what it is."
    lines = [f"{len(outcome.complaints)} wrong answers"] if outcome.complaints else []
    lines += [f"{len(wrong)} of {len(outcome.comparisons)} names counted wrongly"] if wrong else []
    return f"Wrong: {', '.join(lines)}."
