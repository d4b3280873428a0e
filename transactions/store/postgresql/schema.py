"""The tables. They are made and changed by ``weighbridge store upgrade`` alone, never by a program that reports."""

from __future__ import annotations

from typing import Final, NamedTuple

from ..resolutions import COARSE_WIDTHS, FINEST, FOREVER, floor_to
from .connection import ServerFailure
from .drivers import Session

__all__ = [
    "ALERTS_SINCE",
    "ENQUEUERS_SINCE",
    "JOBS_SINCE",
    "KILLED_SINCE",
    "TRY_LOCK",
    "VERSION",
    "WAIT_FOR_LOCK",
    "Installed",
    "UnknownVersion",
    "installed",
    "upgrade",
]

_OF_ALL: Final = "hashtext('weighbridge'), 1"
_OF_SCHEMA: Final = "hashtext('weighbridge'), hashtext(%s)"
WAIT_FOR_LOCK: Final = f"SELECT pg_advisory_xact_lock_shared({_OF_ALL}), pg_advisory_xact_lock({_OF_SCHEMA})"
TRY_LOCK: Final = f"pg_try_advisory_xact_lock_shared({_OF_ALL}) AND pg_try_advisory_xact_lock({_OF_SCHEMA})"
"""Advisory locks: who has them merges, rolls up, expires or changes the tables of a schema. Earlier versions take the
first one alone, whatever the schema; so it is shared, and while one of them is at work nobody else is."""

_TOTALS: Final = """
    count bigint NOT NULL,
    total bigint NOT NULL,
    minimum bigint NOT NULL,
    maximum bigint NOT NULL,
    succeeded bigint NOT NULL,
    failed bigint NOT NULL,
    retried bigint NOT NULL,
    rejected bigint NOT NULL,
    cancelled bigint NOT NULL,
    timed_out bigint NOT NULL,
    killed bigint NOT NULL,
    satisfied bigint NOT NULL,
    tolerating bigint NOT NULL,
    frustrated bigint NOT NULL,
    apdex_t double precision,
    response_starts bigint NOT NULL,
    response_start_total bigint NOT NULL,
    disconnected bigint NOT NULL,
    queued bigint NOT NULL,
    queue_total bigint NOT NULL,
    queue_maximum bigint NOT NULL,
    queue_histogram bytea NOT NULL,
    histogram bytea NOT NULL,
    statuses bytea NOT NULL
"""
"""See recording/totals.py; times in nanoseconds."""

