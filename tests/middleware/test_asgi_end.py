"""When an ASGI request's transaction ends, and how: by return, exception, disconnect or cancellation."""

from __future__ import annotations

import contextlib
import logging
import time
from pathlib import Path
from typing import Any

import anyio
import anyio.lowlevel
import pytest

from weighbridge import FinishedTransaction, background_task, current_transaction, flush
from weighbridge.middleware import ASGITransactionMiddleware
from weighbridge.transactions.handoff import handoff
from weighbridge.transactions.store.reader import StoreReader

from .asgi_helpers import Message, Run, Scope, Server, attempt, body, get, hello, http, start

Ended = list[FinishedTransaction]
DISCONNECT: Message = {"type": "http.disconnect"}


def ends_after(ended: Ended, *messages: Message) -> Any:
    """An application that sends some messages and notes how many transactions had ended after each."""
    counts: list[int] = []

    async def app(scope: Scope, receive: Any, send: Any) -> None:
        for message in messages:
            await send(message)
            counts.append(len(ended))

    return app, counts


TRAILERS: Message = {"type": "http.response.trailers", "headers": []}


@pytest.mark.parametrize(
    ("messages", "counts"),
    [
        ([start(), body(b"all")], [0, 1]),
        ([start(), body(b"one", more=True), body()], [0, 0, 1]),
        ([start(), {"type": "http.response.body"}], [0, 1]),
        ([start(), {"type": "http.response.pathsend", "path": "/srv/file"}], [0, 1]),
        ([start(trailers=True), body(b"all"), {**TRAILERS, "more_trailers": True}, TRAILERS], [0, 0, 0, 1]),
        ([start(500), body(b"sorry")], [0, 0]),
        ([start(503), body(b"one", more=True), body()], [0, 0, 0]),
        ([start(499), body(b"sorry")], [0, 1]),
    ],
    ids=["one body", "chunks", "defaults", "pathsend", "trailers", "500", "503 in chunks", "499"],
)
def test_it_ends_with_the_last_message_and_a_5xx_with_the_return(
    messages: list[Message], counts: list[int], run: Run, ended: Ended
) -> None:
    app, seen = ends_after(ended, *messages)
    run(get, ASGITransactionMiddleware(app))
    assert seen == counts
    (only,) = ended
    assert only.status == messages[0]["status"]
    assert only.failed == (only.status >= 500)
    assert not only.disconnected


def test_the_last_message_has_been_sent_before_it_ends(run: Run, ended: Ended) -> None:
    """The clock stops when the server has taken the last byte, however long that takes."""
    seen: list[int] = []

    async def send(message: Message) -> None:
        if message["type"] == "http.response.body":
            await anyio.sleep(0.05)
            seen.append(len(ended))

    run(ASGITransactionMiddleware(hello), http(), Server().receive, send)
    assert seen == [0]
    assert ended[0].duration >= 0.05


def test_the_clock_stops_with_the_last_byte_also_for_a_5xx(run: Run, ended: Ended) -> None:
    async def app(scope: Scope, receive: Any, send: Any) -> None:
        await send(start(500))
        await send(body(b"sorry"))
        sent.append(time.monotonic())
        await anyio.sleep(0.02)

    sent: list[float] = []
    began = time.monotonic()
    run(get, ASGITransactionMiddleware(app))
    assert ended[0].duration <= sent[0] - began


def test_what_runs_after_the_last_byte_does_not_belong(run: Run, ended: Ended) -> None:
    seen: list[Any] = []

    @background_task(name="after")
    async def after() -> None: ...

    async def app(scope: Scope, receive: Any, send: Any) -> None:
        await hello(scope, receive, send)
        seen.append(current_transaction())
        await after()
        await after()
        seen.append(current_transaction())

    run(get, ASGITransactionMiddleware(app))
    assert seen == [None, None]
    assert [t.path for t in ended] == ["WebTransaction/Uri/books"] + ["OtherTransaction/Function/after"] * 2


def test_a_job_around_the_whole_is_found_again_afterwards(run: Run, ended: Ended) -> None:
    """A job that serves a request in process gets neither its name nor its end."""

    @background_task(name="after")
    async def after() -> None: ...

    async def app(scope: Scope, receive: Any, send: Any) -> None:
        await hello(scope, receive, send)
        await after()

    @background_task(name="job")
    async def job() -> str | None:
        await get(ASGITransactionMiddleware(app))
        transaction = current_transaction()
        return transaction and transaction.name

    assert run(job) == "job"
    assert [t.name for t in ended] == ["/books", "after", "job"]


