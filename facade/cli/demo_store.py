"""The store in which the demo keeps its figures, so that its report can be read again."""

from __future__ import annotations

import fcntl
import shlex
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from weighbridge.reporting.first_steps import first_steps_lines
from weighbridge.transactions.configuration.postgresql_url import masked_place
from weighbridge.transactions.store.location import MEMORY, locate, prepare

__all__ = ["demo_store", "kept_store", "next_steps"]


def demo_store() -> Path:
    """The file that a demo without ``--store`` leaves, in the user's state directory."""
    return Path(locate(None).path).with_name("demo.db")


@contextmanager
def kept_store(named: Path | str | None) -> Iterator[Path | str]:
    """Give the store to record into: the file or server that was named, else the last demo's file, begun anew.

    While another demo is recording there, or where there is no such directory,
    it is a temporary file, which stays as well.
    """
    if named is not None:
        yield named if isinstance(named, str) else named.absolute()
        return
    with _locked(demo_store()) as is_ours:
        if is_ours:
            yield _begun_anew(demo_store())
        else:
            yield Path(tempfile.mkdtemp(prefix="weighbridge-demo-"), "weighbridge.db")


@contextmanager
def _locked(store: Path) -> Iterator[bool]:
    """Keep other demos away; whether that could be done."""
    if prepare(locate(None)).path == MEMORY:
        yield False
        return
    try:
        with store.with_suffix(".lock").open("w") as lock:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
            yield True
    except BlockingIOError:
        yield False


def _begun_anew(store: Path) -> Path:
    for name in (store.name, f"{store.name}-wal", f"{store.name}-shm"):
        store.with_name(name).unlink(missing_ok=True)
    return store


def next_steps(store: Path | str) -> list[str]:
    """Say what can be done with the figures, and how a program of one's own is measured."""
    shown = masked_place(str(store))
    name = shlex.quote(shown)
    return [
        f"The figures are kept in {shown}. What to do next:",
        "",
        f"  weighbridge report --store {name}  # read the report again",
        f"  weighbridge serve --store {name}   # see it in a browser",
        "  weighbridge demo --keep  # leave the shop open, and watch it",
        "",
        "Lines that have a program of your own measured, for `weighbridge report` and `weighbridge serve`:",
        "",
        *first_steps_lines(),
    ]
