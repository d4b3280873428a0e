"""What is wrong with what was asked: one message, exit status 2, no traceback."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import IO, Any

import click

from weighbridge.transactions.configuration.redaction import redacted

__all__ = ["Group", "Problem"]


class Problem(click.ClickException):
    """Something that the caller can put right; the message names it, its place and what would be right."""

    exit_code = 2

    def __init__(self, message: str) -> None:
        super().__init__(_redacted(message))

    def show(self, file: IO[Any] | None = None) -> None:
        """Write the message to standard error."""
        click.echo(f"weighbridge: {self.format_message()}", file=file, err=file is None)


class Group(click.Group):
    """A command with others below it, whose messages about wrong arguments show no password that was typed in them."""

    def make_context(self, *args: Any, **kwargs: Any) -> click.Context:
        """Read the arguments that stand in front of the name of a command."""
        with _messages_redacted():
            return super().make_context(*args, **kwargs)

    def invoke(self, ctx: click.Context) -> Any:
        """Read the arguments of a command, and run it."""
        with _messages_redacted():
            return super().invoke(ctx)


@contextmanager
def _messages_redacted() -> Iterator[None]:
    try:
        yield
    except click.UsageError as error:
        message = error.format_message()
        if _redacted(message) == message:
            raise
        raise click.UsageError(_redacted(message), error.ctx) from None


def _redacted(message: str) -> str:
    return "\n".join(map(redacted, message.split("\n")))
