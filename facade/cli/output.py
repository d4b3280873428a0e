"""The only way to a terminal: whatever is printed passes here, with its control characters made visible."""

from __future__ import annotations

import click
from rich.text import Text

from weighbridge.transactions.visible import visible

__all__ = ["one_line", "plain_text", "rich_text", "say"]


def say(text: str = "", *, error: bool = False, color: str | None = None) -> None:
    """Write lines to standard output or standard error; on a terminal bold and in a color, if there is one."""
    click.secho(plain_text(text), err=error, fg=color, bold=True if color else None)


def plain_text(text: str) -> str:
    """Keep ends of lines and tabs, and make all other control characters visible."""
    return visible(text, keep="\n\t")


def rich_text(text: str, style: str = "", *, no_wrap: bool | None = None) -> Text:
    """Likewise, for rich, which takes it as it is: square brackets are no markup."""
    return Text(plain_text(text), style, no_wrap=no_wrap)


def one_line(text: str) -> str:
    """Keep a name from breaking lines or columns, too."""
    return " ".join(visible(text).split())
