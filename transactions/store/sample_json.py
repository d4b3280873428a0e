"""Finished transactions as JSON, and back."""

from __future__ import annotations

import json
from typing import Any

from ..model.finished import FinishedTransaction, NoticedError

__all__ = ["CorruptSample", "from_json", "to_json"]


class CorruptSample(ValueError):
    """Text that `to_json` never made."""


def to_json(transaction: FinishedTransaction) -> str:
    """All of a transaction, in ASCII: text that is no valid Unicode survives, too."""
    fields = {**transaction._asdict(), "attributes": dict(transaction.attributes)}
    return json.dumps(fields, separators=(",", ":"))


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
