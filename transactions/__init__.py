"""Transactions: the model, the contexts, the calls, the recording, and the store.

What a program needs of it are names of `weighbridge`.
"""

from __future__ import annotations

from . import late_imports as _late_imports  # isort: skip  # noqa: F401  first of all: it watches forks
from . import lifecycle

lifecycle.install()
