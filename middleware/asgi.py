"""The middleware for ASGI applications, and its transaction.

The transaction watches the messages between application and server without
altering them: they tell the status, the last byte, and whether the client left.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Collection, Iterable, Mapping, MutableMapping
from operator import itemgetter
from sys import modules
from typing import TYPE_CHECKING, Any, Final

from ..transactions.configuration.in_force import in_force
from ..transactions.context.current import current, detach, detach_out_of_order
from ..transactions.context.lifetime import Mark, recover, undo_begin
from ..transactions.handoff import handoff
from ..transactions.host_exceptions import pass_on, pass_on_signals
from ..transactions.log import capture_internal_exception
from ..transactions.model.applications import ApplicationArgument
from ..transactions.model.clock import monotonic
from ..transactions.model.errors import CANCELLATIONS, DISCONNECTS, class_names, is_error, parts_of
from ..transactions.model.finished import AttributeValue
from ..transactions.model.numbers import whole_number
from ..transactions.model.process_state import process_state
from ..transactions.model.queue_time import QUEUE_HEADERS, queue_time_in
from .base import TransactionMiddleware
from .framework_signals import listen_to_flask_requests
from .nested import inner_request
from .request import NOTHING, MiddlewareTransaction, count_late, is_missing
from .request_keys import APP_NAME, ENABLED, NO_VALUES, is_enabled, set_named_application
from .response_errors import broke_the_body, came_from, closed_by_middleware, taken_for_a_disconnect
from .routes import read_asgi_route
from .shutdown import WritingSend, lifespan_send, listen_for_the_end, write_beside_the_loop

if TYPE_CHECKING:
    from .asgi_types import ASGIApp, Receive, Scope, Send

    Message = MutableMapping[str, Any]
else:  # for `typing.get_type_hints`
    ASGIApp = Receive = Scope = Send = Any

__all__ = ["ASGITransactionMiddleware"]

_get_current: Final = current.get
_set_current: Final = current.set
_reset: Final = current.reset
_mark_open: Final = handoff.open_transactions.add

_name_of: Final = itemgetter(0)
"""Returns the name of a header pair."""

_WENT_AWAY: Final = CANCELLATIONS | DISCONNECTS


class ASGITransactionMiddleware(TransactionMiddleware):
    """Measures every HTTP request to an ASGI application (ASGI 3.0; 2.0 double callables too) as a web transaction.

    Add it first to the framework's list of middleware, or wrap the application in
    it:

        app = Starlette(routes=..., middleware=[Middleware(ASGITransactionMiddleware)])

    Wrap the application if it has a handler for ``Exception``: Starlette and
    FastAPI run that handler outside of the list, so a middleware in the list would
    not see its response.

    Scope, messages and their order are never altered; ``lifespan`` and
    ``websocket`` pass through untouched. A transaction's clock stops with the last
    byte of the response: what the application does after that is measured
    separately.

    Args:
        app: the ASGI application.
        application: the application to report to: a name (``"a;b"`` links ``b`` to
            ``a``), an `Application`, or ``None`` for the configured one.
        name: the name of every request; by default its route, else its path.
        group: the group of ``name``; without a name it has no effect.
    """

    __slots__ = ("_has_lifespan", "_single")

    def __init__(
        self, app: ASGIApp, application: ApplicationArgument = None, name: str | None = None, group: str | None = None
    ) -> None:
        super().__init__(app, application, name, group)
        self._has_lifespan = False
        self._single: Any = None
        """The application as a single callable (ASGI 3.0), from the first request on."""

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> Any:  # noqa: C901, PLR0912, PLR0915  see below
        """Serve one request (ASGI 3.0). All in one place, as every request pays for each call."""
        app = self._single
        if app is None:  # compared, as an application may be falsy
            app = self._called_first(scope)
        mark: Mark = []
        transaction = before = None
        try:
            if scope["type"] == "http":
                identities = self._identities
                before = _get_current()
                ready = identities.resolved_for is process_state.enabled_for and before is None
                plain = ready and not (APP_NAME in scope or ENABLED in scope)
                if plain or self._measures(scope, ready):
                    transaction = ASGITransaction()
                    transaction._mark = mark
                    transaction._identity = identities.identity
                    transaction._extras = transaction._token = transaction._response_head = None
                    transaction._route = self._unrouted
                    transaction._end_time = 0.0
                    try:
                        transaction._method = scope["method"]
                        transaction._request_path = scope["path"]
                        transaction._mount_path = scope["root_path"]
                        headers = scope["headers"]
                    except KeyError as missing:  # a server may leave out what is optional (ASGI 3.0)
                        headers = transaction._read_what_is_there(scope, missing)
                    transaction._request = scope
                    transaction._server_receive = receive
                    transaction._server_send = send
                    transaction._stage = 0
                    transaction._streamed = False
                    if type(headers) is not list:
                        headers = headers_of(scope)
                    try:
                        if not in_force.queue_headers.isdisjoint(map(_name_of, headers)):
                            transaction._read_queue_time(headers)
                    except (TypeError, LookupError) as problem:  # headers that are no pairs are the server's to judge
                        pass_on(problem)
                    _mark_open(transaction)
                    transaction._start_time = monotonic()
                    transaction._token = _set_current(transaction)
                    if not plain:
                        transaction._apply_special()
                elif inner := inner_request(scope, self._unrouted, send):
                    send = inner.send
        except BaseException:
            undo_begin(transaction, before)
            transaction = None
            capture_internal_exception("ASGITransactionMiddleware")
        if transaction is None:
            return await self._pass(app, scope, receive, send)
        try:
            try:
                result = await app(scope, transaction, transaction._send)
            except BaseException as exception:
                transaction._broken_by(exception)
                raise
            try:
                _reset(transaction._token)  # type: ignore[arg-type]
                transaction._token = None
            except (TypeError, ValueError, RuntimeError) as refusal:  # it ends in another context than it began in
                pass_on(refusal)
                detach_out_of_order(transaction)
            if transaction._mark is not None:
                transaction._returned()
        except BaseException:
            recover(transaction)
            raise
        finally:
            transaction._request = NOTHING
            transaction._server_receive = _nothing_more
            transaction._server_send = _to_nobody
        return result

    def _called_first(self, scope: Scope) -> Any:
        """Get the application ready for its first request, and return it as a single callable. Never raises."""
        try:
            app = single_callable(self.__wrapped__)
            if scope.get("type") == "http":
                self._single = app
                listen_to_flask_requests()  # behind an adapter
                if not self._has_lifespan:
                    listen_for_the_end()
            return app
        except Exception:
            capture_internal_exception("ASGITransactionMiddleware")
            return self.__wrapped__

    async def _pass(self, app: Any, scope: Scope, receive: Receive, send: Send) -> Any:
        """Pass on a call that is not measured."""
        if scope.get("type") == "lifespan":
            return await self._live(app, scope, receive, send)
        return await app(scope, receive, send)

    async def _live(self, app: Any, scope: Scope, receive: Receive, send: Send) -> Any:
        """The lifespan of the application: it ends when the server shuts down, or at once where there is none."""
        self._has_lifespan = True
        watched_send = send
        try:
            watched_send = lifespan_send(send)
        except Exception:
            capture_internal_exception("lifespan_send")
        try:
            result = await app(scope, receive, watched_send)
        except BaseException:
            self._has_lifespan = False
            raise
        if isinstance(watched_send, WritingSend) and watched_send.has_written:
            return result
        try:
            await write_beside_the_loop()
        except Exception:
            capture_internal_exception("write_beside_the_loop")
        return result

    def _measures(self, scope: Scope, ready: bool) -> bool:
        """Whether to measure a request that is not plain. ``ready``: nothing is current, the identity is resolved."""
        return is_enabled(scope, ready or self._prepare()) and (ready or not self._joins(scope))


def headers_of(scope: Mapping[str, Any]) -> Collection[tuple[bytes, bytes]]:
    """Return a request's headers; none if they are an iterator, which only the application may consume."""
    headers = scope.get("headers")
    return headers if isinstance(headers, Collection) else ()


