"""When the driver of a server is imported: as a middleware is made, in the program's thread."""

from __future__ import annotations

import os
import subprocess
import sys

import pytest

MIDDLEWARE = {
    "wsgi": "weighbridge.middleware.WSGITransactionMiddleware(lambda environ, start_response: [])",
    "asgi": "weighbridge.middleware.ASGITransactionMiddleware(lambda scope, receive, send: None)",
}
PROGRAM = """
import sys, threading
import weighbridge.middleware
assert not {{"psycopg", "psycopg2"}} & set(sys.modules), "imported by an import"
{before}
made = {middleware}
print(*({{"psycopg", "psycopg2"}} & set(sys.modules)), threading.active_count())
"""


def loaded(name: str, before: str = "", **environment: str) -> str:
    """Return which drivers are there once a middleware is made, and how many threads."""
    program = PROGRAM.format(middleware=MIDDLEWARE[name], before=before)
    done = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, text=True, timeout=300, check=False,
        env={**os.environ, "WEIGHBRIDGE_LOG_FILE": "stderr", **environment},
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    return done.stdout.strip()


@pytest.mark.parametrize("name", MIDDLEWARE)
def test_a_middleware_loads_the_driver_of_a_server(name: str) -> None:
    pytest.importorskip("psycopg")
    assert loaded(name, WEIGHBRIDGE_STORE="postgresql://127.0.0.1:1/nowhere") == "psycopg 1"


def test_the_driver_that_the_program_has_is_used() -> None:
    pytest.importorskip("psycopg2")
    store = "postgresql://127.0.0.1:1/nowhere"
    assert loaded("wsgi", before="import psycopg2", WEIGHBRIDGE_STORE=store) == "psycopg2 1"


def test_none_is_loaded_for_a_file(tmp_path) -> None:
    assert loaded("wsgi", WEIGHBRIDGE_STORE=str(tmp_path / "store.db")) == "1"


def test_a_middleware_is_made_where_no_driver_is_installed() -> None:
    before = "sys.modules['psycopg'] = sys.modules['psycopg2'] = None"
    assert loaded("wsgi", before=before, WEIGHBRIDGE_STORE="postgresql://127.0.0.1:1/nowhere").endswith(" 1")
