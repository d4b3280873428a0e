"""Finished transactions as JSON, and back."""

from __future__ import annotations

import json
from typing import Any

from ..model.finished import FinishedTransaction, NoticedError
from .results import Selection

__all__ = ["CorruptSample", "from_json", "said_of", "to_json"]

_HOST = "host.name"
_VERSION = "service.version"
"""Attributes that tell where a sample is from, by the names that OpenTelemetry has for them."""


class CorruptSample(ValueError):
    """Text that `to_json` never made."""


def to_json(transaction: FinishedTransaction, host: str = "", version: str = "") -> str:
    """All of a transaction, in ASCII: text that is no valid Unicode survives, too.

    Where it is from becomes attributes, unless the program has set those itself.
    """
    origin = {name: value for name, value in ((_HOST, host), (_VERSION, version)) if value}
    fields = {**transaction._asdict(), "attributes": {**origin, **transaction.attributes}}
    return json.dumps(fields, separators=(",", ":"))


def said_of(selection: Selection) -> list[str]:
    """Return what the JSON of every sample has in it that is of the selected host and version."""
    wanted = ((_HOST, selection.host), (_VERSION, selection.version))
    return [f"{json.dumps(name)}:{json.dumps(value)}" for name, value in wanted if value is not None]


def from_json(prepared: str) -> FinishedTransaction:
    """The same transaction again.

    Raises:
        CorruptBody: the text is not from `to_json`.
    """
    try:
        fields: dict[str, Any] = json.loads(prepared)
        fields["linked_applications"] = tuple(fields["linked_applications"])
        fields["errors"] = tuple(NoticedError(*error) for error in fields["errors"])
        return FinishedTransaction(**fields)
    except (LookupError, TypeError, ValueError) as error:
        raise CorruptSample(f"a sample of {len(prepared)} characters is damaged: {error}") from error
