"""How a measured process tells callgrind that a block begins or ends, and how a server is told to."""

from __future__ import annotations

import signal
from typing import Final

__all__ = ["MARK", "TOLD"]

MARK: Final = "_PyEval_SetSwitchInterval"
"""The function in C that is called before and after a block. A stripped interpreter may not show it."""
TOLD: Final = signal.SIGRTMIN
"""The signal at which a server calls it; none that servers use themselves."""
