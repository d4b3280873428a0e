"""Formatting of figures for people: few digits, always with the unit, and a dash for a missing figure."""

from __future__ import annotations

from typing import Final

__all__ = ["NOTHING", "apdex", "count", "duration", "number", "percentage", "rate", "size", "things"]

NOTHING: Final = "-"

_MINUTE: Final = 60.0
_HOUR: Final = 3600.0


def duration(seconds: float | None) -> str:
    """Write a duration: milliseconds below 10 s, so that a column compares at a glance, then s, min, h.

    >>> duration(0.0123), duration(1.24), duration(75), duration(5400), duration(None)
    ('12.3 ms', '1,240 ms', '75.0 s', '90.0 min', '-')
    """
    if seconds is None:
        return NOTHING
    if seconds < 9.9995:
        return f"{_digits(seconds * 1000)} ms"
    if seconds < 5 * _MINUTE:
        return f"{_digits(seconds)} s"
    if seconds < 5 * _HOUR:
        return f"{_digits(seconds / _MINUTE)} min"
    return f"{_digits(seconds / _HOUR)} h"


def rate(per_minute: float) -> str:
    """Write a throughput.

    >>> rate(0.0333), rate(1234.5)
    ('0.03/min', '1,234/min')
    """
    return f"{_digits(per_minute, places=2)}/min"


def percentage(share: float) -> str:
    """Write a share of 1; only exactly nothing is written as 0 %, and only all of it as 100 %.

    >>> percentage(0.0), percentage(0.0301), percentage(0.00001), percentage(0.99999), percentage(1.0)
    ('0 %', '3.01 %', '<0.01 %', '>99.9 %', '100 %')
    """
    if share in (0.0, 1.0):
        return f"{share:.0%}".replace("%", " %")
    if share < 0.0001:
        return "<0.01 %"
    if share > 0.999:
        return ">99.9 %"
    return f"{_digits(share * 100, places=2)} %"


def apdex(score: float | None) -> str:
    """Write an Apdex score, which has two digits by its definition.

    >>> apdex(0.9449), apdex(None)
    ('0.94', '-')
    """
    return NOTHING if score is None else f"{score:.2f}"


_WRITTEN_OUT: Final = 1e15
"""Values from here on are not written out, digit by digit."""


def number(value: float) -> str:
    """Write a value in a unit that only its program knows.

    >>> number(1234567.8), number(0.25), number(-3.0), number(1.5e300), number(float("inf"))
    ('1,234,568', '0.25', '-3', '1.5e+300', 'inf')
    """
    if not abs(value) < _WRITTEN_OUT:
        return f"{value:.4g}"
    return f"{value:,.0f}" if value == int(value) or abs(value) >= 1000 else f"{value:.4g}"


def count(number: int) -> str:
    """Write a whole number.

    >>> count(1234567)
    '1,234,567'
    """
    return f"{number:,}"


def things(number: int, word: str) -> str:
    """Write how many of something there are.

    >>> things(1, "call"), things(1200, "call"), things(0, "call")
    ('1 call', '1,200 calls', '0 calls')
    """
    return f"{count(number)} {word}" if number == 1 else f"{count(number)} {word}s"


def size(number: int) -> str:
    """Write a number of bytes.

    >>> size(512), size(123_456), size(12_345_678)
    ('512 B', '123 kB', '12.3 MB')
    """
    for unit, factor in (("GB", 1e9), ("MB", 1e6), ("kB", 1e3)):
        if number >= factor:
            return f"{_digits(number / factor)} {unit}"
    return f"{number} B"


def _digits(value: float, places: int = 3) -> str:
    """Keep three significant digits, at most ``places`` of them after the point, and all digits above 1000.

    >>> [_digits(value) for value in (0.0, 0.01234, 1.234, 12.34, 999.6, 12345.6)]
    ['0', '0.012', '1.23', '12.3', '1,000', '12,346']
    """
    if value == 0:
        return "0"
    behind = 0 if value >= 99.95 else 1 if value >= 9.995 else 2 if value >= 0.9995 else 3
    return f"{value:,.{min(behind, places)}f}"
