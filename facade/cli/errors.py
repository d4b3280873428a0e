"""Errors that the caller can fix: one message, exit status 2, no traceback."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import IO, Any

import click

from weighbridge.transactions.configuration.redaction import redacted

from .output import plain_text

__all__ = ["CommandError", "Group"]


class CommandError(click.ClickException):
    """An error that the caller can fix; the message says what is wrong, where, and what would be right."""

    exit_code = 2

    def __init__(self, message: str) -> None:
        super().__init__(_shown(message))

    def show(self, file: IO[Any] | None = None) -> None:
        """Write the message to standard error."""
        click.echo(f"weighbridge: {self.format_message()}", file=file, err=file is None)


class Group(click.Group):
    """A command with others below it; what it says of wrong arguments shows no password, and moves no terminal."""

    def make_context(self, *args: Any, **kwargs: Any) -> click.Context:
        """Read the arguments that stand in front of the name of a command."""
        with _messages_shown():
            return super().make_context(*args, **kwargs)

    def invoke(self, ctx: click.Context) -> Any:
        """Read the arguments of a command, and run it."""
        with _messages_shown():
            return super().invoke(ctx)


@contextmanager
def _messages_shown() -> Iterator[None]:
    try:
        yield
    except click.UsageError as error:
        message = error.format_message()
        if _shown(message) == message:
            raise
        raise click.UsageError(_shown(message), error.ctx) from None


def _shown(message: str) -> str:
    """Each line with control characters made visible, and without a password."""
    return "\n".join(map(redacted, plain_text(message).split("\n")))