def test_an_exception_before_the_start_is_a_failed_request_with_status_500(run: Run, ended: Ended) -> None:
    async def app(scope: Scope, receive: Any, send: Any) -> None:
        raise LookupError("nothing")

    run(attempt, ASGITransactionMiddleware(app))
    (only,) = ended
    assert (only.failed, only.status, only.apdex, only.disconnected) == (True, 500, "frustrated", False)
    assert [(error.type, error.message) for error in only.errors] == [("builtins:LookupError", "nothing")]


def test_an_exception_half_way_fails_it_and_leaves_the_status_that_was_sent(run: Run, ended: Ended) -> None:
    async def app(scope: Scope, receive: Any, send: Any) -> None:
        await send(start(206))
        await send(body(b"one", more=True))
        raise LookupError("no more")

    run(attempt, ASGITransactionMiddleware(app))
    (only,) = ended
    assert (only.failed, only.status, len(only.errors)) == (True, 206, 1)


def test_the_exception_after_an_error_page_is_recorded_on_the_request(run: Run, ended: Ended) -> None:
    async def app(scope: Scope, receive: Any, send: Any) -> None:
        await send(start(500))
        await send(body(b"sorry"))
        raise LookupError("as Starlette does")

    run(attempt, ASGITransactionMiddleware(app))
    (only,) = ended
    assert (only.failed, only.status) == (True, 500)
    assert [error.type for error in only.errors] == ["builtins:LookupError"]


