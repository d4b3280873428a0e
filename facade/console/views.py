"""Answers as pages: templates, and how figures are written in them."""

from __future__ import annotations

import json
import math
import time
from collections.abc import Callable, Mapping
from pathlib import Path
from types import MappingProxyType
from typing import Any, Final

from jinja2 import Environment, FileSystemLoader, StrictUndefined
from markupsafe import Markup

from weighbridge.reporting import formats
from weighbridge.reporting.report import KIND_WORDS
from weighbridge.reporting.span import describe, roughly
from weighbridge.transactions.store.figures import Figures
from weighbridge.transactions.store.reader import RunningNow

from . import charts
from .answers import Bar, Transaction
from .parameters import RANGES, REFRESHES

__all__ = ["STATIC", "render"]

_HERE: Final = Path(__file__).parent
STATIC: Final = _HERE / "static"

_RANGE_WORDS: Final[Mapping[str, str]] = MappingProxyType(
    {name: f"last {describe(seconds)}".replace(" 1 ", " ") for name, seconds in RANGES.items()}
)
_COMPARE_WORDS: Final = MappingProxyType({"none": "nothing", "day": "the day before", "week": "the week before"})
_SORT_WORDS: Final = MappingProxyType(
    {
        "time": "Most time consuming",
        "slowest": "Slowest average",
        "throughput": "Highest throughput",
        "apdex": "Apdex most dissatisfying",
        "errors": "Most errors",
    }
)
_CAUSES: Final = MappingProxyType({"samples_thinned": "samples thinned out"})


def render(template: str, **values: Any) -> str:
    """Fill a template in."""
    return _environment.get_template(template).render(**values)


def moment(seconds: float | None) -> str | Markup:
    """A moment (epoch seconds) in UTC; a script rewrites it in the viewer's zone."""
    if seconds is None:
        return "never"
    utc = time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime(seconds))
    return Markup('<time datetime="{}">{} UTC</time>').format(utc, utc[:-1].replace("T", " "))


def rating(score: float | None) -> str:
    """How good an Apdex score is, by the ratings of its definition."""
    return "none" if score is None else "good" if score >= 0.85 else "fair" if score >= 0.7 else "poor"


def starred(figures: Figures) -> str:
    """An Apdex score, with a star where it was made of fewer than 100 transactions and says little."""
    score = formats.apdex(figures.apdex)
    return f"{score}*" if figures.apdex is not None and figures.apdex_samples < 100 else score


def share(part: float | None) -> str:
    """A share of 1, or a dash."""
    return formats.NOTHING if part is None else formats.percentage(part)


def change(now: float | None, before: float | None) -> str:
    """By how much something has changed.

    >>> change(1.5, 1.0), change(1.0, 0.0)
    ('+50.0 %', '-')
    """
    return f"{(now - before) / before:+,.1%}".replace("%", " %") if now is not None and before else formats.NOTHING


def drawn(bars: list[Bar], width: float = 1000, height: float = 150) -> list[Mapping[str, float]]:
    """The bars of a histogram as rectangles; heights by square root, so that the rare slow ones are seen."""
    top, wide = max((bar.count for bar in bars), default=1), width / max(1, len(bars))
    heights = [math.sqrt(bar.count / top) * height for bar in bars]
    return [
        {"x": position * wide, "y": height - tall, "width": max(1.0, wide - 2), "height": tall}
        for position, tall in enumerate(heights)
    ]


def placed(seconds: float, bars: list[Bar], width: float = 1000) -> float | None:
    """Where a duration lies on the axis of a histogram; ``None`` beyond it."""
    low, high = math.log(bars[0].low), math.log(bars[-1].high)
    place = (math.log(seconds) - low) / (high - low) * width
    return round(place, 1) if 0 <= place <= width else None


def rungs(answer: Transaction) -> str:
    """What the slider for T shows at each of its places: texts and marks, all worked out here."""
    bars = list(answer.histogram)
    return json.dumps(
        [
            {
                "t": score.t,
                "seconds": formats.duration(score.t),
                "apdex": formats.apdex(score.apdex),
                "rating": rating(score.apdex),
                "marks": [placed(score.t, bars), placed(4 * score.t, bars)],
            }
            for score in answer.what_if.scores
        ]
    )


def nearest(answer: Transaction) -> int:
    """The place of the slider that is nearest to the threshold."""
    t, found = answer.what_if.t or 0.5, answer.what_if.scores
    return min(range(len(found)), key=lambda place: abs(math.log(found[place].t / t)), default=0)


def last_word(name: str) -> str:
    """The class in ``module:Class``."""
    return name.rpartition(":")[2] or name


def _age(one: RunningNow, now: float) -> str:
    return roughly(max(0.0, now - one.started))


_FILTERS: Final[Mapping[str, Callable[..., Any]]] = MappingProxyType(
    {
        "change": change, "count": formats.count, "drawn": drawn, "duration": formats.duration,
        "last_word": last_word, "moment": moment, "nearest": nearest, "rate": formats.rate, "rating": rating,
        "roughly": roughly, "rungs": rungs, "score": formats.apdex, "share": share, "size": formats.size,
        "starred": starred, "zip": zip, "to_json": json.dumps, "span": describe,
    }
)  # fmt: skip


def _made() -> Environment:
    environment = Environment(
        loader=FileSystemLoader(_HERE / "templates"),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        auto_reload=False,
    )
    environment.filters.update(_FILTERS)
    environment.globals.update(
        charts=charts, placed=placed, age=_age, kind_words=KIND_WORDS, range_words=_RANGE_WORDS, sort_words=_SORT_WORDS,
        compare_words=_COMPARE_WORDS, refreshes=REFRESHES, causes=_CAUSES,
    )  # fmt: skip
    return environment


_environment: Final = _made()
