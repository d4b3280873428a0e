"""What is wrong with what was asked: one message, exit status 2, no traceback."""

from __future__ import annotations

from typing import IO, Any

import click

from .output import plain_text

__all__ = ["Problem"]


class Problem(click.ClickException):
    """Something that the caller can put right; the message names it, its place and what would be right."""

    exit_code = 2

    def show(self, file: IO[Any] | None = None) -> None:
        """Write the message to standard error."""
        click.echo(plain_text(f"weighbridge: {self.format_message()}"), file=file, err=file is None)
