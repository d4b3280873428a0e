"""The tables, and the migrations of older files."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from typing import Final

from ..resolutions import COARSE_WIDTHS, FINEST, FOREVER, SINCE_EVER, floor_to

__all__ = [
    "APPLICATION_ID",
    "CLOCKS_SINCE",
    "ENQUEUERS_SINCE",
    "GROUPS_SINCE",
    "JOBS_SINCE",
    "MIGRATIONS",
    "TOTALS_SINCE",
    "VERSION",
    "NotOurs",
    "check",
    "upgrade",
]

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

_VERSION_5: Final = f"""
-- Processes of version 4 may go on writing (see `check`): what they write to stays as it is.
CREATE TABLE store_version (     -- one row; versions up to 4 look at "user_version" only, which stays at 4
    version INTEGER NOT NULL,
    readable_from INTEGER NOT NULL, -- the oldest version that may read this store, and the oldest that may write to it
    writable_from INTEGER NOT NULL
);
INSERT INTO store_version VALUES (5, 4, 4);
CREATE TABLE resolution (        -- as "level", of the tables that version 5 adds
    span INTEGER PRIMARY KEY,
    complete_from INTEGER NOT NULL,
    complete_until INTEGER NOT NULL,
    late INTEGER NOT NULL DEFAULT 0
);
INSERT INTO resolution SELECT span, complete_from, complete_until, 0 FROM level;
CREATE TABLE totals (            -- see recording/totals.py; times in nanoseconds; span {SINCE_EVER}: all expired rows
    span INTEGER NOT NULL,
    start INTEGER NOT NULL,
    series INTEGER NOT NULL,     -- "whole" is 2, 3, 4 for all of a host, of a version, of a queue (its name)
    count INTEGER NOT NULL,
    total INTEGER NOT NULL,
    minimum INTEGER NOT NULL,
    maximum INTEGER NOT NULL,
    succeeded INTEGER NOT NULL,
    failed INTEGER NOT NULL,
    retried INTEGER NOT NULL,
    rejected INTEGER NOT NULL,
    cancelled INTEGER NOT NULL,
    timed_out INTEGER NOT NULL,
    killed INTEGER NOT NULL,
    satisfied INTEGER NOT NULL,
    tolerating INTEGER NOT NULL,
    frustrated INTEGER NOT NULL,
    apdex_t REAL,
    response_starts INTEGER NOT NULL,
    response_start_total INTEGER NOT NULL,
    disconnected INTEGER NOT NULL,
    queued INTEGER NOT NULL,
    queue_total INTEGER NOT NULL,
    queue_maximum INTEGER NOT NULL,
    queue_histogram BLOB NOT NULL,
    histogram BLOB NOT NULL,
    statuses BLOB NOT NULL,
    PRIMARY KEY (span, start, series)
) WITHOUT ROWID;
CREATE TABLE moved_series (      -- names that are evicted, whose totals are to be counted under another
    number INTEGER PRIMARY KEY,
    replacement INTEGER NOT NULL,
    done INTEGER NOT NULL
);
CREATE TABLE moved_progress (    -- one row, while totals are moved: all up to here have been
    id INTEGER PRIMARY KEY CHECK (id = 1),
    span INTEGER NOT NULL,
    start INTEGER NOT NULL
);
CREATE TRIGGER series_evicted AFTER DELETE ON series  -- by a process of version 4, which knows nothing of totals
WHEN OLD.whole < 2 AND NOT EXISTS (SELECT 1 FROM moved_series WHERE number = OLD.id)
    AND EXISTS (SELECT 1 FROM evicted WHERE kind = 'series' AND number = OLD.id)
BEGIN
    INSERT INTO moved_series SELECT number, replacement, 0 FROM evicted WHERE kind = 'series' AND number = OLD.id;
    INSERT OR REPLACE INTO moved_progress VALUES (1, {FINEST}, -{FOREVER});