_VERSION_1: Final = f"""
CREATE TABLE store (                 -- one row
    version integer NOT NULL,
    readable_from integer NOT NULL,  -- the oldest version that may read this store, and the oldest that may merge
    writable_from integer NOT NULL,
    identity text NOT NULL           -- of this store among all others
);
CREATE TABLE instance (              -- the processes; its row is the mark of what a process has sent
    id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    key text NOT NULL UNIQUE,
    host text NOT NULL,
    pid bigint NOT NULL,
    program text NOT NULL,
    version text NOT NULL,
    process text NOT NULL,           -- see liveness.py
    started double precision NOT NULL,
    seen double precision NOT NULL,  -- when the last snapshot was taken, by the clock of the process
    received double precision NOT NULL, -- when it came, by that of the server
    sequence bigint NOT NULL         -- the number of the last snapshot that came
);
CREATE TABLE inbox (                 -- snapshots that came and were not merged yet
    number bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    instance bigint NOT NULL,
    received double precision NOT NULL,
    body bytea NOT NULL              -- see sending.py
);
ALTER TABLE inbox ALTER body SET STORAGE EXTERNAL;
CREATE TABLE series (                -- what is counted together
    id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    application text NOT NULL,
    kind text NOT NULL,
    whole integer NOT NULL,          -- 0: a group and name; 1: everything; 2, 3, 4: a host, a version, a queue
    "group" text NOT NULL,
    name text NOT NULL,
    seen bigint NOT NULL,            -- epoch seconds, exact to a day
    UNIQUE (application, kind, whole, "group", name)
);
CREATE TABLE resolution (
    width integer PRIMARY KEY,
    complete_from bigint NOT NULL,
    complete_until bigint NOT NULL,
    late bigint NOT NULL DEFAULT 0
);
CREATE TABLE totals (
    width integer NOT NULL,
    start bigint NOT NULL,
    series bigint NOT NULL,{_TOTALS},
    PRIMARY KEY (width, start, series)
);
ALTER TABLE totals ALTER histogram SET STORAGE MAIN, ALTER queue_histogram SET STORAGE MAIN,
    ALTER statuses SET STORAGE MAIN;
CREATE TABLE error (
    id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    series bigint NOT NULL,
    type text NOT NULL,
    message text NOT NULL,
    expected integer NOT NULL,
    seen bigint NOT NULL,
    digest text NOT NULL GENERATED ALWAYS AS (md5(type || chr(10) || message)) STORED, -- long texts fit in no index
    UNIQUE (series, digest, expected)
);
CREATE TABLE error_count (
    width integer NOT NULL,
    start bigint NOT NULL,
    error bigint NOT NULL,
    count bigint NOT NULL,
    PRIMARY KEY (width, start, error)
);
CREATE TABLE sample (
    id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    series bigint NOT NULL,
    reason text NOT NULL,
    ended double precision NOT NULL, -- epoch seconds
    duration double precision NOT NULL,
    body text NOT NULL               -- JSON
);
CREATE INDEX sample_by_series ON sample (series, reason, ended);
CREATE INDEX sample_by_end ON sample (ended, duration);
CREATE TABLE link (                  -- applications that are reported to together with another one
    application text NOT NULL,
    linked text NOT NULL,
    seen double precision NOT NULL,
    PRIMARY KEY (application, linked)
);
CREATE TABLE loss (                  -- what an instance had to drop, by cause
    instance bigint NOT NULL,
    cause text NOT NULL,
    count bigint NOT NULL,
    PRIMARY KEY (instance, cause)
);
CREATE TABLE dropped (               -- the same by minute, and by the applications that may lack it, a list in JSON
    start bigint NOT NULL,
    cause text NOT NULL,
    applications text NOT NULL,
    count bigint NOT NULL,
    PRIMARY KEY (start, cause, applications)
);
CREATE TABLE running (
    instance bigint NOT NULL,
    series bigint NOT NULL,
    started double precision NOT NULL
);
CREATE INDEX running_by_instance ON running (instance);
CREATE TABLE custom_metric (
    id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    application text NOT NULL,
    name text NOT NULL,
    seen bigint NOT NULL,
    UNIQUE (application, name)
);
CREATE TABLE custom_metric_totals (
    width integer NOT NULL,
    start bigint NOT NULL,
    metric bigint NOT NULL,
    count bigint NOT NULL,
    total double precision NOT NULL, -- of the program's own unit
    minimum double precision NOT NULL,
    maximum double precision NOT NULL,
    PRIMARY KEY (width, start, metric)
);
CREATE TABLE custom_event_type (     -- how often each type of event was recorded, since ever
    id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    application text NOT NULL,
    type text NOT NULL,
    count bigint NOT NULL,
    seen bigint NOT NULL,
    UNIQUE (application, type)
);
CREATE TABLE custom_event (          -- the latest of each type
    id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    type bigint NOT NULL,
    moment double precision NOT NULL, -- epoch seconds
    body text NOT NULL               -- JSON
);
CREATE INDEX custom_event_by_type ON custom_event (type, moment);
CREATE TABLE mark (                  -- moments that are drawn into charts: a new version, or what somebody says
    id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    application text NOT NULL,       -- "" for all
    moment bigint NOT NULL,          -- epoch seconds
    kind text NOT NULL,              -- "version", "manual"
    name text NOT NULL,
    UNIQUE (application, kind, name, moment)
);
CREATE INDEX mark_by_moment ON mark (moment);
CREATE TABLE over_limit (            -- where a limit on names has been reached: see eviction.py
    kind text NOT NULL,              -- "application", "series" of an application, "error" of a series
    whose text NOT NULL,             -- the name of the application, the number of the series
    PRIMARY KEY (kind, whose)
);
CREATE TABLE eviction_progress (     -- all rows up to here have been moved
    kind text PRIMARY KEY,
    width integer NOT NULL,
    start bigint NOT NULL
);
CREATE TABLE evicted (               -- names that make room, and what their rows are counted under
    kind text NOT NULL,              -- "series", "error"
    number bigint NOT NULL,
    replacement bigint NOT NULL,
    PRIMARY KEY (kind, number)
);
"""