def test_an_exception_after_a_good_response_is_counted_and_logged_once(
    run: Run, ended: Ended, caplog: pytest.LogCaptureFixture, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def app(scope: Scope, receive: Any, send: Any) -> None:
        await hello(scope, receive, send)
        raise LookupError("in the background")

    store = tmp_path / "store.db"
    monkeypatch.setenv("WEIGHBRIDGE_STORE", str(store))
    with caplog.at_level(logging.WARNING, "weighbridge"):
        for _ in range(3):
            run(attempt, ASGITransactionMiddleware(app, application="shop"))
    assert [(t.failed, t.errors) for t in ended] == [(False, ())] * 3
    assert len([record for record in caplog.records if "LookupError" in record.getMessage()]) == 1
    assert flush()
    with StoreReader.open(store) as reader:
        assert reader.health().lost == {"exceptions after the response (shop)": 3}


@pytest.mark.parametrize(
    ("when", "disconnected"), [("before", True), ("half way", True), ("after", False)], ids=lambda value: str(value)
)
def test_disconnected_means_that_the_application_heard_of_it_in_time(
    when: str, disconnected: bool, run: Run, ended: Ended
) -> None:
    async def app(scope: Scope, receive: Any, send: Any) -> None:
        for moment, message in (("before", start()), ("half way", body(b"one", more=True)), ("", body())):
            if when == moment:
                assert await receive() == DISCONNECT
            await send(message)
        if when == "after":
            assert await receive() == DISCONNECT

    run(Server(DISCONNECT).run, ASGITransactionMiddleware(app), http())
    (only,) = ended
    assert (only.disconnected, only.failed, only.errors) == (disconnected, False, ())


def test_a_disconnect_heard_while_the_last_message_is_under_way_is_none(run: Run, ended: Ended) -> None:
    """Starlette listens while it streams: the end must not depend on who is faster."""

    async def app(scope: Scope, receive: Any, send: Any) -> None:
        await send(start())
        async with anyio.create_task_group() as tasks:
            tasks.start_soon(receive)
            await send(body(b"all"))

    async def main() -> None:
        heard = anyio.Event()

        async def receive() -> Message:
            await last_taken.wait()
            heard.set()
            return DISCONNECT

        async def send(message: Message) -> None:
            if message["type"] == "http.response.body":
                last_taken.set()
                await heard.wait()
                await anyio.sleep(0.01)

        last_taken = anyio.Event()
        await ASGITransactionMiddleware(app)(http(), receive, send)

    run(main)
    assert [t.disconnected for t in ended] == [False]


@pytest.mark.parametrize("messages", [[start()], [start(), body(b"one", more=True)], [start(trailers=True), body()]])
def test_a_return_without_the_last_message_is_disconnected(messages: list[Message], run: Run, ended: Ended) -> None:
    app, _ = ends_after(ended, *messages)
    run(get, ASGITransactionMiddleware(app))
    assert [(t.disconnected, t.failed) for t in ended] == [(True, False)]


def test_a_return_without_any_answer_ends_it(run: Run, ended: Ended) -> None:
    app, _ = ends_after(ended)
    run(get, ASGITransactionMiddleware(app))
    assert [(t.disconnected, t.failed, t.status) for t in ended] == [(False, True, 500)]


def test_a_client_that_goes_away_is_no_error(run: Run, ended: Ended) -> None:
    from starlette.requests import ClientDisconnect, Request

    async def app(scope: Scope, receive: Any, send: Any) -> None:
        with contextlib.suppress(ZeroDivisionError):
            await Request(scope, receive).body()

    server = Server(DISCONNECT)
    run(server.run, ASGITransactionMiddleware(app), http(method="POST"))
    assert server.seen == [("raised", ClientDisconnect, "")]
    assert [(t.disconnected, t.failed, t.errors) for t in ended] == [(True, False, ())]


def test_a_server_that_says_so_when_it_is_sent_to_is_no_error(run: Run, ended: Ended) -> None:
    from uvicorn.protocols.utils import ClientDisconnected

    async def send(message: Message) -> None:
        raise ClientDisconnected

    async def main() -> None:
        with contextlib.suppress(ClientDisconnected):
            await ASGITransactionMiddleware(hello)(http(), Server().receive, send)

    run(main)
    assert [(t.disconnected, t.failed, t.errors) for t in ended] == [(True, False, ())]


async def cancelled_after(*messages: Message) -> None:
    """Serve a request that is cancelled as soon as these messages are out, while its application goes on."""

    async def app(scope: Scope, receive: Any, send: Any) -> None:
        for message in messages:
            await send(message)
        request.cancel()
        await anyio.sleep_forever()

    with anyio.CancelScope() as request:
        await get(ASGITransactionMiddleware(app))
    assert request.cancelled_caught


@pytest.mark.parametrize("messages", [[], [start()], [start(), body(b"one", more=True)]], ids=len)
def test_a_cancelled_request_is_disconnected_and_no_error(messages: list[Message], run: Run, ended: Ended) -> None:
    run(cancelled_after, *messages)
    assert [(t.disconnected, t.failed, t.errors) for t in ended] == [(True, False, ())]


def test_a_request_cancelled_after_its_last_byte_is_not_disconnected(run: Run, ended: Ended) -> None:
    run(cancelled_after, start(), body(b"all"))
    assert [(t.disconnected, t.failed) for t in ended] == [(False, False)]


def test_messages_after_the_end_are_counted_for_nobody(run: Run, ended: Ended) -> None:
    app, _ = ends_after(ended, start(), body(b"all"), start(500), body(b"sorry"))
    run(get, ASGITransactionMiddleware(app))
    assert [(t.status, t.failed) for t in ended] == [(200, False)]


def test_requests_interleaved_on_one_loop_do_not_mix(run: Run, ended: Ended) -> None:
    seen: dict[str, set[str | None]] = {}

    async def app(scope: Scope, receive: Any, send: Any) -> None:
        for message in (start(), body(b"one", more=True), body()):
            transaction = current_transaction()
            seen.setdefault(scope["path"], set()).add(transaction and transaction.name)
            await anyio.lowlevel.checkpoint()
            await send(message)

    async def main() -> None:
        async with anyio.create_task_group() as tasks:
            for number in range(5):
                tasks.start_soon(get, ASGITransactionMiddleware(app), f"/{number}")

    run(main)
    assert seen == {f"/{number}": {f"/{number}"} for number in range(5)}
    assert sorted(t.name for t in ended) == sorted(seen)


def test_the_response_start_is_measured(run: Run, ended: Ended) -> None:
    run(get, ASGITransactionMiddleware(hello))
    started = ended[0].attributes["response.start"]
    assert isinstance(started, float)
    assert 0 < started <= ended[0].duration
    assert flush()


@pytest.mark.parametrize("sent", [(), (start(), body(b"all")), (start(500), body(b"sorry"))])
def test_a_process_that_was_forked_within_a_request_answers_and_records_nothing(
    sent: tuple[Message, ...], run: Run, ended: Ended
) -> None:
    async def app(scope: Scope, receive: Any, send: Any) -> None:
        handoff.reset_after_fork()  # what happens in the child
        for message in sent:
            await send(message)

    server = run(get, ASGITransactionMiddleware(app))
    assert tuple(message for kind, message in server.seen if kind == "send") == sent
    assert ended == []
    assert current_transaction() is None
