"""Nothing at all: what the others are compared with."""

from __future__ import annotations

from .subject import Subject

__all__ = ["Measured"]


class Measured(Subject):
    """The application itself."""
