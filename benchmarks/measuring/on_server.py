"""A store in a file, copied to a server row by row: far quicker than to report all of it there again."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator, Sequence
from contextlib import closing
from pathlib import Path
from typing import Final

import psycopg
from psycopg import sql

from weighbridge.transactions.configuration.postgresql_url import parse_server_url
from weighbridge.transactions.store.server import Collector

__all__ = ["backends", "copy_to_server", "cpu_of", "server_version"]

_TABLES: Final = (
    *("series", "resolution", "totals", "error", "error_count", "sample", "instance", "link", "mark", "stack"),
    *("error_group", "error_group_count", "sample_error", "schedule", "reported"),
)
_NAMES: Final = {"span": "width"}
"""Columns that are called something else in a file."""
_RECEIVED: Final = "seen AS received, '' AS process"
"""What only servers know of an instance."""


def copy_to_server(path: str, url: str) -> None:
    """Make the tables of an empty schema, and fill them with the rows of a file."""
    with closing(Collector(url)) as collector:
        collector.upgrade()
    with closing(sqlite3.connect(path)) as file, closing(_connected(url)) as server:
        schema = parse_server_url(url).schema
        server.execute(sql.SQL("SET search_path = {}").format(sql.Identifier(schema)))
        for table in _TABLES:
            _copy(file, server, table)
        server.commit()
        server.autocommit = True
        server.execute("VACUUM ANALYZE")


def backends(url: str) -> list[int]:
    """The server's processes for all connections of weighbridge."""
    with closing(_connected(url)) as server:
        found = server.execute("SELECT pid FROM pg_stat_activity WHERE application_name = 'weighbridge'").fetchall()
    return [pid for (pid,) in found]


def cpu_of(processes: Sequence[int]) -> float:
    """Milliseconds of CPU so far, of all threads; the kernel counts nanoseconds. None of those that are elsewhere."""
    threads = (thread for pid in processes for thread in Path(f"/proc/{pid}/task").glob("*/schedstat"))
    return sum(int(thread.read_text("ascii").split()[0]) for thread in threads) / 1e6


def server_version(url: str) -> str:
    """What the server says it is."""
    with closing(_connected(url)) as server:
        return f"PostgreSQL {server.info.parameter_status('server_version')}"


def _connected(url: str) -> psycopg.Connection:
    return psycopg.connect(**parse_server_url(url).keywords)  # type: ignore[arg-type]


def _copy(file: sqlite3.Connection, server: psycopg.Connection, table: str) -> None:
    columns = [row[1] for row in file.execute(f"PRAGMA table_info({table})")]
    more = f", {_RECEIVED}" if table == "instance" else ""
    rows = file.execute(f"SELECT *{more} FROM {table}")
    names = [_NAMES.get(name, name) for name in [*columns, *(("received", "process") if more else ())]]
    server.execute(sql.SQL("TRUNCATE {} CASCADE").format(sql.Identifier(table)))
    into = sql.SQL("COPY {} ({}) FROM STDIN").format(
        sql.Identifier(table), sql.SQL(", ").join(map(sql.Identifier, names))
    )
    with server.cursor() as cursor, cursor.copy(into) as copy:
        for row in _batches(rows):
            copy.write_row(row)
    if "id" in columns:
        server.execute(
            sql.SQL("SELECT setval(pg_get_serial_sequence({}, 'id'), coalesce(max(id), 1)) FROM {}").format(
                table, sql.Identifier(table)
            )
        )


def _batches(rows: sqlite3.Cursor) -> Iterator[Sequence[object]]:
    while some := rows.fetchmany(10_000):
        yield from some
