"""A WSGI application and its server see the same with the middleware between them as without it."""

from __future__ import annotations

import abc
import sys
from collections.abc import Callable, Iterator
from typing import Any
from wsgiref.validate import validator

import pytest

from weighbridge import FinishedTransaction, WSGIApplicationWrapper, wsgi_application
from weighbridge.middleware import WSGITransactionMiddleware

from .wsgi_helpers import PLAIN, Server, get, hello, linted, request


class Chunks:
    """A body with ``close()``, which notes what is done to it."""

    def __init__(self, *chunks: bytes, log: list[str] | None = None) -> None:
        self.chunks = iter(chunks)
        self.log = [] if log is None else log

    def __iter__(self) -> Iterator[bytes]:
        self.log.append("iter")
        return self

    def __next__(self) -> bytes:
        self.log.append("next")
        return next(self.chunks)

    def close(self) -> None:
        self.log.append("close")


class Sized:
    """A body that is false, and whose length is nobody's business."""

    def __bool__(self) -> bool:
        return False

    def __iter__(self) -> Iterator[bytes]:
        return iter([b"not", b"empty"])


class Refusing(Sized):
    def __bool__(self) -> bool:
        raise TypeError("ask somebody else")


def a_list(environ: Any, start: Any) -> Any:
    start("200 OK", PLAIN)
    return [b"one", b"two"]


def a_tuple(environ: Any, start: Any) -> Any:
    start("200 OK", PLAIN)
    return b"one", b"two"


def nothing(environ: Any, start: Any) -> Any:
    start("204 No Content", [])
    return []


def a_generator(environ: Any, start: Any) -> Any:
    start("200 OK", PLAIN)
    yield b"one"
    yield b""
    yield b"two"


def starting_late(environ: Any, start: Any) -> Any:
    """``start_response`` at the last possible moment."""
    start("200 OK", PLAIN)
    yield b"late"


def an_empty_generator(environ: Any, start: Any) -> Any:
    start("200 OK", PLAIN)
    yield from ()


def with_close(environ: Any, start: Any) -> Any:
    start("200 OK", PLAIN)
    return Chunks(b"one", b"two")


def false_body(environ: Any, start: Any) -> Any:
    start("200 OK", PLAIN)
    return Sized()


def refusing_body(environ: Any, start: Any) -> Any:
    start("200 OK", PLAIN)
    return Refusing()


def writing(environ: Any, start: Any) -> Any:
    write = start("200 OK", PLAIN)
    write(b"written")
    write(b"again")
    return [b"and returned"]


def replacing_the_answer(environ: Any, start: Any) -> Any:
    start("200 OK", PLAIN)
    try:
        raise ValueError("half way")
    except ValueError:
        start("500 Oops", PLAIN, sys.exc_info())
    return [b"sorry"]


def raising(environ: Any, start: Any) -> Any:
    raise ValueError("before the start")


def raising_after_the_start(environ: Any, start: Any) -> Any:
    start("200 OK", PLAIN)
    raise ValueError("after the start")


def raising_in_the_body(environ: Any, start: Any) -> Any:
    start("200 OK", PLAIN)
    yield b"one"
    raise ValueError("in the body")


class BrokenIter(Chunks):
    def __iter__(self) -> Iterator[bytes]:
        raise ValueError("no iterator today")


class BrokenClose(Chunks):
    def close(self) -> None:
        raise ValueError("does not close")


def raising_in_iter(environ: Any, start: Any) -> Any:
    start("200 OK", PLAIN)
    return BrokenIter()


def raising_in_close(environ: Any, start: Any) -> Any:
    start("200 OK", PLAIN)
    return BrokenClose(b"one")


CORPUS = [
    a_list, a_tuple, nothing, a_generator, starting_late, an_empty_generator, with_close, false_body, refusing_body,
    writing, replacing_the_answer, raising, raising_after_the_start, raising_in_the_body, raising_in_iter,
    raising_in_close,
]  # fmt: skip


@pytest.mark.parametrize("method", ["GET", "HEAD", "POST"])
@pytest.mark.parametrize("app", CORPUS)
def test_the_server_sees_the_same(app: Callable[..., Any], method: str, ended: list[FinishedTransaction]) -> None:
    bare = Server().run(app, request(method))
    measured = Server().run(WSGITransactionMiddleware(app), request(method))
    without_close = [event for event in measured if event != ("close",) or event in bare]
    assert without_close == bare
    assert len(ended) == 1


