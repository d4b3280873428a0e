"""The tables, and the migrations of older files."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from typing import Final

from ..resolutions import COARSE_WIDTHS, FINEST, FOREVER, floor_to

__all__ = ["APPLICATION_ID", "CLOCKS_SINCE", "MIGRATIONS", "VERSION", "NotOurs", "check", "upgrade"]

APPLICATION_ID: Final = 0x77656967  # "weig": tells our files from other SQLite files

_VERSION_1: Final = """
CREATE TABLE series (
    -- What is counted together. "whole" rows stand for all transactions of an application and kind.
    id INTEGER PRIMARY KEY AUTOINCREMENT,
    application TEXT NOT NULL,
    kind TEXT NOT NULL,
    whole INTEGER NOT NULL,
    "group" TEXT NOT NULL,
    name TEXT NOT NULL,
    seen INTEGER NOT NULL,       -- epoch seconds, exact to a day
    UNIQUE (application, kind, whole, "group", name)
);
CREATE TABLE level (             -- see levels.py
    span INTEGER PRIMARY KEY,
    complete_from INTEGER NOT NULL,
    complete_until INTEGER NOT NULL
);
CREATE TABLE tally (             -- see figures.py; ordered by time, so that one write touches few pages
    span INTEGER NOT NULL,
    start INTEGER NOT NULL,
    series INTEGER NOT NULL,
    count INTEGER NOT NULL,
    total REAL NOT NULL,
    minimum REAL NOT NULL,
    maximum REAL NOT NULL,
    errors INTEGER NOT NULL,
    satisfied INTEGER NOT NULL,
    tolerating INTEGER NOT NULL,
    frustrated INTEGER NOT NULL,
    apdex_t REAL,
    response_starts INTEGER NOT NULL,
    response_start_total REAL NOT NULL,
    queued INTEGER NOT NULL,
    queue_total REAL NOT NULL,
    disconnected INTEGER NOT NULL,
    statuses BLOB NOT NULL,      -- as histograms are encoded
    histogram BLOB NOT NULL,
    PRIMARY KEY (span, start, series)
) WITHOUT ROWID;
CREATE TABLE error (
    id INTEGER PRIMARY KEY AUTOINCREMENT,
    series INTEGER NOT NULL,
    type TEXT NOT NULL,
    message TEXT NOT NULL,
    expected INTEGER NOT NULL,
    seen INTEGER NOT NULL,       -- epoch seconds, exact to a day
    UNIQUE (series, type, message, expected)
);
CREATE TABLE error_count (
    span INTEGER NOT NULL,
    start INTEGER NOT NULL,
    error INTEGER NOT NULL,
    count INTEGER NOT NULL,
    PRIMARY KEY (span, start, error)
) WITHOUT ROWID;
CREATE TABLE sample (
    id INTEGER PRIMARY KEY,
    series INTEGER NOT NULL,
    reason TEXT NOT NULL,
    ended REAL NOT NULL,         -- epoch seconds
    duration REAL NOT NULL,      -- seconds
    body TEXT NOT NULL           -- JSON
);
CREATE INDEX sample_by_series ON sample (series, reason, ended);
CREATE INDEX sample_by_end ON sample (ended, duration);
CREATE TABLE instance (
    id INTEGER PRIMARY KEY AUTOINCREMENT,
    key TEXT NOT NULL UNIQUE,
    host TEXT NOT NULL,
    pid INTEGER NOT NULL,
    program TEXT NOT NULL,
    started REAL NOT NULL,
    seen REAL NOT NULL,
    sequence INTEGER NOT NULL    -- of the last snapshot that is in this file
);
CREATE TABLE loss (              -- what an instance had to drop, by cause
    instance INTEGER NOT NULL,
    cause TEXT NOT NULL,
    count INTEGER NOT NULL,
    PRIMARY KEY (instance, cause)
) WITHOUT ROWID;
CREATE TABLE running (
    instance INTEGER NOT NULL,
    series INTEGER NOT NULL,
    started REAL NOT NULL
);
CREATE INDEX running_by_instance ON running (instance);
"""

_VERSION_2: Final = """
CREATE TABLE link (              -- applications that are reported to together with another one
    application TEXT NOT NULL,
    linked TEXT NOT NULL,
    seen REAL NOT NULL,
    PRIMARY KEY (application, linked)
) WITHOUT ROWID;
"""

_VERSION_3: Final = """
ALTER TABLE level ADD COLUMN late INTEGER NOT NULL DEFAULT 0;
"""

_VERSION_4: Final = """
CREATE TABLE store_clock (       -- one row: see clocks.py
    reports INTEGER NOT NULL,    -- how many snapshots were written
    elapsed REAL NOT NULL,       -- seconds that have gone by at least, counted by monotonic clocks
    origin REAL                  -- epoch seconds at which "elapsed" was 0, once there is enough evidence
);
INSERT INTO store_clock VALUES (0, 0.0, NULL);
CREATE TABLE instance_clock (    -- the clocks of an instance as of its last report
    instance INTEGER PRIMARY KEY,
    process TEXT NOT NULL,       -- see liveness.py
    report INTEGER NOT NULL,     -- the number of that report
    elapsed REAL NOT NULL,       -- as in "store_clock"
    ran REAL NOT NULL,           -- seconds by its monotonic clock
    started REAL NOT NULL,       -- epoch seconds at which that began to run, by its wall clock
    claim REAL,                  -- the same, by its wall clock as it was set since
    claimed REAL NOT NULL        -- "ran" when that was noticed
);
CREATE INDEX instance_clock_by_report ON instance_clock (report);
CREATE TABLE clock_evidence (    -- by the wall clocks of those that reported
    day INTEGER PRIMARY KEY,     -- since the epoch
    lived REAL NOT NULL,         -- seconds, of all instances together
    origin REAL NOT NULL,        -- as in "store_clock", by the slowest of them
    instance INTEGER NOT NULL,   -- one of them
    several INTEGER NOT NULL     -- whether there were others
);
CREATE TABLE over_limit (        -- where a limit on names has been reached: see eviction.py
    kind TEXT NOT NULL,          -- "application", "series" of an application, "error" of a series
    whose TEXT NOT NULL,         -- the name of the application, the number of the series
    PRIMARY KEY (kind, whose)
) WITHOUT ROWID;
CREATE TABLE evicted (           -- what makes room, and what its rows are counted under from then on
    kind TEXT NOT NULL,          -- "series", "error"
    number INTEGER NOT NULL,
    replacement INTEGER NOT NULL,
    PRIMARY KEY (kind, number)
) WITHOUT ROWID;
CREATE TABLE eviction_progress ( -- all rows up to here have been moved
    kind TEXT PRIMARY KEY,
    span INTEGER NOT NULL,
    start INTEGER NOT NULL
);
"""

MIGRATIONS: Final = (_VERSION_1, _VERSION_2, _VERSION_3, _VERSION_4)
"""The script at index ``i`` turns version ``i`` into version ``i + 1``; released scripts never change."""

VERSION: Final = len(MIGRATIONS)
CLOCKS_SINCE: Final = 4
"""The first version that stores the clocks of instances."""


class NotOurs(Exception):
    """The file is not a store, or has an unknown version."""


def check(connection: sqlite3.Connection) -> int:
    """Return the version of a store, 0 for an empty file.

    Raises:
        NotOurs: the file is another program's database, or its version is newer than this program knows.
    """
    version: int = connection.execute("PRAGMA user_version").fetchone()[0]
    identity: int = connection.execute("PRAGMA application_id").fetchone()[0]
    if identity != APPLICATION_ID and (identity or version or _has_tables(connection)):
        raise NotOurs("it is a database of some other program")
    if version > VERSION:
        raise NotOurs(f"its version is {version}, and this weighbridge knows versions up to {VERSION}")
    return version


def _has_tables(connection: sqlite3.Connection) -> bool:
    return connection.execute("SELECT 1 FROM sqlite_master LIMIT 1").fetchone() is not None


def upgrade(connection: sqlite3.Connection, now: float) -> None:
    """Bring a store to the current version, within the transaction that the caller has begun.

    Raises:
        NotOurs: as `check`.
    """
    version = check(connection)
    for number in range(version, VERSION):
        for statement in _statements(MIGRATIONS[number]):
            connection.execute(statement)
    if version == 0:
        connection.execute(f"PRAGMA application_id = {APPLICATION_ID}")
        rows = [(width, 0, floor_to(now, width)) for width in COARSE_WIDTHS]
        connection.executemany(
            "INSERT INTO level (span, complete_from, complete_until) VALUES (?, ?, ?)", [(FINEST, 0, FOREVER), *rows]
        )
    if version < VERSION:
        connection.execute(f"PRAGMA user_version = {VERSION}")


def _statements(script: str) -> Iterator[str]:
    """Yield the statements of a script, as ``executescript`` would commit the caller's transaction."""
    statement = ""
    for line in script.splitlines(keepends=True):
        statement += line
        if sqlite3.complete_statement(statement):
            yield statement
            statement = ""
