"""Which store a command reads: ``--store``, else the one that programs of this user report to by default."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from weighbridge.transactions.configuration.loading import Configuration, load_from_environment
from weighbridge.transactions.store.location import MEMORY, locate
from weighbridge.transactions.store.reader import StoreReader, StoreUnreadable

from .problems import Problem
from .words import user

__all__ = ["configured_store", "opened_store", "require_valid"]

_HINT = "Name another file with --store or WEIGHBRIDGE_STORE; `weighbridge demo` makes one of its own."


@contextmanager
def opened_store(path: str | None) -> Iterator[StoreReader]:
    """Open the store at ``path`` (``None``: the configured one) for the length of a block.

    Raises:
        Problem: the configuration is not valid, there is no store, or it cannot be read.
    """
    try:
        with StoreReader.open(path or configured_store()) as reader:
            yield reader
    except StoreUnreadable as error:
        raise Problem(f"{error}\n{_HINT if path else _whose_store()}") from None


def require_valid(configuration: Configuration) -> None:
    """Raise a ``Problem`` with a line for each thing that is wrong in the configuration."""
    if configuration.problems:
        raise Problem("the configuration is not valid:\n" + "\n".join(f"  {line}" for line in configuration.problems))


def _whose_store() -> str:
    """Say why programs may report elsewhere: each user has a store, unless the setting names one for all."""
    return f"You are {user()}; programs run by other users report to stores of their own.\n{_HINT}"


def configured_store() -> str:
    """Name the store that programs of this user report to by default.

    Raises:
        Problem: the configuration is not valid, or figures are kept in memory only.
    """
    configuration = load_from_environment()
    require_valid(configuration)
    location = locate(configuration.settings.store)
    if location.path == MEMORY:
        place = configuration.origins["store"]
        why = location.problem or f"the setting store is {MEMORY} ({place})"
        raise Problem(f"figures are kept nowhere that can be read: {why}\n{_HINT}")
    return location.path
