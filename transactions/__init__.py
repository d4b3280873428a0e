"""Measure transactions: the model, the current context, the public API, the recorder and the store."""

from __future__ import annotations

from . import late_imports as _late_imports  # isort: skip  # noqa: F401  must come first: it registers fork hooks
from . import lifecycle

lifecycle.install()
