"""What is sent elsewhere while the page is served or a server's store is collected, where the settings say so."""

from __future__ import annotations

from contextlib import AbstractContextManager, nullcontext

from weighbridge.transactions.configuration.loading import load_from_environment

from .extras import OTLP_LIBRARIES, require
from .stores import Place

__all__ = ["configured_exports"]


def configured_exports(place: Place) -> AbstractContextManager[None]:
    """Return what sends figures while a block runs; it does nothing unless that is configured.

    Raises:
        CommandError: it is, and what it needs is missing, or a variable cannot be used.
    """
    settings = load_from_environment().settings
    if not settings.otlp_metrics and not settings.otlp_samples:
        return nullcontext()
    require(OTLP_LIBRARIES, "the setting otlp_metrics", "otlp")
    from .export_command import exporting  # noqa: PLC0415 - needs what was just looked for

    return exporting(place, settings.otlp_metrics, settings.otlp_samples)
