"""When a WSGI request's transaction ends, and what it is current for: the table of bodies, row by row."""

from __future__ import annotations

import gc
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest

from weighbridge import FinishedTransaction, background_task, current_transaction
from weighbridge.middleware import WSGITransactionMiddleware
from weighbridge.transactions.context.current import current

from .wsgi_helpers import PLAIN, Server, attempt, get, hello, request

Ended = list[FinishedTransaction]


def answering(body: Callable[[], Any], headers: Any = PLAIN) -> Any:
    """An application behind the middleware whose body is made by a function."""

    def app(environ: Any, start: Any) -> Any:
        start("200 OK", list(headers))
        return body()

    return WSGITransactionMiddleware(app)


def begun(app: Any, path: str = "/books", **environ: Any) -> Any:
    """The body of a response that the server has not begun to read."""
    return app(request(path=path, **environ), Server().start_response)


class Body:
    """A body that notes which transaction is current in each of its steps."""

    def __init__(self, *chunks: bytes) -> None:
        self.chunks = iter(chunks)
        self.seen: list[tuple[str, str | None]] = []

    def note(self, step: str) -> None:
        transaction = current_transaction()
        self.seen.append((step, transaction and transaction.path))

    def __iter__(self) -> Iterator[bytes]:
        self.note("iter")
        return self

    def __next__(self) -> bytes:
        self.note("next")
        return next(self.chunks)

    def close(self) -> None:
        self.note("close")


@pytest.mark.parametrize("body", [[b"one"], [], (b"one",)])
def test_a_list_or_tuple_ends_it_at_the_return(body: Any, ended: Ended) -> None:
    begun(answering(lambda: body))
    assert [(t.path, t.status, t.disconnected) for t in ended] == [("WebTransaction/Uri/books", 200, False)]
    assert current_transaction() is None


def test_any_other_body_ends_it_with_its_last_byte(ended: Ended) -> None:
    body = Body(b"one", b"two")
    chunks = iter(begun(answering(lambda: body)))
    assert next(chunks) == b"one"
    assert next(chunks) == b"two"
    assert ended == []
    assert list(chunks) == []
    assert len(ended) == 1
    assert not ended[0].disconnected
    assert not ended[0].failed


def test_a_subclass_of_list_is_measured_to_its_end(ended: Ended) -> None:
    class Lines(list[bytes]):
        pass

    body = begun(answering(lambda: Lines([b"one"])))
    assert ended == []
    assert list(body) == [b"one"]
    assert len(ended) == 1


def test_every_step_of_the_body_runs_in_the_transaction_and_nothing_else_does(ended: Ended) -> None:
    body = Body(b"one", b"two")
    measured = begun(answering(lambda: body))
    assert current_transaction() is None
    for _ in measured:
        assert current_transaction() is None
    inside = "WebTransaction/Uri/books"
    assert body.seen == [("iter", inside), ("next", inside), ("next", inside), ("next", inside)]
    measured.close()
    assert body.seen[-1] == ("close", None)  # after the last byte: outside


def test_closed_earlier_it_ends_after_the_applications_own_cleanup(ended: Ended) -> None:
    body = Body(b"one", b"two")
    measured = begun(answering(lambda: body))
    next(iter(measured))
    assert ended == []
    measured.close()
    assert body.seen[-1] == ("close", "WebTransaction/Uri/books")
    assert [t.disconnected for t in ended] == [True]
    measured.close()
    assert len(ended) == 1


def test_closed_without_having_been_iterated_it_ends_disconnected(ended: Ended) -> None:
    body = Body(b"one")
    begun(answering(lambda: body)).close()
    assert [step for step, _ in body.seen] == ["close"]
    assert [(t.disconnected, t.failed) for t in ended] == [(True, False)]


def test_closed_when_all_that_was_announced_is_out_it_is_not_disconnected(ended: Ended) -> None:
    """A server may count the bytes itself and never ask for the end."""
    measured = begun(answering(lambda: Body(b"one", b"two"), [*PLAIN, ("Content-Length", "6")]))
    chunks = iter(measured)
    assert next(chunks) + next(chunks) == b"onetwo"
    measured.close()
    assert [t.disconnected for t in ended] == [False]


def test_dropped_it_ends_when_it_is_collected_after_the_applications_own_cleanup(ended: Ended) -> None:
    seen: list[Any] = []

    def chunks() -> Iterator[bytes]:
        try:
            yield b"one"
            yield b"two"
        finally:
            transaction = current_transaction()
            seen.append((transaction and transaction.path, len(ended)))

    gc.disable()
    try:
        measured = begun(answering(chunks))
        assert next(iter(measured)) == b"one"
        assert ended == []
        del measured
        assert len(ended) == 1
    finally:
        gc.enable()
    assert seen == [("WebTransaction/Uri/books", 0)]
    assert current_transaction() is None


def test_an_exception_in_the_body_ends_it_failed(ended: Ended) -> None:
    def chunks() -> Iterator[bytes]:
        yield b"one"
        raise LookupError("no more")

    measured = begun(answering(chunks))
    with pytest.raises(LookupError):
        list(measured)
    measured.close()
    (only,) = ended
    assert [error.type for error in only.errors] == ["builtins:LookupError"]
    assert (only.failed, only.status, only.disconnected) == (True, 200, False)


def test_an_exception_before_the_first_byte_is_a_status_500(ended: Ended) -> None:
    def chunks() -> Iterator[bytes]:
        raise LookupError("nothing")
        yield b""

    measured = begun(answering(chunks))
    with pytest.raises(LookupError):
        list(measured)
    assert [(t.failed, t.status) for t in ended] == [(True, 500)]


