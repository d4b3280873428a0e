"""Figures as Markdown, for people to read."""

from __future__ import annotations

import platform
import sys
from collections.abc import Iterable, Sequence
from datetime import date
from pathlib import Path

from weighbridge.transactions.configuration.postgresql_url import masked_place

__all__ = ["kilo", "provenance", "put_into", "show", "table"]


def table(head: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    """A Markdown table; ends without a line end."""
    lines = [head, ["---"] * len(head), *rows]
    return "\n".join("| " + " | ".join(line) + " |" for line in lines)


def kilo(instructions: float) -> str:
    """``7.3 k``, ``539 k``, ``2 114 k``."""
    thousands = instructions / 1000
    return f"{thousands:.1f} k" if thousands < 100 else f"{thousands:,.0f} k".replace(",", " ")


def provenance(versions: Iterable[str]) -> str:
    """When, on what and by which command the figures were made."""
    python = f"{platform.python_implementation()} {platform.python_version()}"
    command = " ".join(["python", "benchmarks/" + Path(sys.argv[0]).name, *map(masked_place, sys.argv[1:])])
    said = ", ".join([python, *filter(None, versions)])
    return f"{date.today():%Y-%m-%d}, {platform.system()} {platform.machine()}, {said}; made by `{command}`."  # noqa: DTZ011


def show(made: str, versions: Iterable[str], into: Path | None, mark: str) -> None:
    """Print a table with its provenance, and put both into a file where one is given.

    Raises:
        ValueError: the file has no such marks.
    """
    text = f"{made}\n\n{provenance(versions)}"
    print(text)
    if into:
        put_into(into, mark, text)


def put_into(path: Path, mark: str, text: str) -> None:
    """Replace what stands between ``<!-- mark -->`` and ``<!-- /mark -->`` in a file.

    Raises:
        ValueError: the file has no such marks.
    """
    begin, end = f"<!-- {mark} -->", f"<!-- /{mark} -->"
    before, begin, rest = path.read_text().partition(begin)
    _, end, after = rest.partition(end)
    if not end:
        raise ValueError(f"{path} has no {begin or f'<!-- {mark} -->'} ... <!-- /{mark} -->")
    path.write_text(f"{before}{begin}\n{text}\n{end}{after}")
