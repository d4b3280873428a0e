"""The middleware for Django's list of middleware, its transaction and the streams that it returns.

Inside Django's list, the route and the response are at hand as objects, under
WSGI and ASGI alike; in front of Django neither is.
"""

from __future__ import annotations

from collections import ChainMap
from collections.abc import AsyncIterator, Callable, Iterator, Mapping
from functools import partial
from importlib import import_module
from typing import Any, ClassVar, cast

from ..transactions.context.current import current, detach, get_active, get_current
from ..transactions.context.finalizers import Guard, release
from ..transactions.context.lifetime import Mark, attach_step, begin, detach_step, recover, undo_begin
from ..transactions.log import capture_internal_exception
from ..transactions.model.clock import monotonic
from ..transactions.model.errors import is_error
from ..transactions.model.identity import intern_identity
from ..transactions.model.process_state import process_state
from ..transactions.model.request import NO_ROUTE, RequestTransaction
from ..transactions.wrappers.web import join_outer
from .django_routes import django_names_its_requests, note_django_route
from .framework_signals import listen_to_frameworks
from .request import MiddlewareTransaction
from .request_keys import is_enabled
from .shutdown import listen_for_the_end
from .wsgi import WSGITransaction

__all__ = ["DjangoTransactionMiddleware"]

Request = Any
"""Django's ``HttpRequest``; Django comes without types."""


class DjangoTransactionMiddleware:
    """Measures every request to a Django project, under WSGI and ASGI alike, and names it by its route.

    List it first, so that the other middleware are measured too; ``wsgi.py`` and
    ``asgi.py`` stay as they are:

        MIDDLEWARE = ["weighbridge.middleware.DjangoTransactionMiddleware", ...]

    A transaction ends when the response is closed or its stream is exhausted. If
    something in front of Django measures the request already (a
    `WSGITransactionMiddleware` around the handler), this one only names that
    transaction. Per-request keys are read from ``request.META`` and, under ASGI,
    from the scope.

    Args:
        get_response: the rest of the chain, sync or async, as passed by Django.
    """

    sync_capable: ClassVar[bool] = True
    async_capable: ClassVar[bool] = True

    def __init__(self, get_response: Callable[[Request], Any]) -> None:
        self.get_response = get_response
        self._forced_mount = import_module("django.conf").settings.FORCE_SCRIPT_NAME is not None
        self._listening = False
        self._asynchronous = _made_asynchronous(self, get_response)
        self.process_view: Callable[..., Any] = self._view_async if self._asynchronous else self._view
        django_names_its_requests()
        listen_to_frameworks()

    def __call__(self, request: Request) -> Any:
        """Return the response; a coroutine if the rest of the chain is async."""
        if self._asynchronous:
            return self._answer_async(request)
        mark: Mark = []
        transaction = _opened(request, mark)
        if transaction is None:
            return self.get_response(request)
        try:
            try:
                response = self.get_response(request)
            except BaseException as exception:
                transaction._left_unanswered(exception)
                raise
            transaction._responds(response, mark)
        except BaseException:
            recover(transaction)
            raise
        return response

    async def _answer_async(self, request: Request) -> Any:
        if not self._listening:
            self._listening = True
            listen_for_the_end()  # Django does not handle the lifespan, which would tell of the shutdown
        mark: Mark = []
        transaction = _opened(request, mark)
        if transaction is None:
            return await self.get_response(request)
        try:
            try:
                response = await self.get_response(request)
            except BaseException as exception:
                transaction._left_unanswered(exception)
                raise
            transaction._responds(response, mark)
        except BaseException:
            recover(transaction)
            raise
        return response

    def _view(self, request: Request, *view: Any) -> None:
        """Note the route, which is known just before the view is called. Never raises."""
        try:
            transaction = get_active()
            if isinstance(transaction, RequestTransaction) and request.resolver_match is not None:
                mount = "" if self._forced_mount else request.META.get("SCRIPT_NAME", "")
                note_django_route(transaction, request.resolver_match, mount)
        except Exception:
            capture_internal_exception("DjangoTransactionMiddleware.process_view")

    async def _view_async(self, request: Request, *view: Any) -> None:
        """Do as `_view` in an async chain: Django would call a plain function in another thread."""
        self._view(request)


def _made_asynchronous(middleware: object, get_response: Callable[..., Any]) -> bool:
    """Mark the middleware as async if the chain is, as Django expects; return whether it is."""
    from asgiref.sync import iscoroutinefunction, markcoroutinefunction  # noqa: PLC0415  imports asyncio, as Django did

    if not iscoroutinefunction(get_response):
        return False
    markcoroutinefunction(middleware)  # type: ignore[type-var]
    return True


def _opened(request: Request, mark: Mark) -> DjangoTransaction | None:
    """Open the transaction of a request and make it current; ``None`` if there is none to open here."""
    transaction, before = None, current.get()
    try:
        scope = getattr(request, "scope", None)
        request_info: Mapping[str, Any] = request.META if scope is None else ChainMap(request.META, scope)
        if is_enabled(request_info, process_state.prepare()) and not _joins(request):
            transaction = DjangoTransaction._of(request, request_info)
            begin(transaction, intern_identity(process_state.application, False, None), mark)
            transaction._apply_special()
    except BaseException:
        undo_begin(transaction, before)
        capture_internal_exception("DjangoTransactionMiddleware")
        return None
    return transaction