_VERSION_2: Final = """
CREATE TABLE stack (                 -- the traceback of distinct stacks, the same for many errors
    id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    application text NOT NULL,
    digest text NOT NULL,
    text text NOT NULL,
    seen bigint NOT NULL,
    UNIQUE (application, digest)
);
CREATE TABLE error_group (           -- errors of one class that come from one place
    id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    application text NOT NULL,
    key text NOT NULL,               -- class and innermost own frame, else class and message without what varies
    type text NOT NULL,
    message text NOT NULL,           -- of the first
    frame text NOT NULL,             -- the innermost own one: file, line and function
    first_seen bigint NOT NULL,      -- epoch seconds
    seen bigint NOT NULL,            -- epoch seconds of the latest
    version text NOT NULL,           -- in which it was first seen
    stack bigint,                    -- of the latest whose traceback was kept
    digest text NOT NULL GENERATED ALWAYS AS (md5(key)) STORED, -- long texts fit in no index
    UNIQUE (application, digest)
);
CREATE TABLE error_group_count (
    width integer NOT NULL,
    start bigint NOT NULL,
    error_group bigint NOT NULL,
    series bigint NOT NULL,
    count bigint NOT NULL,
    PRIMARY KEY (width, start, error_group, series)
);
CREATE TABLE alert_state (           -- of each alert of the configuration; a change is claimed before it is told
    alert text PRIMARY KEY,
    state text NOT NULL,
    since double precision NOT NULL, -- epoch seconds
    told text NOT NULL,              -- the state that was last told
    claimed_by text NOT NULL,
    claimed double precision NOT NULL,
    attempts integer NOT NULL
);
CREATE TABLE export_cursor (         -- up to where an exporter has sent
    exporter text PRIMARY KEY,
    moment bigint NOT NULL,          -- epoch seconds
    state text NOT NULL              -- JSON of the exporter's own
);
"""

_VERSION_3: Final = """
CREATE TABLE schedule (              -- see transactions/schedules.py
    application text NOT NULL,
    source text NOT NULL,
    "group" text NOT NULL,
    name text NOT NULL,
    rule text NOT NULL,
    zone text NOT NULL,
    within bigint,                   -- seconds
    first_seen bigint NOT NULL,      -- epoch seconds, as of the first and the last report
    seen bigint NOT NULL,
    PRIMARY KEY (application, source, "group", name, rule)
);
CREATE TABLE reported (              -- what an instance has reported transactions of
    instance bigint NOT NULL,
    application text NOT NULL,
    kind text NOT NULL,
    PRIMARY KEY (instance, application, kind)
);
"""

_VERSION_4: Final = """
ALTER TABLE error_group ADD COLUMN expected integer NOT NULL DEFAULT 0;
CREATE TABLE sample_error (          -- of each error of a sample, in their order: its group and its traceback
    sample bigint NOT NULL REFERENCES sample ON DELETE CASCADE,
    position integer NOT NULL,
    error_group bigint NOT NULL,
    stack bigint,
    PRIMARY KEY (sample, position)
);
CREATE INDEX sample_error_by_group ON sample_error (error_group, sample);
CREATE TABLE moved_group (           -- groups that make room, whose rows are to be counted under another
    number bigint PRIMARY KEY,
    replacement bigint NOT NULL
);
CREATE TABLE moved_group_progress (  -- one row, while rows are moved: all up to here have been
    id integer PRIMARY KEY CHECK (id = 1),
    width integer NOT NULL,
    start bigint NOT NULL
);
"""

_VERSION_5: Final = "SELECT 1;"
_VERSION_6: Final = """
ALTER TABLE running ADD COLUMN key text NOT NULL DEFAULT '', ADD COLUMN queue text NOT NULL DEFAULT '';
CREATE TABLE killed (                -- tasks that were counted as killed, as long as that may be taken back: killed.py
    instance bigint NOT NULL,        -- the process that is gone
    host text NOT NULL,
    version text NOT NULL,
    key text NOT NULL,
    application text NOT NULL,
    "group" text NOT NULL,
    name text NOT NULL,
    queue text NOT NULL,
    started double precision NOT NULL, -- epoch seconds, as the next one
    minute bigint NOT NULL,
    duration bigint NOT NULL,        -- nanoseconds
    PRIMARY KEY (key, instance, started)
);
CREATE INDEX killed_by_instance ON killed (instance);
"""