END;
ALTER TABLE instance ADD COLUMN version TEXT NOT NULL DEFAULT '';
CREATE TABLE mark (              -- moments that are drawn into charts: a new version, or what somebody says
    id INTEGER PRIMARY KEY,
    application TEXT NOT NULL,   -- "" for all
    moment INTEGER NOT NULL,     -- epoch seconds
    kind TEXT NOT NULL,          -- "version", "manual"
    name TEXT NOT NULL,
    UNIQUE (application, kind, name, moment)
);
CREATE INDEX mark_by_moment ON mark (moment);
CREATE TABLE stack (             -- the traceback of distinct stacks, the same for many errors
    id INTEGER PRIMARY KEY,
    application TEXT NOT NULL,
    digest TEXT NOT NULL,
    text TEXT NOT NULL,
    seen INTEGER NOT NULL,
    UNIQUE (application, digest)
);
CREATE TABLE error_group (       -- errors of one class that come from one place
    id INTEGER PRIMARY KEY AUTOINCREMENT,
    application TEXT NOT NULL,
    key TEXT NOT NULL,           -- class and innermost own frame, else class and message without what varies
    type TEXT NOT NULL,
    message TEXT NOT NULL,       -- of the first
    frame TEXT NOT NULL,         -- the innermost own one: file, line and function
    first_seen INTEGER NOT NULL, -- epoch seconds
    seen INTEGER NOT NULL,       -- epoch seconds of the latest
    version TEXT NOT NULL,       -- in which it was first seen
    stack INTEGER,               -- of the latest whose traceback was kept
    UNIQUE (application, key)
);
CREATE TABLE error_group_count (
    span INTEGER NOT NULL,
    start INTEGER NOT NULL,
    error_group INTEGER NOT NULL,
    series INTEGER NOT NULL,
    count INTEGER NOT NULL,
    PRIMARY KEY (span, start, error_group, series)
) WITHOUT ROWID;
CREATE TABLE custom_metric (
    id INTEGER PRIMARY KEY AUTOINCREMENT,
    application TEXT NOT NULL,
    name TEXT NOT NULL,
    seen INTEGER NOT NULL,
    UNIQUE (application, name)
);
CREATE TABLE custom_metric_totals (
    span INTEGER NOT NULL,
    start INTEGER NOT NULL,
    metric INTEGER NOT NULL,
    count INTEGER NOT NULL,
    total REAL NOT NULL,         -- of the program's own unit
    minimum REAL NOT NULL,
    maximum REAL NOT NULL,
    PRIMARY KEY (span, start, metric)
) WITHOUT ROWID;
CREATE TABLE custom_event_type ( -- how often each type of event was recorded, since ever
    id INTEGER PRIMARY KEY AUTOINCREMENT,
    application TEXT NOT NULL,
    type TEXT NOT NULL,
    count INTEGER NOT NULL,
    seen INTEGER NOT NULL,
    UNIQUE (application, type)
);
CREATE TABLE custom_event (      -- the latest of each type
    id INTEGER PRIMARY KEY,
    type INTEGER NOT NULL,
    moment REAL NOT NULL,        -- epoch seconds
    body TEXT NOT NULL           -- JSON
);
CREATE INDEX custom_event_by_type ON custom_event (type, moment);
CREATE TABLE alert_state (       -- of each alert of the configuration; a change is claimed before it is told
    alert TEXT PRIMARY KEY,
    state TEXT NOT NULL,
    since REAL NOT NULL,         -- epoch seconds
    told TEXT NOT NULL,          -- the state that was last told
    claimed_by TEXT NOT NULL,
    claimed REAL NOT NULL,
    attempts INTEGER NOT NULL
);
CREATE TABLE export_cursor (     -- up to where an exporter has sent
    exporter TEXT PRIMARY KEY,
    moment INTEGER NOT NULL,     -- epoch seconds
    state TEXT NOT NULL          -- JSON of the exporter's own
);
"""

_JOBS: Final = """
CREATE TABLE schedule (          -- see transactions/schedules.py
    application TEXT NOT NULL,
    source TEXT NOT NULL,
    "group" TEXT NOT NULL,
    name TEXT NOT NULL,
    rule TEXT NOT NULL,
    zone TEXT NOT NULL,
    within INTEGER,              -- seconds
    first_seen INTEGER NOT NULL, -- epoch seconds, as of the first and the last report
    seen INTEGER NOT NULL,
    PRIMARY KEY (application, source, "group", name, rule)
) WITHOUT ROWID;
CREATE TABLE reported (          -- what an instance has reported transactions of
    instance INTEGER NOT NULL,
    application TEXT NOT NULL,
    kind TEXT NOT NULL,
    PRIMARY KEY (instance, application, kind)
) WITHOUT ROWID;
"""
_VERSION_6: Final = f"{_JOBS}\nUPDATE store_version SET version = 6;"

_VERSION_7: Final = """
ALTER TABLE error_group ADD COLUMN expected INTEGER NOT NULL DEFAULT 0;
CREATE TABLE sample_error (      -- of each error of a sample, in their order: its group and its traceback
    sample INTEGER NOT NULL,
    position INTEGER NOT NULL,
    error_group INTEGER NOT NULL,
    stack INTEGER,
    PRIMARY KEY (sample, position)
) WITHOUT ROWID;
CREATE INDEX sample_error_by_group ON sample_error (error_group, sample);
CREATE TRIGGER sample_gone AFTER DELETE ON sample
BEGIN
    DELETE FROM sample_error WHERE sample = OLD.id;
