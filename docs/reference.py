"""Makes the tables of the reference from the code: ``python docs/reference.py``.

With ``--check`` it writes nothing, and fails where a page is not up to date. Needs the extra ``ui``.
"""

from __future__ import annotations

import argparse
import sys
import tempfile
from collections.abc import Iterable, Iterator, Sequence
from html.parser import HTMLParser
from pathlib import Path
from types import MappingProxyType
from typing import Final

import click

from weighbridge.cli.commands import weighbridge
from weighbridge.console import Console, Request
from weighbridge.running.plugs import plugs_markdown
from weighbridge.transactions.configuration.table import agent_settings_markdown, settings_markdown

FOLDER: Final = Path(__file__).parent / "reference"


def table(head: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    """A Markdown table; ends without a line end."""
    lines = [head, ["---"] * len(head), *rows]
    return "\n".join("| " + " | ".join(line) + " |" for line in lines)


def commands() -> str:
    """A heading and the options of each command; those below another one come after it."""
    assert isinstance(weighbridge, click.Group)
    parts = [_described("## weighbridge", name, command) for name, command in sorted(weighbridge.commands.items())]
    return "\n\n".join(parts)


def _described(heading: str, name: str, command: click.Command) -> str:
    head = f"{heading} {name}\n\n{_in_one_line(command.help)}"
    if isinstance(command, click.Group):
        below = [_described(f"#{heading} {name}", *one) for one in sorted(command.commands.items())]
        return "\n\n".join([head, *below])
    return f"{head}\n\n{_options(command)}"


def _in_one_line(text: str | None) -> str:
    return " ".join((text or "").split())


def _options(command: click.Command) -> str:
    options = [option for option in command.params if isinstance(option, click.Option)]
    if not options:
        return "It has no options."
    return table(["option", "default", "meaning"], map(_option, options))


def _option(option: click.Option) -> list[str]:
    value = "" if option.is_flag else f" {_value(option)}"
    default = "" if option.is_flag or not isinstance(option.default, str | int | float) else f"`{option.default}`"
    return [f"`{option.opts[0]}{value}`", default, _in_one_line(option.help) + _several(option)]


def _value(option: click.Option) -> str:
    """What stands in the place of its value."""
    if isinstance(option.type, click.Choice):
        return "{" + ",".join(map(str, option.type.choices)) + "}"
    return option.metavar or option.type.name.split()[0].upper()


def _several(option: click.Option) -> str:
    limits = [getattr(option.type, name, None) for name in ("min", "max")]
    if limits == [None, None]:
        return ""
    least, most = ("" if limit is None else f"{limit:g}" for limit in limits)
    return f" From {least} to {most}." if most else f" At least {least}."


class _Tables(HTMLParser):
    """The tables of a page of HTML, in rows of cells."""

    def __init__(self) -> None:
        super().__init__()
        self.tables: list[list[list[str]]] = []
        self._inside = False

    def handle_starttag(self, tag: str, attrs: object) -> None:
        """Begin a table, a row or a cell."""
        if tag == "table":
            self.tables.append([])
        elif tag == "tr":
            self.tables[-1].append([])
        elif tag in {"td", "th"}:
            self.tables[-1][-1].append("")
            self._inside = True
        elif tag == "code" and self._inside:
            self.tables[-1][-1][-1] += "`"

    def handle_endtag(self, tag: str) -> None:
        """End a cell."""
        if tag in {"td", "th"}:
            self._inside = False
        elif tag == "code" and self._inside:
            self.tables[-1][-1][-1] += "`"

    def handle_data(self, data: str) -> None:
        """Take the text of a cell."""
        if self._inside:
            self.tables[-1][-1][-1] += _in_one_line(data)


def json() -> str:
    """The tables of the page ``API``."""
    with tempfile.TemporaryDirectory() as folder:
        request = Request("GET", "/api", host="localhost")
        answer = Console(str(Path(folder, "none.db"))).respond(request)
    page = _Tables()
    page.feed(answer.body.decode())
    names = ("Addresses", "Parameters", "Figures")
    assert len(page.tables) == len(names), answer
    return "\n\n".join(
        f"## {name}\n\n{table(rows[0], rows[1:])}" for name, rows in zip(names, page.tables, strict=True)
    )


MADE: Final = MappingProxyType(
    {
        "settings": ("settings.md", settings_markdown),
        "newrelic": ("newrelic-ini.md", agent_settings_markdown),
        "commands": ("command-line.md", commands),
        "json": ("json.md", json),
        "replaced": ("../how-to/run.md", plugs_markdown),
    }
)
"""By mark, the page that it is in and what stands between ``<!-- mark -->`` and ``<!-- /mark -->``."""


def stale(write: bool) -> Iterator[str]:
    """The pages that are not up to date; writes them if asked to."""
    for mark, (name, make) in MADE.items():
        page = FOLDER / name
        before = page.read_text("utf-8")
        head, begin, rest = before.partition(f"<!-- {mark} -->")
        _, end, tail = rest.partition(f"<!-- /{mark} -->")
        assert begin, page
        assert end, page
        after = f"{head}{begin}\n\n{make()}\n\n{end}{tail}"
        if after != before:
            if write:
                page.write_text(after, "utf-8")
            yield name


def main() -> None:
    """Write them, or check them."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--check", action="store_true", help="write nothing, and fail where a page is not up to date")
    check = parser.parse_args().check
    found = list(stale(write=not check))
    if check and found:
        sys.exit(f"not up to date: {', '.join(found)}; run: python docs/reference.py")


if __name__ == "__main__":
    main()
