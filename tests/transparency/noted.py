"""What applications note of what is done to them."""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterator
from contextvars import Context, copy_context
from pathlib import Path

from weighbridge import background_task

__all__ = ["FILE", "Oops", "contexts", "job", "keep_context", "lines", "lines_async", "note", "notes"]

FILE = Path(__file__)
"""A file to send."""

notes: list[str] = []
contexts: list[Context] = []
"""Copies of the contexts in which applications were called, as tasks have them that go on."""


class Oops(LookupError):
    """What goes wrong in these applications."""


def note(what: str) -> None:
    notes.append(what)


def keep_context() -> None:
    contexts.append(copy_context())


@background_task
def job(result: str) -> str:
    """Work that is measured where anything is."""
    note(f"job {result}")
    return result


def lines(parts: int = 3, fail: bool = False) -> Iterator[bytes]:
    """A stream that notes its own end."""
    try:
        for number in range(parts):
            yield b"line %d\n" % number
            if number == 1:
                yield b""
        if fail:
            raise Oops("the rest is gone")
    except BaseException as exception:
        note(f"stream left by {type(exception).__name__}")
        raise
    finally:
        note("stream ends")


async def lines_async(parts: int = 3, fail: bool = False) -> AsyncIterator[bytes]:
    for line in lines(parts, fail):
        yield line