def single_callable(app: Any) -> Any:
    """Return the application as a single callable of scope, receive and send (ASGI 3.0)."""
    import inspect  # noqa: PLC0415  loaded by now, as asyncio imports it

    try:
        signature = inspect.signature(app)
    except Exception as failure:  # no signature, for whatever reason: assume ASGI 3.0
        pass_on_signals(failure)
        return app
    try:
        signature.bind(None, None, None)
    except TypeError as refusal:
        pass_on(refusal)
        from asgiref import compatibility  # noqa: PLC0415  imports asyncio, which is loaded by now

        to_single: Callable[[Any], Any] = compatibility.guarantee_single_callable
        return to_single(app)
    return app


_TRAILERS_TO_COME: Final = 1
"""Trailers follow the last body message, so that is not the end."""
_FIELDS_OF_START: Final = 3
"""``type``, ``status`` and ``headers``; a message with trailers to come has more."""
_LAST_UNDER_WAY: Final = 2
"""The last message was passed to the server, which may still be sending it when the application is cancelled."""


class ASGITransaction(MiddlewareTransaction):
    """The transaction of an ASGI request: itself the ``receive`` that the application calls, with a ``send`` for it."""

    __slots__ = ("_server_receive", "_server_send", "_stage", "_streamed")

    _server_receive: Any
    """The server's ``receive``, until the application returns."""
    _server_send: Any
    """The server's ``send``, until the application returns."""
    _stage: int
    """How far the response has got; 0 until one of the above."""
    _streamed: bool
    """Whether the body consists of more than one message."""

    async def __call__(self) -> Message:
        """Receive the server's next message, and note a disconnected client."""
        message: Message = await self._server_receive()
        try:
            if message["type"] == "http.disconnect" and not self._is_finished and self._stage != _LAST_UNDER_WAY:
                self._ensure_extras().disconnected = True
        except Exception:
            capture_internal_exception("ASGITransaction.__call__")
        return message

    def _send(self, message: Message) -> Awaitable[None]:  # noqa: C901  every request would pay for a call
        """Pass a message to the server, and return the server's own awaitable for all messages but the last."""
        try:
            kind = message["type"]
            if kind == "http.response.start":
                if self._response_head is None and not self._end_time:  # a second one is the server's to judge
                    self._response_start_time: float = monotonic()
                    status = message["status"]
                    self._status: Any = status if type(status) is int else _number(status)
                    self._response_head = message
                    if len(message) > _FIELDS_OF_START and message.get("trailers"):
                        self._stage = _TRAILERS_TO_COME
                    if self._route is not None or "starlette" in modules or "litestar" in modules:
                        read_asgi_route(self, self._request)
            elif kind == "http.response.body":
                if message.get("more_body"):
                    self._streamed = True
                elif not self._stage:
                    return self._send_last(message)
            elif self._is_last(message, kind):
                return self._send_last(message)
        except Exception:
            capture_internal_exception("ASGITransaction.send")
        server_send = self._server_send  # in two steps: to call what is in a slot is slow
        return server_send(message)  # type: ignore[no-any-return]

    def _is_last(self, message: Message, kind: str) -> bool:
        """Whether a message of one of the rarer types is the last."""
        if kind == "http.response.trailers":
            return not message.get("more_trailers", False)
        return (
            kind in {"http.response.pathsend", "http.response.zerocopysend"}
            and not self._stage
            and not message.get("more_body")
        )

    async def _send_last(self, message: Message) -> None:
        self._stage = _LAST_UNDER_WAY
        server_send = self._server_send
        await server_send(message)
        try:
            may_have_broken = self._streamed or not message.get("body")
            if self._response_head is not None and (
                self._status >= 500 or (may_have_broken and closed_by_middleware())
            ):
                self._stop_clock()  # it waits for the exception that may follow an error page, or a stream that broke
            else:
                self._end()
        except Exception:
            capture_internal_exception("ASGITransaction.send")

    def _returned(self) -> None:
        """End the transaction after the application returned, if it is still open. Never raises."""
        try:
            if not self._end_time:
                if self._response_head is None and not self._was_disconnected:
                    self._override_status(500)  # the server does so if there is no response
                elif self._stage != _LAST_UNDER_WAY:
                    self._ensure_extras().disconnected = True
                self._look_around()
                self._end()
            else:
                self._hand_off()
        except BaseException:
            recover(self)
            capture_internal_exception("ASGITransaction._returned")

    def _broken_by(self, exception: BaseException) -> None:
        """End the transaction after the application raised. Never raises."""
        try:
            detach(self)
            if self._mark is None or (self._end_time and self._status < 500 and not broke_the_body(exception)):
                count_late(self, exception)
            else:
                self._failed_by(exception)
                self._look_around()
                self._stop_clock()
            self._hand_off()
        except BaseException:
            recover(self)
            capture_internal_exception("ASGITransaction._broken_by")

    def _break_off(self, exception: BaseException) -> None:
        """See `MiddlewareTransaction._break_off`."""
        super()._break_off(exception)
        self._stage = _LAST_UNDER_WAY  # the body ends here, and not because the client left

    def _read_what_is_there(self, scope: Scope, missing: KeyError) -> Iterable[tuple[bytes, bytes]]:
        """Read a scope that lacks optional keys; return its headers."""
        if not is_missing(missing):
            pass_on(missing)
        self._method: str | None = scope.get("method")
        self._request_path: str = scope.get("path", "")
        self._mount_path: str = scope.get("root_path", "")
        headers: Iterable[tuple[bytes, bytes]] = scope.get("headers", ())
        return headers

    def _look_around(self) -> None:
        """Read the keys and the route that application and framework have put into the scope. Never raises."""
        try:
            self._refresh()
            read_asgi_route(self, self._request)
        except Exception:
            capture_internal_exception("ASGITransaction._look_around")

    def _read_route(self) -> None:
        """See `MiddlewareTransaction._read_route`."""
        read_asgi_route(self, self._request)

    def _apply_special(self) -> None:
        """Apply per-request keys, which only some requests have. Never raises."""
        try:
            self._last_key_values: tuple[object, ...] = NO_VALUES  # reading an unset slot is slow
            set_named_application(self, self._request)
            self._refresh()
        except Exception:
            capture_internal_exception("ASGITransaction._apply_special")

    def _read_queue_time(self, headers: Iterable[tuple[bytes, bytes]]) -> None:
        """Note how long the request waited before it reached us, if a proxy said so. Never raises."""
        try:
            explicit_name = dict(headers)
            self._ensure_extras().queue_time = queue_time_in(
                _latin(explicit_name.get(name.encode())) for name in QUEUE_HEADERS
            )
        except Exception:
            capture_internal_exception("ASGITransaction._read_queue_time")

    def _failed_by(self, exception: BaseException) -> None:
        """Note an exception that left the application: a disconnected client or an error.

        A server's ``send`` raises an `OSError` once the client has disconnected (ASGI 2.4).
        """
        exception = taken_for_a_disconnect(exception) or exception
        if self._is_of_the_client(exception):
            self._ensure_extras().disconnected = self._was_disconnected or not self._is_finished
        elif is_error(exception):
            self._notice_exception(exception)
            if not self.status:
                self._override_status(500)

    def _is_of_the_client(self, exception: BaseException) -> bool:
        """Whether an exception, or each one of a group, says that the client has gone."""
        if not _WENT_AWAY.isdisjoint(class_names(exception)):
            return True
        if issubclass(type(exception), OSError):  # `isinstance` asks the exception for its `__class__` too
            return self._was_disconnected or came_from(self._server_send, exception)
        parts = parts_of(exception)
        return bool(parts) and all(map(self._is_of_the_client, parts))

    def _query_string(self) -> str:
        """Return the query string, without the question mark."""
        query = self._request.get("query_string") or b""
        return query.decode("latin-1") if isinstance(query, bytes) else str(query)

    def _read_details(self) -> dict[str, AttributeValue]:
        """See `RequestTransaction._read_details`."""
        details = super()._read_details()
        for name, value in headers_of(self._request):
            attribute = _DETAILS.get(name)
            if attribute is not None:
                details[attribute] = value.decode("latin-1")[:255]
        headers = (self._response_head or {}).get("headers")
        if isinstance(headers, (list, tuple)):  # an iterator could be read only once, and that is for the server
            size = whole_number(dict(headers).get(b"content-length", b""))
            if size is not None:
                details["response.size"] = size
        return details


def _number(status: object) -> int:
    return int(status) if isinstance(status, int) else 0


def _latin(value: bytes | None) -> str | None:
    return None if value is None else value.decode("latin-1")


_DETAILS: Final = {
    b"host": "request.host",
    b"user-agent": "request.user_agent",
    b"content-length": "request.size",
    b"x-request-id": "request.id",
    b"traceparent": "traceparent",
}


# Stand-ins for the server's callables after the application has returned: tasks it left running may still call them.


async def _nothing_more() -> Message:
    return {"type": "http.disconnect"}


async def _to_nobody(message: Message) -> None:
    """Drop a message that is sent after the application has returned."""
