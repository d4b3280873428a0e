"""Only type-checked, never run: what the public names promise to mypy and pyright."""

from __future__ import annotations

from collections.abc import AsyncIterator, Awaitable, Callable, Generator, Iterator, MutableMapping
from functools import cached_property, partial, partialmethod, singledispatchmethod
from typing import TYPE_CHECKING, Any, TypedDict

from typing_extensions import assert_type

import weighbridge
from weighbridge import (
    Application,
    BackgroundTask,
    BackgroundTaskWrapper,
    FinishedTransaction,
    Transaction,
    TransactionNameWrapper,
    WebTransaction,
    WebTransactionWrapper,
    background_task,
    transaction_name,
    web_transaction,
)
from weighbridge.middleware import ASGITransactionMiddleware, WSGITransactionMiddleware
from weighbridge.testing import capture_transactions

if TYPE_CHECKING:
    from _typeshed.wsgi import StartResponse, WSGIApplication, WSGIEnvironment

# Decorators keep signatures


@background_task
def bare(value: int, *, key: str = "") -> bytes:
    return b""


@background_task(name="named", group="Python/Group", application="shop")
def with_arguments(value: int) -> str:
    return ""


@background_task(name=lambda value: str(value))
async def coroutine(value: int) -> str:
    return ""


@web_transaction(request_path="/feed", port=80, headers={"X-Request-Start": "t=1"})
def generator(value: int) -> Iterator[str]:
    yield ""


@web_transaction
async def async_generator(value: int) -> AsyncIterator[str]:
    yield ""


@transaction_name(priority=2)
def renamed(value: int) -> str:
    return ""


@background_task(name="made")
class Made:
    def __init__(self, value: int) -> None:
        self.value = value


class Holder:
    @background_task  # type: ignore[prop-decorator]
    @cached_property
    def cached(self) -> int:
        return 1

    @web_transaction()
    @singledispatchmethod
    def dispatched(self, value: int) -> str:
        return ""

    bound: partialmethod[str] = background_task(partialmethod(dispatched, 1))

    @background_task
    def method(self, value: int) -> str:
        return ""

    @classmethod
    @background_task(name=lambda cls, value: str(cls))
    def of_class(cls, value: int) -> str:
        return ""

    @staticmethod
    @web_transaction()
    def of_none(value: int) -> str:
        return ""


def plain(value: int) -> str:
    return ""


def calls() -> None:
    assert_type(bare(1, key="x"), bytes)
    assert_type(with_arguments(1), str)
    assert_type(generator(1), Iterator[str])
    assert_type(async_generator(1), AsyncIterator[str])
    assert_type(renamed(1), str)
    assert_type(Made(1).value, int)
    assert_type(Holder().method(1), str)
    assert_type(Holder().cached, int)
    assert_type(Holder().dispatched(1), str)
    assert_type(Holder.of_class(1), str)
    assert_type(Holder.of_none(1), str)
    assert_type(BackgroundTaskWrapper(plain, name="x")(1), str)
    assert_type(WebTransactionWrapper(plain)(1), str)
    assert_type(TransactionNameWrapper(plain)(1), str)
    assert_type(BackgroundTaskWrapper(partial(plain, 1))(), str)
    assert_type(weighbridge.wrap_background_task("shop.jobs", "Importer.run", name=str), None)


async def awaited() -> None:
    assert_type(await coroutine(1), str)
    kept: Callable[[int], Awaitable[str]] = coroutine
    assert_type(await kept(1), str)


def refused() -> None:
    bare("text")  # type: ignore[arg-type]  # pyright: ignore[reportArgumentType]
    with_arguments()  # type: ignore[call-arg]  # pyright: ignore[reportCallIssue]
    Holder().method("text")  # type: ignore[arg-type]  # pyright: ignore[reportArgumentType]
    background_task(name=7)  # type: ignore[call-overload]  # pyright: ignore[reportArgumentType, reportCallIssue]
    BackgroundTaskWrapper(7)  # type: ignore[type-var]  # pyright: ignore[reportArgumentType]


# Blocks


def blocks() -> None:
    with BackgroundTask(name="block") as transaction:
        assert_type(transaction, Transaction | None)
    with WebTransaction(request_path="/feed", request_method="GET") as transaction:
        assert_type(transaction, Transaction | None)


async def async_blocks() -> None:
    async with BackgroundTask(application="shop") as transaction:
        assert_type(transaction, Transaction | None)


def blocks_swallow_no_exception() -> int:
    with BackgroundTask():
        return 1


# The current transaction


def current() -> None:
    transaction = weighbridge.current_transaction(active_only=False)
    assert_type(transaction, Transaction | None)
    if transaction is not None:
        assert_type(transaction.application, Application)
        assert_type(transaction.name, str)
        assert_type(transaction.path, str)
        assert_type(transaction.started, float)
        if transaction.kind == "web":
            return
        background: str = transaction.kind
        assert background
    assert_type(weighbridge.add_custom_attribute("key", 1), bool)
    assert_type(weighbridge.add_custom_attributes({"key": 1}), bool)
    assert_type(weighbridge.add_custom_attributes([("key", 1)]), bool)
    weighbridge.set_transaction_name("name", "Group", priority=2)
    weighbridge.notice_error()
    weighbridge.notice_error(ValueError(), expected=True, ignore=["builtins:KeyError"], status_code=500)


def applications() -> None:
    assert_type(weighbridge.application("a;b"), Application)
    assert_type(weighbridge.application().linked, tuple[str, ...])
    assert_type(weighbridge.callable_name(plain), str)
    assert_type(weighbridge.flush(timeout=1.0), bool)
    assert_type(weighbridge.__version__, str)
    weighbridge.preload()


def captured() -> Generator[FinishedTransaction, None, None]:
    with capture_transactions() as finished:
        pass
    assert_type(finished[0], FinishedTransaction)
    assert_type(finished[0].duration, float)
    assert_type(finished[0].status, int | None)
    yield from finished


# The middleware


def wsgi_app(environ: WSGIEnvironment, start_response: StartResponse) -> list[bytes]:
    return []


async def asgi_app(scope: Any, receive: Any, send: Any) -> None:
    return None


class TypedScope(TypedDict):
    type: str
    path: str


async def typed_app(
    scope: TypedScope, receive: Callable[[], Awaitable[TypedScope]], send: Callable[[TypedScope], Awaitable[None]]
) -> None:
    return None


def double_callable(scope: TypedScope) -> Callable[[Any, Any], Awaitable[None]]:
    raise NotImplementedError


def take_as_starlette_does(app: Callable[[MutableMapping[str, Any], Any, Any], Awaitable[None]]) -> None:
    pass


def serve_as_hypercorn_does(app: Callable[[TypedScope, Any, Any], Awaitable[None]]) -> None:
    pass


def middlewares() -> None:
    wsgi: WSGIApplication = WSGITransactionMiddleware(wsgi_app, application="shop", name="name", group="Group")
    served: list[WSGIApplication] = [wsgi, WSGITransactionMiddleware(wsgi)]
    assert_type(served, "list[WSGIApplication]")
    assert_type(ASGITransactionMiddleware(asgi_app), ASGITransactionMiddleware)
    assert_type(ASGITransactionMiddleware(double_callable), ASGITransactionMiddleware)
    take_as_starlette_does(ASGITransactionMiddleware(asgi_app))
    serve_as_hypercorn_does(ASGITransactionMiddleware(typed_app))