def test_an_exception_in_iter_ends_it_failed_and_not_disconnected(ended: Ended) -> None:
    class Broken(Body):
        def __iter__(self) -> Iterator[bytes]:
            raise LookupError("not today")

    measured = begun(answering(Broken))
    with pytest.raises(LookupError):
        list(measured)
    measured.close()
    assert [(t.failed, t.disconnected) for t in ended] == [(True, False)]


def test_an_exception_in_an_early_close_fails_it(ended: Ended) -> None:
    class Broken(Body):
        def close(self) -> None:
            raise LookupError("does not close")

    measured = begun(answering(lambda: Broken(b"one")))
    with pytest.raises(LookupError):
        measured.close()
    assert [(t.failed, t.disconnected) for t in ended] == [(True, True)]


def test_an_exception_instead_of_an_answer_is_a_failed_request_with_status_500(ended: Ended) -> None:
    def app(environ: Any, start: Any) -> Any:
        raise LookupError("nothing")

    attempt(WSGITransactionMiddleware(app))
    (only,) = ended
    assert (only.failed, only.status, only.apdex) == (True, 500, "frustrated")
    assert [(error.type, error.message) for error in only.errors] == [("builtins:LookupError", "nothing")]


def test_a_half_consumed_body_never_swallows_the_next_request_on_that_thread(ended: Ended) -> None:
    middleware = answering(lambda: Body(b"one", b"two"))
    first = begun(middleware, "/first")
    next(iter(first))
    get(middleware, "/second")
    assert [t.path for t in ended] == ["WebTransaction/Uri/second"]
    first.close()
    assert [t.path for t in ended] == ["WebTransaction/Uri/second", "WebTransaction/Uri/first"]


def test_two_bodies_read_in_turns_are_two_transactions(ended: Ended) -> None:
    bodies = {"/a": Body(b"1", b"2"), "/b": Body(b"1", b"2")}
    middleware = WSGITransactionMiddleware(
        lambda environ, start: start("200 OK", PLAIN) and bodies[environ["PATH_INFO"]]
    )
    for _ in zip(begun(middleware, "/a"), begun(middleware, "/b"), strict=False):
        pass
    for path, body in bodies.items():
        assert {inside for _, inside in body.seen} == {f"WebTransaction/Uri{path}"}


def test_a_thread_that_only_began_a_response_is_free_for_other_requests(ended: Ended) -> None:
    """Tornado calls the application in one thread of a pool, and takes each chunk in any of them."""
    middleware = answering(lambda: Body(b"one", b"two"))
    with ThreadPoolExecutor(1) as one, ThreadPoolExecutor(1) as other:
        chunks = iter(one.submit(begun, middleware, "/first").result())
        assert other.submit(next, chunks).result() == b"one"
        assert one.submit(current_transaction).result() is None
        one.submit(background_task(name="job")(int)).result()
        one.submit(get, middleware, "/second").result()
        assert other.submit(list, chunks).result() == [b"two"]
        one.submit(get, middleware, "/third").result()
        assert other.submit(current.get).result() is one.submit(current.get).result() is None
    assert [t.path for t in ended] == [
        "OtherTransaction/Function/job",
        *(f"WebTransaction/Uri/{name}" for name in ("second", "first", "third")),
    ]


def test_in_a_step_that_is_taken_in_another_thread_it_is_current(ended: Ended) -> None:
    body = Body(b"one", b"two")
    chunks = iter(begun(answering(lambda: body)))
    for _ in range(3):
        with ThreadPoolExecutor(1) as another:
            another.submit(next, chunks, None).result()
    assert {inside for _, inside in body.seen} == {"WebTransaction/Uri/books"}
    assert [t.path for t in ended] == ["WebTransaction/Uri/books"]
    get(WSGITransactionMiddleware(hello))
    assert current.get() is None


def test_a_job_called_in_a_body_makes_the_request_a_background_transaction(ended: Ended) -> None:
    @background_task(name="export")
    def export() -> bytes:
        return b"line"

    get(answering(lambda: (export() for _ in range(2))))
    assert [t.path for t in ended] == ["OtherTransaction/Function/export"]


def test_a_job_called_after_the_last_byte_is_a_transaction_of_its_own(ended: Ended) -> None:
    @background_task(name="cleanup")
    def cleanup() -> None: ...

    class Cleaning(Body):
        def close(self) -> None:
            cleanup()

    get(answering(lambda: Cleaning(b"one")))
    assert [t.path for t in ended] == ["WebTransaction/Uri/books", "OtherTransaction/Function/cleanup"]


def test_the_clock_runs_to_the_last_byte_and_no_further(ended: Ended) -> None:
    class Slow(Body):
        def __next__(self) -> bytes:
            time.sleep(0.02)
            return super().__next__()

        def close(self) -> None:
            closing.append(time.monotonic())
            time.sleep(0.02)

    closing: list[float] = []
    began = time.monotonic()
    get(answering(lambda: Slow(b"one", b"two")))
    assert 0.06 <= ended[0].duration <= closing[0] - began


@pytest.mark.parametrize("steps", [0, 1])
def test_a_response_in_another_thread_than_the_application_ran_in(steps: int, ended: Ended) -> None:
    from threading import Thread

    body = Body(b"one", b"two")
    measured = begun(answering(lambda: body))
    for _ in zip(range(steps), measured, strict=False):
        pass
    thread = Thread(target=lambda: (list(measured), measured.close()))
    thread.start()
    thread.join()
    assert len(ended) == 1
    assert {inside for step, inside in body.seen if step == "next"} == {"WebTransaction/Uri/books"}
    assert current_transaction() is None


def test_the_response_start_is_measured(ended: Ended) -> None:
    get(WSGITransactionMiddleware(hello))
    started = ended[0].attributes["response.start"]
    assert isinstance(started, float)
    assert 0 < started <= ended[0].duration