END;
CREATE TABLE moved_group (       -- groups that make room, whose rows are to be counted under another
    number INTEGER PRIMARY KEY,
    replacement INTEGER NOT NULL
);
CREATE TABLE moved_group_progress ( -- one row, while rows are moved: all up to here have been
    id INTEGER PRIMARY KEY CHECK (id = 1),
    span INTEGER NOT NULL,
    start INTEGER NOT NULL
);
UPDATE store_version SET version = 7;
"""

_VERSION_8: Final = """
ALTER TABLE running ADD COLUMN key TEXT NOT NULL DEFAULT '';
ALTER TABLE running ADD COLUMN queue TEXT NOT NULL DEFAULT '';
CREATE TABLE killed (            -- tasks that were counted as killed, as long as that may be taken back: see killed.py
    instance INTEGER NOT NULL,   -- the process that is gone
    host TEXT NOT NULL,
    version TEXT NOT NULL,
    key TEXT NOT NULL,
    application TEXT NOT NULL,
    "group" TEXT NOT NULL,
    name TEXT NOT NULL,
    queue TEXT NOT NULL,
    started REAL NOT NULL,       -- epoch seconds, as the next one
    minute INTEGER NOT NULL,
    duration INTEGER NOT NULL,   -- nanoseconds
    PRIMARY KEY (key, instance, started)
) WITHOUT ROWID;
CREATE INDEX killed_by_instance ON killed (instance);
UPDATE store_version SET version = 8;
"""

_VERSION_9: Final = """
CREATE TABLE enqueued (          -- by what tasks were enqueued: see enqueued.py
    hour INTEGER NOT NULL,       -- epoch seconds
    series INTEGER NOT NULL,     -- of the tasks
    enqueuer TEXT NOT NULL,      -- JSON, as in a header; empty for those that are not told apart
    count INTEGER NOT NULL,
    PRIMARY KEY (hour, series, enqueuer)
) WITHOUT ROWID;
UPDATE store_version SET version = 9;
"""

MIGRATIONS: Final = (
    _VERSION_1,
    _VERSION_2,
    _VERSION_3,
    _VERSION_4,
    _VERSION_5,
    _VERSION_6,
    _VERSION_7,
    _VERSION_8,
    _VERSION_9,
)
"""The script at index ``i`` turns version ``i`` into version ``i + 1``; released scripts never change."""

VERSION: Final = len(MIGRATIONS)
CLOCKS_SINCE: Final = 4
"""The first version that stores the clocks of instances."""
JOBS_SINCE: Final = 6
"""The first version that stores schedules, and what each instance reports."""
TOTALS_SINCE: Final = 5
"""The first version that has totals with outcomes; a reader may meet a store that nobody has upgraded yet."""
ENQUEUERS_SINCE: Final = 9
"""The first version that counts by what tasks were enqueued."""
GROUPS_SINCE: Final = 7
"""The first version that is told of error groups."""
_SPOKEN_FOR: Final = 4
"""The version up to which ``user_version`` alone counts: later ones say in a table what goes with them."""


class NotOurs(Exception):
    """The file is not a store, or has an unknown version."""


def check(connection: sqlite3.Connection, writing: bool = False) -> int:
    """Return the version of a store, 0 for an empty file.

    A newer store says from which version on it may be read, and from which on written to: so the processes of a rolling
    restart go on, the old ones beside the new.

    Raises:
        NotOurs: the file is another program's database, or a store that this version does not get along with.
    """
    version: int = connection.execute("PRAGMA user_version").fetchone()[0]
    identity: int = connection.execute("PRAGMA application_id").fetchone()[0]
    if identity != APPLICATION_ID and (identity or version or _has_tables(connection)):
        raise NotOurs("it is a database of some other program")
    needed = version
    if version == _SPOKEN_FOR and _has_tables(connection, "store_version"):
        version, *needed_for = connection.execute("SELECT * FROM store_version").fetchone()
        needed = needed_for[writing]
    if needed > VERSION:
        raise NotOurs(f"its version is {version}, and this weighbridge knows versions up to {VERSION}")
    return version


def _has_tables(connection: sqlite3.Connection, name: str | None = None) -> bool:
    found = connection.execute(
        "SELECT 1 FROM sqlite_master WHERE :name IS NULL OR name = :name LIMIT 1", {"name": name}
    )
    return found.fetchone() is not None


def upgrade(connection: sqlite3.Connection, now: float) -> None:
    """Bring a store to the current version, within the transaction that the caller has begun.

    Raises:
        NotOurs: as `check`.
    """
    version = check(connection, writing=True)
    for number in range(version, VERSION):
        for statement in _statements(MIGRATIONS[number]):
            connection.execute(statement)
    if version == 0:
        connection.execute(f"PRAGMA application_id = {APPLICATION_ID}")
        rows = [(FINEST, 0, FOREVER), *((width, 0, floor_to(now, width)) for width in COARSE_WIDTHS)]
        for table in ("level", "resolution"):
            connection.executemany(f"INSERT INTO {table} (span, complete_from, complete_until) VALUES (?, ?, ?)", rows)
    if version < _SPOKEN_FOR:
        connection.execute(f"PRAGMA user_version = {_SPOKEN_FOR}")


def _statements(script: str) -> Iterator[str]:
    """Yield the statements of a script, as ``executescript`` would commit the caller's transaction."""
    statement = ""
    for line in script.splitlines(keepends=True):
        statement += line
        if sqlite3.complete_statement(statement):
            yield statement
            statement = ""