@pytest.mark.parametrize("method", ["GET", "HEAD", "POST"])
@pytest.mark.parametrize("app", [app for app in CORPUS if not app.__name__.startswith("rais")])
def test_strict_judges_on_both_sides_find_nothing(
    app: Callable[..., Any], method: str, ended: list[FinishedTransaction], capsys: pytest.CaptureFixture[str]
) -> None:
    with_judges = Server().run(linted(app), request(method))
    assert [e for e in with_judges if e[0] == "chunk"] == [
        e for e in Server().run(validator(app), request(method)) if e[0] == "chunk"
    ]
    assert not [event for event in with_judges if event[0] == "raised"]
    assert len(ended) == 1
    assert capsys.readouterr().err == ""


@pytest.mark.parametrize("body", [[b"one"], [], (b"one", b"two"), ()])
def test_a_list_or_tuple_is_handed_on_as_the_same_object(body: Any) -> None:
    def app(environ: Any, start: Any) -> Any:
        start("200 OK", PLAIN)
        return body

    assert WSGITransactionMiddleware(app)(request(), Server().start_response) is body


class FileWrapper:
    """What a server offers for files."""

    def __init__(self, file: Any, size: int = 8192) -> None:
        self.file, self.size = file, size

    def __iter__(self) -> Iterator[bytes]:
        return iter(self.file)


class FileWrapperWithMetaclass(FileWrapper, metaclass=abc.ABCMeta):
    """Nobody says that its type is ``type``."""


class Readable:
    def read(self, size: int = -1) -> bytes:
        return b""

    def __iter__(self) -> Iterator[bytes]:
        return iter([b"chunk"])


@pytest.mark.parametrize(
    ("wrapper", "body"),
    [
        (FileWrapper, FileWrapper([b"x"])),
        (FileWrapperWithMetaclass, FileWrapperWithMetaclass([b"x"])),
        (lambda file, size=1: Readable(), Readable()),
    ],
    ids=["class", "class with a metaclass", "plain callable"],
)
def test_a_file_wrapper_is_handed_on_as_the_same_object(
    wrapper: Any, body: Any, ended: list[FinishedTransaction]
) -> None:
    def app(environ: Any, start: Any) -> Any:
        start("200 OK", PLAIN)
        return body

    environ = request(**{"wsgi.file_wrapper": wrapper})
    assert WSGITransactionMiddleware(app)(environ, Server().start_response) is body
    assert [transaction.disconnected for transaction in ended] == [False]


@pytest.mark.parametrize(
    ("wrapper", "body"),
    [(FileWrapper, Readable()), (None, Readable()), (lambda file: file, (chunk for chunk in [b"x"]))],
    ids=["not of the class", "no wrapper", "generator"],
)
def test_what_is_no_file_wrapper_is_measured_to_its_end(
    wrapper: Any, body: Any, ended: list[FinishedTransaction]
) -> None:
    def app(environ: Any, start: Any) -> Any:
        start("200 OK", PLAIN)
        return body

    environ = request()
    if wrapper is not None:
        environ["wsgi.file_wrapper"] = wrapper
    given = WSGITransactionMiddleware(app)(environ, Server().start_response)
    assert ended == []
    assert list(given) in ([b"chunk"], [b"x"])
    assert len(ended) == 1


def test_start_response_is_not_called_before_the_first_chunk_is_asked_for() -> None:
    server = Server()
    body = WSGITransactionMiddleware(starting_late)(request(), server.start_response)
    assert server.seen == []
    chunks = iter(body)
    assert server.seen == []
    assert next(chunks) == b"late"
    assert [event[0] for event in server.seen] == ["start"]
    assert list(chunks) == []


def test_one_chunk_of_the_application_is_one_chunk_for_the_server() -> None:
    server = get(WSGITransactionMiddleware(a_generator))
    assert [event[1] for event in server.seen if event[0] == "chunk"] == [b"one", b"", b"two"]


def test_start_response_may_be_called_with_names() -> None:
    def app(environ: Any, start: Any) -> Any:
        try:
            raise ValueError("oops")
        except ValueError:
            start(status="500 Oops", headers=PLAIN, exc_info=sys.exc_info())
        return [b"sorry"]

    assert Server().run(WSGITransactionMiddleware(app), request()) == Server().run(app, request())


