"""Prometheus' text format, and OpenMetrics, which is nearly the same."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from functools import lru_cache
from typing import Final

from .families import Distribution, Family, FamilyKind, Labels, Sum
from .prometheus_names import BUCKETS, cumulative_counts, name_of, unit_of

__all__ = ["as_openmetrics", "as_text"]

_BOUNDS: Final = [f'le="{bound!r}"' for bound in BUCKETS]
_INFINITE: Final = 'le="+Inf"'


def as_text(families: Iterable[Family]) -> bytes:
    """Return families in the text format, version 0.0.4."""
    lines: list[str] = []
    for family in families:
        name = _sample_name(family)
        lines += (f"# HELP {name} {_escaped_help(family.help)}", f"# TYPE {name} {family.kind}")
        lines += _samples(family, name)
    return _encoded(lines)


def as_openmetrics(families: Iterable[Family]) -> bytes:
    """Return families in OpenMetrics' format, version 1.0.0.

    It may tell when a counter began; the store does not know, so it is left out.
    """
    lines: list[str] = []
    for family in families:
        if any(isinstance(sample.value, Sum) and not sample.value.sum >= 0 for sample in family.samples):
            lines += _as_gauges(family)
            continue
        name, unit = name_of(family), unit_of(family)
        lines.append(f"# TYPE {name} {family.kind}")
        if unit:
            lines.append(f"# UNIT {name} {unit}")
        lines.append(f"# HELP {name} {_escaped(family.help)}")
        lines += _samples(family, _sample_name(family))
    return _encoded([*lines, "# EOF"])


def _as_gauges(family: Family) -> Iterator[str]:
    """Yield a summary with sums that are negative, which OpenMetrics forbids, as two gauges of the same names."""
    lines = list(_samples(family, name_of(family)))
    for place, part in enumerate(("sum", "count")):
        name = f"{name_of(family)}_{part}"
        yield from (f"# TYPE {name} gauge", f"# HELP {name} {_escaped(family.help)}", *lines[place::2])


def _encoded(lines: list[str]) -> bytes:
    return "".join(f"{line}\n" for line in lines).encode("utf-8", "replace")


def _sample_name(family: Family) -> str:
    suffixes: dict[FamilyKind, str] = {"counter": "_total"}
    return name_of(family) + suffixes.get(family.kind, "")


def _samples(family: Family, name: str) -> Iterator[str]:
    for labels, value, _ in family.samples:
        if isinstance(value, Distribution):
            yield from _histogram(name, _written(labels), value)
        elif isinstance(value, Sum):
            yield f"{name}_sum{_braced(labels)} {value.sum!r}"
            yield f"{name}_count{_braced(labels)} {value.count}"
        else:
            yield f"{name}{_braced(labels)} {value!r}"


def _histogram(name: str, written: str, value: Distribution) -> Iterator[str]:
    prefix = f"{name}_bucket{{{written}," if written else f"{name}_bucket{{"
    for bound, count in zip(_BOUNDS, cumulative_counts(value), strict=True):
        yield f"{prefix}{bound}}} {count}"
    braced = f"{{{written}}}" if written else ""
    yield f"{prefix}{_INFINITE}}} {value.count}"
    yield f"{name}_sum{braced} {value.sum!r}"
    yield f"{name}_count{braced} {value.count}"


def _braced(labels: Labels) -> str:
    return f"{{{_written(labels)}}}" if labels else ""


@lru_cache(maxsize=20_000)
def _written(labels: Labels) -> str:
    return ",".join([f'{name}="{_escaped(value)}"' for name, value in labels])


def _escaped(value: str) -> str:
    return value.replace("\\", r"\\").replace("\n", r"\n").replace('"', r"\"")


def _escaped_help(value: str) -> str:
    return value.replace("\\", r"\\").replace("\n", r"\n")
