"""What weighbridge's instructions were when they were last recorded, as multiples of the floor's."""

from __future__ import annotations

import json
import sys
from collections.abc import Mapping
from pathlib import Path

__all__ = ["record", "recorded"]

_FILE = Path(__file__).resolve().parents[1] / "ratios.json"
_PYTHON = f"{sys.version_info.major}.{sys.version_info.minor}"


def recorded() -> dict[str, float]:
    """By middleware, for this version of Python; empty where nothing was recorded for it."""
    return dict(_all().get(_PYTHON, {}))


def record(ratios: Mapping[str, float]) -> None:
    """Keep the ratios of some middleware, for this version of Python."""
    kept = _all()
    kept[_PYTHON] = recorded() | {entry_point: round(ratio, 2) for entry_point, ratio in ratios.items()}
    _FILE.write_text(json.dumps(kept, indent=2, sort_keys=True) + "\n")


def _all() -> dict[str, dict[str, float]]:
    return json.loads(_FILE.read_text()) if _FILE.exists() else {}