def _joins(request: Request) -> bool:
    """Whether something in front measures the request already; let that read the keys in ``META`` too."""
    owner = join_outer(None) if get_current() is not None else None
    if isinstance(owner, MiddlewareTransaction) and not owner._is_finished and owner._request is not request.META:
        owner._request = ChainMap(request.META, cast("dict[str, Any]", owner._request))
    return owner is not None


class DjangoTransaction(WSGITransaction):
    """The transaction of a request that nothing in front of Django measures. ``META`` serves as its environ."""

    __slots__ = ()

    @classmethod
    def _of(cls, request: Request, request_info: Mapping[str, Any]) -> DjangoTransaction:
        """Make the transaction of a request; it is neither open nor current yet."""
        mount = request.META.get("SCRIPT_NAME", "")
        transaction = cls()
        transaction._request = request_info
        transaction._server = None
        transaction._sent = 0
        transaction._paused = False
        transaction._set_request(request.method, request.path, mount)
        transaction._route = NO_ROUTE
        transaction._handled_by = ()
        return transaction

    def _readable_path(self) -> str:
        """Return the path, which Django has decoded."""
        return self._request_path

    def _left_unanswered(self, exception: BaseException) -> None:
        """End the transaction after an exception that Django does not turn into a response. Never raises."""
        self._ensure_extras().disconnected = not is_error(exception)
        self._broken_by(exception)

    def _responds(self, response: Any, mark: Mark) -> None:
        """Note the response, whose bytes are still to be sent. Never raises."""
        try:
            detach(self)
            self._response_start_time: float = monotonic()
            self._status: Any = response.status_code
            self._response_head: Any = response.items()
            self._refresh()
            self._last_until_closed(response, mark)
        except BaseException:
            self._finish_response()
            capture_internal_exception("DjangoTransaction._responds")

    def _last_until_closed(self, response: Any, mark: Mark) -> None:
        stepwise = response.streaming and not self._sent_by_server(response)
        closing = _Closing(self, stepwise, mark)
        response._resource_closers.insert(0, closing)
        response._resource_closers.append(closing)
        if stepwise:
            steps = _AsyncSteps if getattr(response, "is_async", False) else _Steps
            response.streaming_content = steps(self, response.streaming_content)

    def _sent_by_server(self, response: Any) -> bool:
        """Whether the server sends the response's file itself, so that its content must not be touched."""
        return getattr(response, "file_to_stream", None) is not None and "wsgi.file_wrapper" in self._request

    def _stream_ended(self, exception: BaseException) -> None:
        """End the transaction after the stream was exhausted or raised. Never raises."""
        if not issubclass(type(exception), (StopIteration, StopAsyncIteration)):
            self._ensure_extras().disconnected = not is_error(exception)
            self._record_exception(exception)
        self._finish_response()


class _Closing:
    """The first and the last resource closer of a response: the cleanup between the two is part of the transaction.

    If the response is dropped without being closed, its transaction ends when it is
    collected. In a pickled response (Django's cache) this becomes a no-op.
    """

    __slots__ = ("_began", "_guard", "_mark", "_stepwise", "_transaction")

    def __init__(self, transaction: DjangoTransaction, stepwise: bool, mark: Mark) -> None:
        self._transaction: DjangoTransaction | None = transaction
        self._guard = Guard(transaction)
        self._mark = mark
        self._stepwise = stepwise
        self._began = False

    def __call__(self) -> None:
        transaction = self._transaction
        if transaction is None:
            return
        if self._began:
            self._end()
        elif not transaction._is_finished:
            if self._stepwise and transaction._method != "HEAD":
                transaction._ensure_extras().disconnected = True
            attach_step(transaction)
        self._began = True

    def _end(self) -> None:
        transaction, self._transaction = self._transaction, None
        if transaction is not None:
            transaction._finish_response()
            release(self._guard)

    def __reduce__(self) -> tuple[type[partial[int]], tuple[type[int]]]:
        return partial, (int,)


class _Steps:
    """A stream whose steps each run in its transaction, which ends with the last one.

    The content refers to the response, which refers to the stream: closing breaks that cycle.
    """

    __slots__ = ("_content", "_transaction")

    def __init__(self, transaction: DjangoTransaction, content: Iterator[bytes]) -> None:
        self._transaction = transaction
        self._content = content

    def __iter__(self) -> Iterator[bytes]:
        return self

    def __next__(self) -> bytes:
        transaction = self._transaction
        if transaction._is_finished:
            return next(self._content)
        attach_step(transaction)
        try:
            chunk = next(self._content)
        except BaseException as exception:
            transaction._stream_ended(exception)
            raise
        detach_step(transaction)
        transaction._sent += len(chunk)
        return chunk

    def close(self) -> None:
        """Drop the content. Django calls this when it closes the response."""
        self._content = iter(())


class _AsyncSteps:
    """Like `_Steps`, for an async stream, which Django closes in the same way."""

    __slots__ = ("_content", "_transaction")

    def __init__(self, transaction: DjangoTransaction, content: AsyncIterator[bytes]) -> None:
        self._transaction = transaction
        self._content = content

    def __aiter__(self) -> AsyncIterator[bytes]:
        return self

    async def __anext__(self) -> bytes:
        transaction = self._transaction
        if transaction._is_finished:
            return await self._content.__anext__()
        attach_step(transaction)
        try:
            chunk = await self._content.__anext__()
        except BaseException as exception:
            transaction._stream_ended(exception)
            raise
        detach_step(transaction)
        transaction._sent += len(chunk)
        return chunk

    def close(self) -> None:
        """Drop the content. Django calls this when it closes the response."""
        self._content = _nothing()


async def _nothing() -> AsyncIterator[bytes]:
    return
    yield b""
