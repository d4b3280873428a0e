"""What holds for every test: a store of its own, nothing left over, and no mistake of ours swallowed."""

from __future__ import annotations

import logging
import os
import signal
from collections.abc import Iterator
from pathlib import Path

import pytest
from blockbuster import blockbuster_ctx
from hypothesis import HealthCheck, settings

import weighbridge
from weighbridge.transactions import configuration, log
from weighbridge.transactions.context.current import current, get_current
from weighbridge.transactions.handoff import handoff
from weighbridge.transactions.model.process_state import process_state

from . import processes
from .clusters import Cluster, programs
from .waiting import TIMEOUT

# How long an example takes is the machine's business, which may be doing other things as well.
settings.register_profile("weighbridge", deadline=None, suppress_health_check=[HealthCheck.too_slow])
settings.load_profile("weighbridge")

if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
    # A shell that starts pytest in the background has it ignore Ctrl-C, and all that the tests start and interrupt.
    signal.signal(signal.SIGINT, signal.default_int_handler)

HERE = Path(__file__).parent

MARKED = {
    "once": (
        *("benchmarks", "console/test_browser.py", "demo", "examples", "infrastructure", "job_systems"),
        *("documentation/test_commands.py", "documentation/test_links.py", "documentation/test_pictures.py"),
        *("documentation/test_readme.py", "documentation/test_reference.py", "documentation/test_servers.py"),
        *("documentation/test_tutorials.py", "packaging/test_distributions.py"),
    ),
    "core": (
        *("configuration", "middleware", "packaging/test_import.py", "recording", "running/test_scripts.py"),
        *("running/test_startup.py", "semantics"),
        *(f"store/test_{name}.py" for name in ("descriptors", "driver_loading", "exactly_once", "liveness")),
        *(f"store/test_{name}.py" for name in ("lock_wait", "outages", "places", "processes", "reader")),
        *(f"store/test_{name}.py" for name in ("server_faults", "totals")),
    ),
}
"""By mark, the folders and files.

``once``: what takes long and gives the same on every Python: it is about pages, pictures, files, or processes that use
what the other tests try. ``core``: what a version of Python can break, and what no other test would notice. `tox` runs
all tests on one Python and the core on the others; `tox -e full` runs all but the first on each.
"""

APART = ("faults", "projects", "suites")
"""Folders that take minutes or hours, with an environment of tox for each: they are run where they are named."""


def pytest_ignore_collect(collection_path: Path, config: pytest.Config) -> bool | None:
    """Leave out what was not named."""
    apart = HERE / collection_path.name
    if collection_path != apart or apart.name not in APART:
        return None
    named = (Path(config.invocation_params.dir, argument.partition("::")[0]) for argument in config.args)
    return not any(path.is_relative_to(apart) for path in named)


def pytest_sessionstart() -> None:
    """Whatever the tests start ends with them."""
    processes.keep()
    processes.adopt_orphans()


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Mark what is to run once, and what is the core."""
    assert all((HERE / name).exists() for names in MARKED.values() for name in names), "MARKED names what is not there"
    for item in items:
        for mark, names in MARKED.items():
            if any(item.path.is_relative_to(HERE / name) for name in names):
                item.add_marker(mark)


@pytest.fixture(scope="session")
def cluster() -> Iterator[Cluster]:
    """A PostgreSQL server for the length of the session."""
    folder = programs()
    if folder is None:
        if os.environ.get("POSTGRESQL_TESTS") == "required":
            pytest.fail("PostgreSQL is not installed (initdb is neither on the PATH nor in /usr/lib/postgresql)")
        pytest.skip("PostgreSQL is not installed")
    server = Cluster(folder)
    try:
        server.start()
        yield server
    finally:
        server.remove()


class _Mistakes(logging.Handler):
    """Keeps what the guard logs: mistakes of ours that a host program would not feel."""

    def __init__(self) -> None:
        super().__init__(logging.ERROR)
        self.lines: list[str] = []

    def emit(self, record: logging.LogRecord) -> None:
        if "failed inside" in record.msg:
            self.lines.append(self.format(record))


@pytest.fixture
def mistakes(monkeypatch: pytest.MonkeyPatch) -> Iterator[list[str]]:
    """The mistakes that the guard swallowed. They fail the test, unless it takes them out of this list."""
    monkeypatch.setattr(log, "_logged", set())
    handler = _Mistakes()
    log.logger().addHandler(handler)
    yield handler.lines
    log.logger().removeHandler(handler)
    assert handler.lines == [], "\n".join(handler.lines)


@pytest.fixture(autouse=True)
def own_settings(monkeypatch: pytest.MonkeyPatch, tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    """No settings but the test's own; what it records goes to a file of its own, never to the user's store.

    An exit waits for its last write for as long as a test may take: 2.5 seconds are little on a busy machine.
    """
    for name in [name for name in os.environ if name.startswith(("WEIGHBRIDGE_", "NEW_RELIC_"))]:
        monkeypatch.delenv(name)
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path_factory.mktemp("state")))
    monkeypatch.setenv("WEIGHBRIDGE_SHUTDOWN_TIMEOUT", str(TIMEOUT))
    weighbridge.shutdown_agent()
    _forget()
    yield
    weighbridge.shutdown_agent()
    _forget()


def _forget() -> None:
    """The settings are read anew at the next call."""
    configuration.reset()
    process_state.reset()


@pytest.fixture
def own_celery_tasks(monkeypatch: pytest.MonkeyPatch) -> None:
    """Celery gives a task of one application to all others of the process: those of this test end with it."""
    from celery import _state
    from celery.app import builtins

    shared = {share for share in _state._on_app_finalizers if share.__module__ == builtins.__name__}
    monkeypatch.setattr(_state, "_on_app_finalizers", shared)


@pytest.fixture(autouse=True)
def nothing_blocks(request: pytest.FixtureRequest) -> Iterator[None]:
    """Whatever of ours would block an event loop of asyncio raises instead: files, locks, sleep, SQLite, sockets.

    So does whatever an application does that we have called; the mark
    ``application_blocks`` is for tests in which it blocks on purpose.
    """
    if request.node.get_closest_marker("application_blocks"):
        yield
    else:
        with blockbuster_ctx("weighbridge"):
            yield


@pytest.fixture(autouse=True)
def nothing_runs_on() -> Iterator[None]:
    """No process is left running when a test is over, not even one that a process of the test has left."""
    before = processes.children()
    yield
    left = processes.running_on(before)
    processes.end(left.keys() | set().union(*map(processes.descendants, left)))
    assert not left, f"left running: {left}"


@pytest.fixture(autouse=True)
def nothing_left(own_settings: None, mistakes: list[str]) -> Iterator[None]:
    """Nothing is current and nothing is open when a test is over."""
    yield
    left, found = handoff.open_transactions.copy(), get_current()
    handoff.open_transactions.clear()
    current.set(None)
    assert not left
    assert found is None
