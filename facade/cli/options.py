"""Options that several commands have."""

from __future__ import annotations

import time
from typing import Final

import click

from weighbridge.reporting import time_range

__all__ = ["SINCE_HELP", "STORE_HELP", "checked_since"]

SINCE_HELP: Final = f"How far back: {time_range.EXAMPLES}. Local time is that of this machine."
STORE_HELP: Final = "Read this store instead of the configured one."


def checked_since(ctx: click.Context, param: click.Parameter, value: str) -> str:
    """Check a time range, and keep it as text: its beginning moves on while ``top`` runs."""
    try:
        time_range.parse_since(value, time.time())
    except ValueError as error:
        raise click.BadParameter(f"{error}; write {time_range.EXAMPLES}.", ctx, param) from None
    return value
