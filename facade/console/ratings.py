"""How good a figure is, as the page colours it."""

from __future__ import annotations

from weighbridge.reporting import formats
from weighbridge.transactions.store.statistics import Statistics

__all__ = ["alarm", "rating", "starred", "trend"]


def alarm(error_rate: float | None) -> str:
    """Return the rating of an error rate: from 1 % on it is poor."""
    return "none" if not error_rate else "poor" if error_rate >= 0.01 else "fair"


def rating(score: float | None) -> str:
    """Return the rating of an Apdex score, by the limits of the Apdex standard."""
    return "none" if score is None else "good" if score >= 0.85 else "fair" if score >= 0.7 else "poor"


def starred(statistics: Statistics) -> str:
    """Format an Apdex score, with a star if it is based on fewer than 100 transactions, and so means little."""
    score = formats.apdex(statistics.apdex)
    return f"{score}*" if statistics.apdex is not None and statistics.apdex_samples < 100 else score


def trend(now: float | None, before: float | None) -> str:
    """Return whether a figure that should be low has become better or worse, by at least a tenth."""
    if now is None or not before or abs(now - before) < 0.1 * before:
        return "none"
    return "poor" if now > before else "good"
