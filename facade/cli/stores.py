"""Choice of the store that a command reads: ``--store``, else the one that this user's programs use by default."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import NamedTuple

import click

from weighbridge.reporting.first_steps import is_missing
from weighbridge.transactions.configuration.loading import Configuration, load_from_environment
from weighbridge.transactions.configuration.postgresql_url import is_server_url, masked_place
from weighbridge.transactions.configuration.values import STORE, Refused
from weighbridge.transactions.store.location import MEMORY, locate
from weighbridge.transactions.store.reader import StoreReader, StoreUnreadable

from .errors import CommandError
from .notes import user

__all__ = ["Place", "checked_store", "chosen_place", "opened_store", "require_valid"]

_HINT = "Name another file with --store or WEIGHBRIDGE_STORE; `weighbridge demo` makes one."


class Place(NamedTuple):
    """A store to read."""

    path: str
    named: bool = True
    """Whether an option named it; otherwise it is the configured one."""
    default: bool = False
    """Whether it is the one that this user's programs report to if nothing is configured."""

    @property
    def shown(self) -> str:
        """The store for people to read: without the password of a server."""
        return masked_place(self.path)

    @property
    def is_server(self) -> bool:
        """Whether it is on a server, where somebody has to collect what processes send."""
        return is_server_url(self.path)

    @property
    def is_empty(self) -> bool:
        """Whether nothing has been recorded yet, which is no problem in the default place."""
        return self.default and is_missing(self.path)


def checked_store(ctx: click.Context, param: click.Parameter, value: str | None) -> str | None:
    """Check that an option names a store that can be; return it as it was typed, without blanks around it."""
    try:
        if value is not None:
            STORE.read(value, None)
    except ValueError as error:
        shown, why = (error.shown or repr(value), f"{error}; ") if isinstance(error, Refused) else (repr(value), "")
        raise click.BadParameter(f"{shown}: {why}it must be {STORE.valid}.", ctx, param) from None
    return value and value.strip()  # as for the setting


@contextmanager
def opened_store(place: Place) -> Iterator[StoreReader]:
    """Read a store for the length of a block.

    Raises:
        CommandError: there is no store, or it cannot be read.
    """
    try:
        with StoreReader(place.path) as reader:
            reader.collect()
            yield reader
    except StoreUnreadable as error:
        raise CommandError(str(error) if place.is_server else f"{error}\n{_hint(place)}") from None


def chosen_place(path: str | None) -> Place:
    """The store at ``path``, or the one that programs of this user report to.

    Raises:
        CommandError: the configuration is not valid, or figures are kept in memory only.
    """
    return Place(path) if path else _configured_place()


def require_valid(configuration: Configuration) -> None:
    """Raise a ``CommandError`` with a line for each thing that is wrong in the configuration."""
    if configuration.problems:
        raise CommandError(
            "the configuration is not valid:\n" + "\n".join(f"  {line}" for line in configuration.problems)
        )


def _hint(place: Place) -> str:
    return _HINT if place.named else _whose_store()


def _whose_store() -> str:
    """Say why programs may report elsewhere: each user has a store, unless the setting names one for all."""
    return f"You are {user()}; programs run by other users report to stores of their own.\n{_HINT}"


def _configured_place() -> Place:
    configuration = load_from_environment()
    require_valid(configuration)
    location = locate(configuration.settings.store)
    if location.path == MEMORY:
        why = location.problem or f"the setting store is {MEMORY} ({configuration.origins['store']})"
        raise CommandError(f"figures are kept nowhere that can be read: {why}\n{_HINT}")
    return Place(location.path, named=False, default=location.origin == "user")
