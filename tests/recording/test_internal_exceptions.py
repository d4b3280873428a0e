"""Our own log lines never hurt the host program, whatever its logging does; a thread that is hit comes back."""

from __future__ import annotations

import ctypes
import logging
import sys
import threading
import time
from collections.abc import Callable, Iterator
from types import SimpleNamespace
from typing import TYPE_CHECKING, Any

import pytest

import weighbridge
from weighbridge.middleware import ASGITransactionMiddleware, WSGITransactionMiddleware
from weighbridge.transactions import lifecycle, log
from weighbridge.transactions.log import capture_internal_exception, log_once

from .conftest import Programs, Stored, eventually

Work = Callable[[], None]


class Raising(logging.Handler):
    """Whatever it is asked to do fails."""

    def __init__(self) -> None:
        super().__init__()
        self.seen = 0

    def emit(self, record: logging.LogRecord) -> None:
        self.seen += 1
        raise RuntimeError("the log pipeline is down")


class RaisingFormatter(logging.Formatter):
    def format(self, record: logging.LogRecord) -> str:
        raise RuntimeError("the formatter fails")


if TYPE_CHECKING:
    _StreamHandler = logging.StreamHandler[Any]
else:  # which takes no parameter before Python 3.11
    _StreamHandler = logging.StreamHandler


class Strict(_StreamHandler):
    """Errors are raised rather than printed, as test suites like it."""

    def __init__(self) -> None:
        super().__init__()
        self.setFormatter(RaisingFormatter())

    def handleError(self, record: logging.LogRecord) -> None:  # noqa: N802
        raise  # noqa: PLE0704


def raising_filter(record: logging.LogRecord) -> bool:
    raise RuntimeError("the filter fails")


class Unspeakable:
    """An object of the host's that cannot be shown."""

    def __repr__(self) -> str:
        raise RuntimeError("no repr")

    __str__ = __repr__


@pytest.fixture(params=["handler", "strict formatter", "filter", "filter of a handler", "no such method"])
def failing(mistakes: list[str], request: pytest.FixtureRequest) -> Iterator[None]:
    """The host's logging fails at each of our lines."""
    logger = log.logger()
    handler: logging.Handler = logging.NullHandler()
    with pytest.MonkeyPatch.context() as broken:
        if request.param == "handler":
            handler = Raising()
        elif request.param == "strict formatter":
            handler = Strict()
        elif request.param == "filter of a handler":
            handler.addFilter(raising_filter)
        elif request.param == "filter":
            logger.addFilter(raising_filter)
        else:
            broken.setattr(log, "_logging", SimpleNamespace(getLogger=lambda *_: object()))
        logger.addHandler(handler)
        yield
    logger.removeHandler(handler)
    logger.removeFilter(raising_filter)


def test_neither_call_raises(failing: None, mistakes: list[str]) -> None:
    log_once("matter", "%s is said", Unspeakable())
    try:
        raise ValueError("ours")
    except ValueError:
        capture_internal_exception("place")
    log_once(Unspeakable(), "a matter that has no %s", "hash")
    log_once("too few", "%s %s", 1)
    mistakes.clear()


class Unhashable(Unspeakable):
    __hash__ = None  # type: ignore[assignment]


def test_a_matter_may_be_anything(failing: None) -> None:
    log_once(("in a tuple", Unhashable()), "said")


def named_by_nothing() -> None:
    with weighbridge.BackgroundTask(name="block"):
        weighbridge.set_transaction_name(None)  # type: ignore[arg-type]


def named_by_something() -> None:
    with weighbridge.BackgroundTask(name=Unspeakable()):  # type: ignore[arg-type]
        weighbridge.set_transaction_name(Unspeakable())  # type: ignore[arg-type]
        weighbridge.add_custom_attributes(Unspeakable())  # type: ignore[arg-type]
        weighbridge.notice_error(Unspeakable())  # type: ignore[arg-type]


@weighbridge.background_task(name=lambda: 1 / 0)
def named_by_a_failure() -> str:
    return "result"


def of_a_bad_key() -> object:
    middleware = WSGITransactionMiddleware(lambda environ, start: [b"answer"])
    return middleware({"newrelic.ignore_transaction": Unspeakable(), "newrelic.app_name": Unspeakable()}, print)


