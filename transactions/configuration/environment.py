"""The environment; this is the only place that reads it."""

from __future__ import annotations

import os
from collections.abc import Mapping

__all__ = ["read_environment"]


def read_environment() -> Mapping[str, str]:
    """Return a copy of this process's environment variables."""
    return dict(os.environ)
