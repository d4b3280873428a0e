"""The one place where the environment is read."""

from __future__ import annotations

import os
from collections.abc import Mapping

__all__ = ["read_environment"]


def read_environment() -> Mapping[str, str]:
    """A copy of this process's environment variables."""
    return dict(os.environ)
