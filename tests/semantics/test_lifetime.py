"""One way to open a transaction and one to end it: what the hot path writes out again does the same."""

from __future__ import annotations

import asyncio
import gc
import threading
from collections.abc import Callable
from typing import Any

import pytest

import weighbridge
from weighbridge import BackgroundTask, background_task, current_transaction, web_transaction
from weighbridge.middleware import ASGITransactionMiddleware, WSGITransactionMiddleware
from weighbridge.transactions.context.current import current
from weighbridge.transactions.context.lifetime import begin, finish
from weighbridge.transactions.handoff import handoff
from weighbridge.transactions.model.clock import monotonic
from weighbridge.transactions.model.process_state import process_state
from weighbridge.transactions.model.transaction import Transaction

Open = Callable[[Callable[[], None]], None]


def by_begin(look: Callable[[], None]) -> None:
    process_state.prepare()
    mark: list[Any] = []
    transaction = Transaction()
    begin(transaction, _label(), mark)
    look()
    finish(transaction)
    del mark


def _label() -> Any:
    from weighbridge.transactions.model.identity import ExplicitName, intern_identity

    return intern_identity(process_state.application, True, ExplicitName("Function", "work"))


def by_function(look: Callable[[], None]) -> None:
    background_task(name="work")(look)()


def by_web_function(look: Callable[[], None]) -> None:
    web_transaction(name="work")(look)()


def by_coroutine(look: Callable[[], None]) -> None:
    @background_task(name="work")
    async def work() -> None:
        look()

    asyncio.run(work())


def by_block(look: Callable[[], None]) -> None:
    with BackgroundTask(name="work"):
        look()


def by_wsgi(look: Callable[[], None]) -> None:
    def app(environ: Any, start_response: Any) -> list[bytes]:
        look()
        start_response("200 OK", [])
        return [b""]

    WSGITransactionMiddleware(app)({"REQUEST_METHOD": "GET", "SCRIPT_NAME": "", "PATH_INFO": "/"}, lambda *_: print)


def by_asgi(look: Callable[[], None]) -> None:
    async def app(scope: Any, receive: Any, send: Any) -> None:
        look()
        await send({"type": "http.response.start", "status": 200, "headers": []})
        await send({"type": "http.response.body", "body": b""})

    async def send(message: Any) -> None: ...

    async def receive() -> Any: ...

    scope = {"type": "http", "method": "GET", "path": "/", "root_path": "", "headers": []}
    asyncio.run(ASGITransactionMiddleware(app)(scope, receive, send))


WAYS: list[Open] = [by_begin, by_function, by_web_function, by_coroutine, by_block, by_wsgi, by_asgi]
ways = pytest.mark.parametrize("way", WAYS, ids=lambda way: way.__name__)


@ways
def test_what_is_opened_is_filled_in_as_by_the_one_way(way: Open) -> None:
    seen: list[Transaction] = []

    def look() -> None:
        transaction = current.get()
        assert transaction is not None
        seen.append(transaction)
        assert {name for name in Transaction.__slots__ if hasattr(transaction, name)} == set(Transaction.__slots__)
        assert transaction._end_time == 0.0
        assert transaction._extras is None
        assert transaction._mark == []
        assert transaction._token is not None
        assert transaction._start_time > 0
        assert transaction in handoff.open_transactions

    way(look)
    assert len(seen) == 1


@ways
def test_what_has_ended_is_handed_over_and_gone_as_by_the_one_way(way: Open) -> None:
    seen: list[Any] = []
    for _ in range(3):  # the first is handed over whole, the others need not be
        way(lambda: seen.append(current.get()))
    for transaction in seen:
        assert transaction._end_time > transaction._start_time
        assert transaction._mark is None
        assert transaction._token is None
        assert transaction not in handoff.open_transactions
    assert current.get() is None


@ways
def test_what_was_counted_is_the_same(way: Open, tmp_path: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    from weighbridge.transactions.store.reader import StoreReader, Window

    monkeypatch.setenv("WEIGHBRIDGE_STORE", str(tmp_path / "store.db"))
    for _ in range(10):
        way(lambda: None)
    weighbridge.shutdown_agent()
    with StoreReader.open(str(tmp_path / "store.db")) as reader:
        assert reader.totals(Window(0, 2**33)).calls == 10


# What is cut off by an exception that strikes from outside


class Strike(BaseException): ...


def test_one_whose_call_is_gone_is_discarded_at_the_next_look_and_counted(monkeypatch: pytest.MonkeyPatch) -> None:
    handoff.take_dropped()

    def opens_and_is_cut_off() -> None:
        mark: list[Any] = []
        begin(Transaction(), _label(), mark)

    process_state.prepare()
    opens_and_is_cut_off()
    assert len(handoff.open_transactions) == 1
    assert current_transaction() is None
    assert handoff.open_transactions == set()
    assert handoff.take_dropped() == {"interrupted": 1}
    background_task(name="next")(lambda: None)()  # its thread goes on measuring


def test_one_that_nothing_refers_to_any_more_is_discarded_by_the_recorder() -> None:
    """Its thread is gone: there is no next look."""

    def opens_and_is_cut_off() -> None:
        begin(Transaction(), _label(), [])

    process_state.prepare()
    handoff.take_dropped()
    thread = threading.Thread(target=opens_and_is_cut_off)
    thread.start()
    thread.join()
    with BackgroundTask(name="open") as kept:
        assert handoff.open_since(monotonic()) == [kept]
    assert handoff.take_dropped() == {"interrupted": 1}


def test_one_whose_call_runs_in_another_context_is_not_judged() -> None:
    import contextvars

    process_state.prepare()
    context = contextvars.copy_context()
    seen = []

    def opens() -> None:
        begin(Transaction(), _label(), [])  # nobody holds the mark

    context.run(opens)
    copied = context.copy()
    copied.run(lambda: seen.append(current_transaction()))  # a copy is another task's, for all that is known
    assert seen[0] is not None
    context.run(lambda: seen.append(current_transaction()))
    assert seen[1] is None
    handoff.take_dropped()


def test_what_it_followed_is_found_again() -> None:
    process_state.prepare()
    with BackgroundTask(name="outer") as outer:
        begin(Transaction(), _label(), [])
        assert current_transaction() is outer
    handoff.take_dropped()


def test_a_block_that_is_never_left_ends_when_it_is_collected() -> None:
    block = BackgroundTask(name="never left")
    entered = block.__enter__()
    assert entered is not None
    gc.collect()
    assert current_transaction() is entered  # no call of it is on the stack, and it is alive
    del block
    gc.collect()
    assert handoff.open_transactions == set()
    assert current_transaction() is None
    seen = []
    background_task(name="next")(lambda: seen.append(current_transaction()))()
    assert seen[0] is not None
    assert seen[0] is not entered