def test_the_same_exception_leaves() -> None:
    error = ValueError("mine")

    def app(environ: Any, start: Any) -> Any:
        raise error

    with pytest.raises(ValueError, match="mine") as caught:
        get(WSGITransactionMiddleware(app))
    assert caught.value is error
    assert error.__context__ is None
    assert error.__cause__ is None


def test_the_same_exception_leaves_the_body() -> None:
    error = ValueError("mine")

    def app(environ: Any, start: Any) -> Any:
        start("200 OK", PLAIN)
        yield b"one"
        raise error

    with pytest.raises(ValueError, match="mine") as caught:
        get(WSGITransactionMiddleware(app))
    assert caught.value is error
    assert error.__context__ is None


def test_an_exception_of_the_server_reaches_the_application() -> None:
    """``start_response`` raises what it was given once headers are sent: PEP 3333 wants it to pass through."""
    seen: list[BaseException] = []

    def start_response(status: str, headers: Any, exc_info: Any = None) -> Any:
        if exc_info is not None:
            raise exc_info[1].with_traceback(exc_info[2])
        return lambda data: None

    def app(environ: Any, start: Any) -> Any:
        start("200 OK", PLAIN)
        yield b"one"
        try:
            raise ValueError("too late")
        except ValueError as error:
            seen.append(error)
            start("500 Oops", PLAIN, sys.exc_info())

    with pytest.raises(ValueError, match="too late") as caught:
        list(WSGITransactionMiddleware(app)(request(), start_response))
    assert caught.value is seen[0]


@pytest.mark.parametrize("times", [0, 1, 2, 3])
@pytest.mark.parametrize("steps", [0, 1, 9])
def test_close_is_called_as_often_as_the_server_calls_it(times: int, steps: int) -> None:
    log: list[str] = []

    def app(environ: Any, start: Any) -> Any:
        start("200 OK", PLAIN)
        return Chunks(b"one", b"two", log=log)

    body: Any = WSGITransactionMiddleware(app)(request(), Server().start_response)
    for _ in zip(range(steps), body, strict=False):
        pass
    assert "close" not in log
    for _ in range(times):
        body.close()
    assert log.count("close") == times
    del body
    assert log.count("close") == times


def test_a_body_without_close_can_be_closed() -> None:
    def app(environ: Any, start: Any) -> Any:
        start("200 OK", PLAIN)
        return iter([b"one"])

    body: Any = WSGITransactionMiddleware(app)(request(), Server().start_response)
    body.close()


def test_a_body_can_be_iterated_as_often_as_the_application_allows() -> None:
    def app(environ: Any, start: Any) -> Any:
        start("200 OK", PLAIN)
        return Sized()

    body = WSGITransactionMiddleware(app)(request(), Server().start_response)
    assert list(body) == [b"not", b"empty"]
    assert list(body) == [b"not", b"empty"]


def test_the_environ_is_the_very_same_and_unchanged() -> None:
    seen: list[Any] = []

    def app(environ: Any, start: Any) -> Any:
        seen.append((environ, dict(environ)))
        return hello(environ, start)

    environ = request(**{"newrelic.set_background_task": True})
    before = dict(environ)
    list(WSGITransactionMiddleware(app)(environ, Server().start_response))
    assert seen[0][0] is environ
    assert seen[0][1] == before
    assert environ == before


def test_a_websocket_request_is_not_measured(ended: list[FinishedTransaction]) -> None:
    for spelling in ("websocket", "WebSocket", "h2c, websocket"):
        get(WSGITransactionMiddleware(hello), HTTP_UPGRADE=spelling)
    assert ended == []
    get(WSGITransactionMiddleware(hello), HTTP_UPGRADE="h2c")
    assert len(ended) == 1


def test_attributes_of_the_application_are_found_behind_the_middleware() -> None:
    class Application:
        title = "shop"

        def __call__(self, environ: Any, start: Any) -> Any:
            return hello(environ, start)

    middleware = WSGIApplicationWrapper(Application())
    assert middleware.title == "shop"
    assert isinstance(middleware.__wrapped__, Application)
    with pytest.raises(AttributeError):
        middleware.price  # noqa: B018


def test_a_method_behind_the_middleware_binds_to_its_instance(ended: list[FinishedTransaction]) -> None:
    class Site:
        greeting = b"hello"

        @wsgi_application()
        def application(self, environ: Any, start: Any) -> Any:
            start("200 OK", PLAIN)
            return [self.greeting]

    assert ("chunk", b"hello") in get(Site().application).seen
    assert len(ended) == 1
