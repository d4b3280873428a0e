"""``weighbridge demo``: run it, show it, and say whether everything was counted. Needs the extra ``demo``."""

from __future__ import annotations

import sys
import tempfile
import time
from pathlib import Path

from rich.console import Console

from weighbridge.demo.run import Outcome, run_demo
from weighbridge.demo.services import ServiceFailed
from weighbridge.demo.traffic import plan
from weighbridge.reporting.report import read_report
from weighbridge.transactions.recording.snapshot import StoreUnavailable
from weighbridge.transactions.store.reader import Selection, StoreUnreadable
from weighbridge.transactions.store.sqlite.writer import StoreWriter

from .demo_store import kept_store, next_steps
from .demo_view import CheckView, check_lines, progress, verdict
from .errors import CommandError
from .output import say
from .plain import plain_lines
from .stores import Place, opened_store
from .terminal import ReportView

__all__ = ["demonstrate", "require_writable"]


def demonstrate(requests: int, seed: int, store: Path | None) -> bool:
    """Run the demo, print its report and its check, and tell whether all is right.

    Raises:
        CommandError: the store that was named cannot be used.
    """
    with tempfile.TemporaryDirectory(prefix="weighbridge-demo-") as folder, kept_store(store) as kept:
        require_writable(kept)
        right = _run(requests, seed, kept, Path(folder))
    say("\n" + "\n".join(next_steps(kept)))
    return right


def require_writable(store: Path) -> None:
    """Make the store ready, and leave nothing in it: better to know now than when all was sent.

    Raises:
        CommandError: the store cannot be written, or its directory is not there.
    """
    if not store.parent.is_dir():
        raise CommandError(f"--store {store}: there is no directory {store.parent}")
    writer = StoreWriter(str(store))
    try:
        writer.make_ready(time.time())
    except StoreUnavailable as error:
        raise CommandError(str(error)) from None
    finally:
        writer.close()


def _run(requests: int, seed: int, store: Path, folder: Path) -> bool:
    sent = plan(requests, seed)
    console = Console()
    try:
        with progress(console, len(sent)) as watcher:
            outcome = run_demo(sent, store, folder, watcher)
    except ServiceFailed as error:
        say(f"weighbridge: {error}", error=True)
        return False
    except StoreUnreadable as error:
        raise CommandError(str(error)) from None
    _show(console, store, outcome, len(sent))
    return outcome.right


def _show(console: Console, store: Path, outcome: Outcome, sent: int) -> None:
    with opened_store(Place(str(store))) as reader:
        report = read_report(reader, outcome.window, Selection(), "time")
    say()
    if sys.stdout.isatty():
        console.print(ReportView(report), "", CheckView(outcome), sep="\n")
    else:
        say("\n".join([*plain_lines(report), "", *check_lines(outcome)]))
    say("\n" + "\n".join(verdict(outcome, sent)), color="green" if outcome.right else "red")
