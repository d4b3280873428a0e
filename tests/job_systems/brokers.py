"""A PostgreSQL of the tests' own; the Redis is that of the other workers."""

from __future__ import annotations

import os
import shutil
import subprocess
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Final

from ..workers.redis_helpers import free_port

__all__ = ["BINARIES", "postgresql"]


def _binaries() -> Path | None:
    """Where PostgreSQL's programs are: Debian keeps them off the path."""
    if found := shutil.which("initdb"):
        return Path(found).parent
    return max(Path("/usr/lib/postgresql").glob("*/bin"), default=None)


BINARIES: Final = _binaries()
_USER: Final = "postgres"


def _as_user() -> list[str]:
    """PostgreSQL refuses to run as root."""
    return ["runuser", "-u", _USER, "--"] if os.geteuid() == 0 else []


@contextmanager
def postgresql() -> Iterator[str]:
    """It listens on a free port of this machine, and keeps nothing; gives how clients find it."""
    assert BINARIES is not None
    folder = Path(tempfile.mkdtemp(prefix="postgresql-"))
    if os.geteuid() == 0:
        shutil.chown(folder, _USER)
    port, data = free_port(), folder / "data"
    control = [*_as_user(), str(BINARIES / "pg_ctl"), "-D", str(data), "-w"]
    options = f"-p {port} -k {folder} -c listen_addresses=127.0.0.1 -c fsync=off"
    try:
        _run(*_as_user(), str(BINARIES / "initdb"), "-D", str(data), "-A", "trust", "-U", _USER)
        _run(*control, "-o", options, "-l", str(folder / "log"), "start")
        yield f"host=127.0.0.1 port={port} user={_USER} dbname=postgres"
        _run(*control, "-m", "immediate", "stop")
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def _run(*command: str) -> None:
    subprocess.run(command, check=True, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, cwd="/")