_VERSION_7: Final = """
CREATE TABLE enqueued (              -- by what tasks were enqueued: see enqueued.py
    hour bigint NOT NULL,           -- epoch seconds
    series bigint NOT NULL,         -- of the tasks
    enqueuer text NOT NULL,         -- JSON, as in a header; empty for those that are not told apart
    count bigint NOT NULL,
    PRIMARY KEY (hour, series, enqueuer)
);
"""

_MIGRATIONS: Final = (_VERSION_1, _VERSION_2, _VERSION_3, _VERSION_4, _VERSION_5, _VERSION_6, _VERSION_7)
"""The script at index ``i`` turns version ``i`` into version ``i + 1``; released scripts never change.

To add a table, add a script. Programs of the version before go on reporting, reading and merging unless
`_READABLE_FROM` or `_WRITABLE_FROM` says otherwise. A table with rows of all resolutions also goes into
``tables.TABLES``, by which it is rolled up, expires and is added to what was ever counted.
"""
_READABLE_FROM: Final = 1
_WRITABLE_FROM: Final = 1
_MAKE_ANOTHER: Final = "make another one: CREATE DATABASE ... ENCODING 'UTF8' TEMPLATE template0"
JOBS_SINCE: Final = 3
"""The first version that has schedules, and what each instance reports."""
VERSION: Final = len(_MIGRATIONS)
KILLED_SINCE: Final = 6
"""The first version that knows which open tasks count as killed where their process is gone."""
ENQUEUERS_SINCE: Final = 7
"""The first version that counts by what tasks were enqueued."""
ALERTS_SINCE: Final = 2
"""The first version that has the states of alerts."""


class UnknownVersion(Exception):
    """The tables are of a version that this program does not get along with."""


class Installed(NamedTuple):
    """The store that the tables hold."""

    version: int
    identity: str
    """Of this store among all others."""


def installed(session: Session) -> Installed:
    """Return which store the tables hold; a statement fails if there are none.

    Raises:
        UnknownVersion: they are too new.
    """
    row = session.execute("SELECT version, identity, readable_from, writable_from FROM @store").fetchone()
    version, identity, *needed = row or (0, "", 0)
    if max(needed) > VERSION:
        raise UnknownVersion(f"its version is {version}, and this weighbridge knows versions up to {VERSION}")
    return Installed(int(version), str(identity))


def _version_before(session: Session) -> int:
    """Return the version of the tables, 0 if there are none."""
    (there,) = session.execute("SELECT to_regclass('@store') IS NOT NULL").fetchone() or (False,)
    return installed(session).version if there else 0


def upgrade(session: Session, schema: str) -> tuple[int, int]:
    """Bring the tables to the current version, within the transaction that the caller has begun.

    Returns the version before and after. Whoever merges at this moment is waited for.

    Raises:
        UnknownVersion: as `installed`.
        ServerFailure: there are no tables, and the database is not one that could hold every name.
    """
    session.execute(WAIT_FOR_LOCK, (schema,))
    before = _version_before(session)
    if before == 0:
        _require_unicode(session)
    session.execute(f'CREATE SCHEMA IF NOT EXISTS "{schema}"; SET LOCAL search_path = "{schema}"')
    for script in _MIGRATIONS[before:]:
        session.execute(script)
    if before == 0:
        _begin(session)
    session.execute(
        "UPDATE @store SET version = %s, readable_from = %s, writable_from = %s",
        (max(before, VERSION), _READABLE_FROM, _WRITABLE_FROM),
    )
    return before, max(before, VERSION)


def _require_unicode(session: Session) -> None:
    (encoding,) = session.execute("SELECT current_setting('server_encoding')").fetchone() or ("",)
    if encoding != "UTF8":
        raise ServerFailure(f"the encoding of the database is {encoding}, and must be UTF8", _MAKE_ANOTHER)


def _begin(session: Session) -> None:
    """Fill the tables of a new store: nothing is rolled up so far."""
    (now,) = session.execute("SELECT extract(epoch FROM now())::double precision").fetchone() or (0.0,)
    session.execute("INSERT INTO @store VALUES (0, 0, 0, gen_random_uuid()::text)")
    for width, until in ((FINEST, FOREVER), *((width, floor_to(now, width)) for width in COARSE_WIDTHS)):
        session.execute("INSERT INTO @resolution VALUES (%s, 0, %s)", (width, until))
