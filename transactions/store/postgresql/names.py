"""Numbers of series and errors, whose texts are stored once; looked up all at once.

The number of a name that is being evicted (see ``eviction.py``) is no longer used; its replacement is.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from itertools import islice
from typing import Any, Final, NamedTuple

from ...recording.name_limits import OTHER, overflow_of
from ...recording.snapshot import ErrorCount, Series
from ..limits import NameLimits
from ..names import SCOPES, storable
from ..resolutions import FINEST, FOREVER
from ..rows import Scope
from .drivers import Session

__all__ = ["Names", "PartName"]

_HOUR: Final = 3600
_AT_ONCE: Final = 500


class PartName(NamedTuple):
    """A series, or what stands for more of an application and kind than one."""

    series: Series
    scope: Scope = "name"

    @property
    def key(self) -> tuple[str, str, int, str, str]:
        """The columns by which it is found."""
        application, kind, group, name = map(storable, self.series)
        return application, kind, SCOPES.index(self.scope), group, name


class Names(NameLimits):
    """Finds numbers and makes new ones within one transaction; counts what had to be put under `OTHER`."""

    def __init__(self, session: Session) -> None:
        self._session = session
        self._found: dict[tuple[object, ...], int] = {}
        self._used: dict[int, int] = {}
        """Series that are used, by number, with the minute in which they are."""
        self._seen: dict[int, int] = {}
        """Minutes in which series were said to be used, by number."""
        self._errors: dict[tuple[object, ...], int] = {}
        self._error_keys: dict[ErrorCount, tuple[int, str, str, int]] = {}
        self._counts: dict[tuple[str, object], int] = {}
        """How many there are that count towards a limit, as far as that has been asked."""
        self._applications: dict[str, bool] = {}
        """Whether applications are admitted, as far as that has been asked."""
        self._replacements: dict[tuple[str, int], int] = {
            (kind, number): replacement
            for kind, number, replacement in session.execute(
                "SELECT kind, number, replacement FROM @evicted"
            ).fetchall()
        }
        self.overflow: dict[str, int] = {}

    def look_up(self, names: Iterable[PartName]) -> None:
        """Find the numbers of many names at once; those of others are asked for one by one."""
        keys = iter({name.key for name in names} - self._found.keys())
        while some := list(islice(keys, _AT_ONCE)):
            wanted = ", ".join(["(%s, %s, %s, %s, %s)"] * len(some))
            rows = self._session.execute(
                'SELECT id, seen, application, kind, whole, "group", name FROM @series'
                f' WHERE (application, kind, whole, "group", name) IN ({wanted})',
                [value for key in some for value in key],
            )
            for number, seen, *key in rows.fetchall():
                self._found[tuple(key)] = number
                self._seen[number] = seen
                self._applications.setdefault(key[0], not self._is_evicted(key[0]))

    def touch(self) -> None:
        """Note when the series were used that were found: once an hour is enough."""
        due = [
            (number, minute)
            for number, minute in self._used.items()
            if self._seen.get(number, minute) <= minute - _HOUR
        ]
        if due:
            rows = ", ".join(f"({number:d}::bigint, {minute:d}::bigint)" for number, minute in due)
            self._session.execute(
                f"UPDATE @series AS series SET seen = used.minute FROM (VALUES {rows}) AS used (id, minute)"
                " WHERE series.id = used.id"
            )

    def series(self, series: Series, minute: float) -> int:
        """Return the number of a series that has counts at that time (epoch seconds)."""
        if not self._is_admitted(series.application):
            self.count_overflow("names", 1)
            series = overflow_of(series._replace(application=OTHER))
        return self._number(PartName(series), int(minute))

    def totals_series(self, series: Series, minute: float, scope: Scope = "all", value: str = "") -> int:
        """Return the number of what stands for all of a series' application and kind, or of a part of them."""
        application = self.admitted(series.application)
        return self._number(PartName(Series(application, series.kind, "", value), scope), int(minute))

    def admitted(self, application: str) -> str:
        """Return the application itself, or the one that counts for those beyond the limit."""
        return application if self._is_admitted(application) else OTHER

    def count_overflow(self, cause: str, count: int) -> None:
        """Note that something is counted under `OTHER`."""
        self.overflow[cause] = self.overflow.get(cause, 0) + count

    def _number(self, name: PartName, minute: int) -> int:
        key = name.key
        if key not in self._found:
            self.look_up([name])
        number = self._found.get(key)
        if number is None:
            number = self._new_series(name, minute) if name.scope == "name" else self._new_part(name, minute)
            self._found[key] = number
        number = self._replacements.get(("series", number), number)
        self._used[number] = max(minute, self._used.get(number, minute))
        return number

    def _new_series(self, name: PartName, minute: int) -> int:
        application = name.key[0]
        bounded = OTHER not in name.key
        if bounded and self.count_series(application) >= self.MAX_SERIES:
            self._note_over_limit("series", application)
            self.count_overflow("names", 1)
            return self._number(PartName(overflow_of(name.series)), minute)
        number = self._insert_series(name, minute)
        if bounded and self._count_new("series", application) >= self.MAX_SERIES:
            self._note_over_limit("series", application)
        return number

    def _new_part(self, name: PartName, minute: int) -> int:
        """Add a host, a version or a queue; if there are too many, those seen longest ago make room."""
        limit, about = self.MAX_OF_SCOPE.get(name.scope), name.key[:3]
        if limit is not None and name.series.name != OTHER:
            if self._count("part", about, _COUNT_PARTS, about) >= limit:
                other = self._number(name._replace(series=name.series._replace(name=OTHER)), minute)
                self._evict_parts(about, max(1, limit // 10), other)
            self._count_new("part", about)
        if name.scope == "version":
            self._session.execute(_MARK, {"application": about[0], "moment": minute, "name": name.key[-1]})
        return self._insert_series(name, minute)

    def _evict_parts(self, about: tuple[str, str, int], number: int, other: int) -> None:
        """Count the least recent parts under another number from now on; rows follow in steps (see ``eviction.py``)."""
        evicted = [one for (one,) in self._session.execute(_LEAST_RECENT_PARTS, (*about, number)).fetchall()]
        self.evict("series", dict.fromkeys(evicted, other))
        self._counts["part", about] -= len(evicted)

    def evict(self, kind: str, replacements: Mapping[int, int]) -> None:
        """Count some names under others from now on; a replacement may have made room for others itself."""
        known = self._replacements
        known |= {(kind, number): known.get((kind, other), other) for number, other in replacements.items()}
        known |= {one: known[kind, other] for one, other in known.items() if one[0] == kind and (kind, other) in known}
        rows = ", ".join(f"('{one}', {number:d}, {other:d})" for (one, number), other in known.items())
        self._session.execute(_EVICT.format(rows=rows))
        self._session.execute(_BEGIN_TO_MOVE, (kind, FINEST, -FOREVER))

    def _insert_series(self, name: PartName, minute: int) -> int:
        return self._insert(
            'INSERT INTO @series (application, kind, whole, "group", name, seen) VALUES (%s, %s, %s, %s, %s, %s)'
            " RETURNING id",
            (*name.key, minute),
        )

    # Applications

    def _is_admitted(self, application: str) -> bool:
        name = storable(application)
        if name not in self._applications:
            self._applications[name] = name == OTHER or self._admit(name)
        return self._applications[name]

    def _admit(self, application: str) -> bool:
        known = self._session.execute("SELECT 1 FROM @series WHERE application = %s LIMIT 1", (application,))
        if known.fetchone() is not None:
            return not self._is_evicted(application)
        is_admitted = self.count_applications() < self.MAX_APPLICATIONS
        if is_admitted:
            self._count_new("application", "")
        if self.count_applications() >= self.MAX_APPLICATIONS:
            self._note_over_limit("application", "")
        return is_admitted

    def _is_evicted(self, application: str) -> bool:
        if not self._replacements:
            return False
        rows = self._session.execute("SELECT id FROM @series WHERE application = %s AND whole = 1", (application,))
        return any(("series", number) in self._replacements for (number,) in rows.fetchall())

    def count_applications(self) -> int:
        """Return the number of applications, without `OTHER` and those that are being evicted."""
        return self._count("application", "", _COUNT_APPLICATIONS, (OTHER,))

    def count_series(self, application: str) -> int:
        """Return the number of an application's series, without `OTHER` and those that are being evicted."""
        return self._count("series", application, _COUNT_SERIES, (application, OTHER))

    # Errors

    def look_up_errors(self, errors: Iterable[ErrorCount]) -> None:
        """Find the numbers of many errors at once."""
        keys = iter({self._error_key(error) for error in errors})
        while some := list(islice(keys, _AT_ONCE)):
            wanted = ", ".join(["(%s, md5(%s || chr(10) || %s), %s)"] * len(some))
            rows = self._session.execute(
                "SELECT id, series, type, message, expected FROM @error"
                f" WHERE (series, digest, expected) IN ({wanted})",
                [value for key in some for value in key],
            )
            self._errors.update({tuple(key): number for number, *key in rows.fetchall()})

    def error(self, error: ErrorCount) -> int:
        """Return the number of a distinct error of a series."""
        key = self._error_key(error)
        if key not in self._errors:
            self._errors[key] = self._new_error(key, error)
        number = self._errors[key]
        return self._replacements.get(("error", number), number)

    def touch_errors(self, minutes: Mapping[int, int]) -> None:
        """Note when errors were seen, by number."""
        if minutes:
            rows = ", ".join(f"({number:d}::bigint, {minute:d}::bigint)" for number, minute in minutes.items())
            self._session.execute(
                f"UPDATE @error SET seen = used.minute FROM (VALUES {rows}) AS used (id, minute)"
                f" WHERE error.id = used.id AND error.seen <= used.minute - {_HOUR}"
            )

    def overflow_error(self, series: int, type_: str, expected: bool, minute: int) -> int:
        """Return the number under which errors of a type are counted if their messages are not kept."""
        key = (series, type_, OTHER, int(expected))
        if key not in self._errors:
            row = self._session.execute(_FIND_ERROR, key).fetchone()
            self._errors[key] = self._insert_error(key, minute) if row is None else row[0]
        return self._errors[key]

    def count_errors(self, series: int) -> int:
        """Return the number of a series' errors, without those that are being evicted."""
        return self._count("error", series, _COUNT_ERRORS, (series,))

    def _error_key(self, error: ErrorCount) -> tuple[int, str, str, int]:
        key = self._error_keys.get(error)
        if key is None:
            series = self.series(error.series, error.minute)
            key = (series, storable(error.type), storable(error.message), int(error.expected))
            self._error_keys[error] = key
        return key

    def _new_error(self, key: tuple[int, str, str, int], error: ErrorCount) -> int:
        series, type_, _, expected = key
        known = self.count_errors(series)
        if known >= self.MAX_ERRORS:
            self._note_over_limit("error", series)
            self.count_overflow("errors", error.count)
            type_ = type_ if known < 2 * self.MAX_ERRORS else OTHER
            return self.overflow_error(series, type_, bool(expected), error.minute)
        number = self._insert_error(key, error.minute)
        if self._count_new("error", series) >= self.MAX_ERRORS:
            self._note_over_limit("error", series)
        return number

    def _insert_error(self, key: tuple[int, str, str, int], minute: int) -> int:
        statement = (
            "INSERT INTO @error (series, type, message, expected, seen) VALUES (%s, %s, %s, %s, %s) RETURNING id"
        )
        return self._insert(statement, (*key, minute))

    # Limits

    def _count(self, kind: str, whose: object, statement: str, values: Sequence[object]) -> int:
        if (kind, whose) not in self._counts:
            (count,) = self._session.execute(statement, values).fetchone() or (0,)
            self._counts[kind, whose] = int(count)
        return self._counts[kind, whose]

    def _count_new(self, kind: str, whose: object) -> int:
        """Count one more, after it was asked how many there are."""
        self._counts[kind, whose] += 1
        return self._counts[kind, whose]

    def _note_over_limit(self, kind: str, whose: object) -> None:
        self._session.execute("INSERT INTO @over_limit VALUES (%s, %s) ON CONFLICT DO NOTHING", (kind, str(whose)))

    def _insert(self, statement: str, values: Sequence[Any]) -> int:
        (number,) = self._session.execute(statement, values).fetchone() or (0,)
        return int(number)


_NOT_EVICTED: Final = "id NOT IN (SELECT number FROM @evicted WHERE kind = '{}')"
_COUNT_APPLICATIONS: Final = (
    "SELECT count(DISTINCT application) FROM @series WHERE whole = 1 AND application != %s"
    f" AND {_NOT_EVICTED.format('series')}"
)
_COUNT_SERIES: Final = (
    "SELECT count(*) FROM @series WHERE application = %s AND whole = 0 AND name != %s"
    f" AND {_NOT_EVICTED.format('series')}"
)
_COUNT_PARTS: Final = (
    f"SELECT count(*) FROM @series WHERE (application, kind, whole) = (%s, %s, %s) AND name != '{OTHER}'"
    f" AND {_NOT_EVICTED.format('series')}"
)
_LEAST_RECENT_PARTS: Final = (
    f"SELECT id FROM @series WHERE (application, kind, whole) = (%s, %s, %s) AND name != '{OTHER}'"
    f" AND {_NOT_EVICTED.format('series')} ORDER BY seen, id LIMIT %s"
)
_MARK: Final = """
INSERT INTO @mark (application, moment, kind, name) SELECT %(application)s, %(moment)s, 'version', %(name)s
WHERE NOT EXISTS (SELECT 1 FROM @mark WHERE (application, kind, name) = (%(application)s, 'version', %(name)s))
"""
"""The first report of a version marks its moment, whether it is of web or of other transactions."""
_EVICT: Final = """
INSERT INTO @evicted (kind, number, replacement) VALUES {rows}
ON CONFLICT (kind, number) DO UPDATE SET replacement = excluded.replacement
"""
_BEGIN_TO_MOVE: Final = """
INSERT INTO @eviction_progress VALUES (%s, %s, %s)
ON CONFLICT (kind) DO UPDATE SET width = excluded.width, start = excluded.start
"""
"""Moves the rows of all evicted names, from the first one on."""
_COUNT_ERRORS: Final = f"SELECT count(*) FROM @error WHERE series = %s AND {_NOT_EVICTED.format('error')}"
_FIND_ERROR: Final = "SELECT id FROM @error WHERE (series, digest, expected) = (%s, md5(%s || chr(10) || %s), %s)"
