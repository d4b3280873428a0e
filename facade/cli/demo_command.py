"""``weighbridge demo``: run it, show it, and say whether everything was counted. Needs the extra ``demo``."""

from __future__ import annotations

import sys
import tempfile
from pathlib import Path

import click
from rich.console import Console

from weighbridge.demo.run import Outcome, run_demo
from weighbridge.demo.services import ServiceFailed
from weighbridge.demo.traffic import plan

from ..transactions.store.reader import Selection, StoreUnreadable
from .demo_view import CheckView, progress
from .plain import plain_lines
from .problems import Problem
from .report import read_report
from .stores import opened_store
from .terminal import ReportView

__all__ = ["demonstrate"]


def demonstrate(requests: int, seed: int, store: Path | None) -> bool:
    """Run the demo, print its report and its check, and tell whether all is right.

    Raises:
        Problem: the store that was named cannot be used.
    """
    with tempfile.TemporaryDirectory(prefix="weighbridge-demo-") as folder:
        kept = store.absolute() if store else Path(folder, "weighbridge.db")
        right = _run(requests, seed, kept, Path(folder))
    if store:
        click.echo(f"\nThe figures are kept: weighbridge report --store {store}")
    return right


def _run(requests: int, seed: int, store: Path, folder: Path) -> bool:
    sent = plan(requests, seed)
    console = Console()
    try:
        with progress(console, len(sent)) as watcher:
            outcome = run_demo(sent, store, folder, watcher)
    except ServiceFailed as error:
        click.echo(f"weighbridge: {error}", err=True)
        return False
    except StoreUnreadable as error:
        raise Problem(str(error)) from None
    _show(console, store, outcome, len(sent))
    return outcome.right


def _show(console: Console, store: Path, outcome: Outcome, sent: int) -> None:
    with opened_store(str(store)) as reader:
        report = read_report(reader, outcome.window, Selection(), "time")
    click.echo()
    if sys.stdout.isatty():
        console.print(ReportView(report))
    else:
        click.echo("\n".join(plain_lines(report)))
    click.echo()
    console.print(CheckView(outcome, sent))
