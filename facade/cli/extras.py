"""Extras: what some commands need beyond the others."""

from __future__ import annotations

from collections.abc import Sequence
from importlib.util import find_spec
from typing import Final

from .errors import CommandError

__all__ = ["OTLP_LIBRARIES", "require"]

OTLP_LIBRARIES: Final = ("opentelemetry.proto",)


def require(libraries: Sequence[str], what: str, extra: str) -> None:
    """Raise a ``CommandError`` that says what to install, if any of the libraries is missing."""
    missing = [library for library in libraries if not _is_installed(library)]
    if missing:
        raise CommandError(f"{what} needs {', '.join(missing)}; install: python -m pip install 'weighbridge[{extra}]'")


def _is_installed(library: str) -> bool:
    try:
        return find_spec(library) is not None
    except ModuleNotFoundError:  # of a package that is part of another one, which is missing
        return False
