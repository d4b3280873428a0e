"""Error groups: errors of one class that come from one place, whatever ids their messages hold."""

from __future__ import annotations

import re
from _blake2 import blake2b  # `hashlib` loads OpenSSL
from typing import Final

from ..configuration.in_force import in_force
from ..model.errors import LocatedError
from .name_limits import OTHER
from .snapshot import ErrorGroup

__all__ = ["failed_without", "group_of", "other_group", "without_ids"]


_LONGEST_KEY: Final = 300
_VARYING: Final = re.compile(
    r"""
    (?<![\w.+-])[\w.+-]+@[\w.-]+           # addresses of people; looked for once a word: long ones take no longer
    | \b[0-9a-fA-F]{8}(?:-[0-9a-fA-F]{4}){3}-[0-9a-fA-F]{12}\b                      # UUIDs
    | \b0[xX][0-9a-fA-F]+                                                           # addresses of objects
    | \b(?=[a-fA-F]*[0-9])[0-9a-fA-F]{6,}\b                                         # other hexadecimal ids
    | (?<!\w)'[^'\n]*'(?!\w) | "[^"\n]*" | `[^`\n]*` | \u201c[^\u201d\n]*\u201d
    | [0-9]+(?:[.,:/-][0-9]+)*                                                      # numbers, dates, machines
    """,
    re.VERBOSE,
)


def without_ids(message: str) -> str:
    """Replace what differs from one message to the next: numbers, UUIDs, hexadecimal ids, quoted parts, addresses.

    >>> without_ids("order 7919 of user u17 not found"), without_ids("no host '10.0.0.7', only 0x7f21")
    ('order … of user u… not found', 'no host …, only …')
    >>> without_ids("can't read 1b4e28ba-2fa1-11d2-883f-b9a761bde3fb for ann@example.org")
    "can't read … for …"
    """
    return _VARYING.sub("…", message)


def group_of(error: LocatedError) -> ErrorGroup:
    """Return the group of an error."""
    place = error.place
    if place is None:
        common, frame = without_ids(error.message), ""
    else:
        file = without_ids(place.file) if place.file.startswith("<") else place.file  # "<rule 17>": made code
        common, frame = f"{file} {place.function} +{place.offset}", str(place)
    key = f"{'expected ' if error.expected else ''}{error.type} {common}"
    if len(key) > _LONGEST_KEY:  # what tells it from others may be at its end
        digest = blake2b(key.encode("utf-8", "replace"), digest_size=8).hexdigest()
        key = f"{key[: _LONGEST_KEY - len(digest) - 1]} {digest}"
    return ErrorGroup(key, error.type, error.message, frame, error.expected)


def failed_without(status: int | None, outcome: str | None) -> ErrorGroup:
    """Return the group of what failed without an exception: by its status, else because its outcome says so."""
    name = f"{status if status in in_force.error_statuses else outcome} (no exception)"
    return ErrorGroup(name, name, "", "", expected=False)


def other_group(expected: bool) -> ErrorGroup:
    """Return the group that counts for those beyond a limit."""
    return ErrorGroup(f"expected {OTHER}" if expected else OTHER, OTHER, "", "", expected)