CALLS = [named_by_nothing, named_by_something, named_by_a_failure, of_a_bad_key, weighbridge.initialize]


@pytest.mark.parametrize("call", CALLS)
def test_the_host_gets_its_own(call: Callable[[], object], failing: None, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("WEIGHBRIDGE_APDEX_T", "soon")
    assert call() in (None, "result", [b"answer"])


def test_an_exception_after_the_response_stays_the_applications_own(failing: None) -> None:
    import asyncio

    mine = ValueError("the application's own")

    async def app(scope: Any, receive: Any, send: Any) -> None:
        await send({"type": "http.response.start", "status": 200, "headers": []})
        await send({"type": "http.response.body", "body": b""})
        raise mine

    async def send(message: Any) -> None: ...

    scope = {"type": "http", "method": "GET", "path": "/", "root_path": "", "headers": [], "query_string": b""}
    with pytest.raises(ValueError, match="own") as caught:
        asyncio.run(ASGITransactionMiddleware(app)(scope, None, send))
    assert caught.value is mine


def test_the_thread_goes_on_after_its_line_failed(
    failing: None, stored: Stored, work: Work, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("WEIGHBRIDGE_FLUSH_INTERVAL", "0.05")
    stored.path = stored.path.parent / "later" / "store.db"
    monkeypatch.setenv("WEIGHBRIDGE_STORE", str(stored.path))
    weighbridge.initialize()
    work()
    eventually(lambda: any("store" in matter for matter in log._logged if isinstance(matter, tuple)))
    stored.path.parent.mkdir()
    work()
    eventually(stored.path.exists)
    assert weighbridge.flush()
    assert stored.calls() == {"work": 2}


def test_what_is_no_exception_of_the_usual_kind_passes(monkeypatch: pytest.MonkeyPatch) -> None:
    """A handler that ends the program may do so."""

    class Ending(logging.Handler):
        def emit(self, record: logging.LogRecord) -> None:
            raise SystemExit(3)

    monkeypatch.setattr(log, "_logged", set())
    handler = Ending()
    log.logger().addHandler(handler)
    try:
        with pytest.raises(SystemExit):
            log_once("end", "the end")
    finally:
        log.logger().removeHandler(handler)


def test_a_handler_that_is_measured_itself(stored: Stored, monkeypatch: pytest.MonkeyPatch) -> None:
    """It comes to the same matter again, which is said already: there is no end of it else."""
    monkeypatch.setattr(log, "_logged", set())
    lines: list[str] = []

    class Measured(logging.Handler):
        @weighbridge.background_task(name=lambda self, record: 1 / 0)
        def emit(self, record: logging.LogRecord) -> None:
            lines.append(record.getMessage())

    handler = Measured()
    log.logger().addHandler(handler)
    try:
        for _ in range(3):
            named_by_a_failure()
    finally:
        log.logger().removeHandler(handler)
    assert len(lines) == 2  # that the name fails, of each of the two
    weighbridge.flush()


@pytest.mark.parametrize("disable", ["logger", "level", "manager"])
def test_a_logger_that_is_disabled(disable: str, caplog: pytest.LogCaptureFixture) -> None:
    logger = log.logger()
    try:
        if disable == "logger":
            logger.disabled = True
        elif disable == "level":
            logger.setLevel(logging.CRITICAL)
        else:
            logging.disable(logging.CRITICAL)
        log_once("disabled", "is not heard")
    finally:
        logger.disabled = False
        logger.setLevel(logging.NOTSET)
        logging.disable(logging.NOTSET)
    assert caplog.records == []


REPLACED = {
    "a class that takes other arguments": """
class Other(logging.Logger):
    def _log(self, level, message, args, **more):
        raise TypeError("structured logging only")
logging.setLoggerClass(Other)
""",
    "a class that cannot be made": """
class Other(logging.Logger):
    def __init__(self, name):
        raise RuntimeError("no logger of that name")
logging.setLoggerClass(Other)
""",
    "no module": "sys.modules['logging'] = None",
    "another module": "import types\nsys.modules['logging'] = types.ModuleType('logging')",
    "a class without the usual methods": "logging.Logger.warning = logging.Logger.error = None",
    "errors are raised": """
logging.raiseExceptions = True
logging.basicConfig(format="%(nothing)s")
sys.stderr = None
""",
}


@pytest.mark.parametrize("replaced", REPLACED)
def test_logging_is_replaced(replaced: str, programs: Programs, stored: Stored) -> None:
    programs.prologue = f"import logging, sys\n{REPLACED[replaced]}\n" + programs.prologue
    programs.run(
        """
        @background_task(name=lambda: 1 / 0)
        def named():
            return "result"

        assert named() == "result"
        work()
        weighbridge.initialize(log_level="debug")
        work()
        """,
        WEIGHBRIDGE_APDEX_T="soon",
    )
    assert stored.total() == 3


def test_lines_that_cannot_be_written_yet_are_kept_and_bounded(programs: Programs, stored: Stored) -> None:
    programs.run(
        """
        logging, sys.modules["logging"] = sys.modules.pop("logging", None), None
        from weighbridge.transactions.log import log_once
        for number in range(50):
            log_once(number, "line %s", number)
        del sys.modules["logging"]
        log_once("last", "the last")
        """
    )
    assert programs.errors.splitlines() == [*(f"line {number}" for number in range(20)), "the last"]


# The thread


def recorder_thread() -> threading.Thread:
    thread = lifecycle._recorder()._thread
    assert isinstance(thread, threading.Thread)
    return thread


def throw(thread: threading.Thread, kind: type[BaseException]) -> None:
    assert ctypes.pythonapi.PyThreadState_SetAsyncExc(ctypes.c_ulong(thread.ident or 0), ctypes.py_object(kind)) == 1


@pytest.mark.parametrize("kind", [ValueError, SystemExit, KeyboardInterrupt, MemoryError])
def test_what_is_thrown_into_the_thread_does_not_end_it(
    kind: type[BaseException], stored: Stored, work: Work, mistakes: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("WEIGHBRIDGE_FLUSH_INTERVAL", "0.05")
    weighbridge.initialize()
    work()
    eventually(stored.path.exists)
    thread = recorder_thread()
    for _ in range(5):
        throw(thread, kind)
        time.sleep(0.02)
    eventually(lambda: log._logged)
    work()
    eventually(weighbridge.flush)
    assert thread.is_alive()
    assert stored.calls() == {"work": 2}
    mistakes.clear()  # it may have struck within a write


def test_a_thread_that_is_dead_all_the_same_comes_back(
    stored: Stored, work: Work, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A trace function of the host's ends it before it has begun."""

    def raising(*_: object) -> None:
        raise ValueError("the trace function fails")

    monkeypatch.setenv("WEIGHBRIDGE_FLUSH_INTERVAL", "0.05")
    monkeypatch.setattr(threading, "excepthook", lambda _: None)
    weighbridge.initialize()
    threading.settrace(raising)
    try:
        work()
        eventually(lambda: not lifecycle._recorder()._is_alive())
    finally:
        threading.settrace(None)  # type: ignore[arg-type]
    for _ in range(300):
        work()
    assert recorder_thread().is_alive()
    eventually(stored.path.exists)
    weighbridge.flush()
    assert stored.calls() == {"work": 301}


@pytest.mark.parametrize("loaded", [False, True])
def test_a_lock_that_was_left_behind_is_taken_by_the_next(
    loaded: bool, stored: Stored, work: Work, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As an exception may do that strikes between two steps of ours: nobody waits for ever.

    Nor where gevent is loaded and has patched nothing, as by a library that can do without it.
    """
    if loaded:
        monkeypatch.setitem(sys.modules, "gevent.monkey", pytest.importorskip("gevent.monkey"))
    else:
        monkeypatch.delitem(sys.modules, "gevent.monkey", raising=False)
    work()
    recorder = lifecycle._recorder()
    thread = threading.Thread(target=recorder._lock.acquire)
    thread.start()
    thread.join()
    assert weighbridge.flush()
    assert stored.calls() == {"work": 1}
    assert recorder._lock.acquire(False), "it is free again"
    recorder._lock.release()
