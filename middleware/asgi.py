"""The door of ASGI applications."""

from __future__ import annotations

import inspect
from collections.abc import Awaitable, Callable, Iterable, MutableMapping
from typing import TYPE_CHECKING, Any, Final

from ..transactions.log import log_once, swallowed
from ..transactions.model.applications import Application, ApplicationArgument
from ..transactions.model.clock import monotonic
from ..transactions.model.errors import CANCELLATIONS, DISCONNECTS, class_names, is_error
from ..transactions.model.finished import AttributeValue
from ..transactions.model.outlet import outlet
from ..transactions.model.process import here
from ..transactions.model.queue_time import QUEUE_HEADERS, queue_time_of
from ..transactions.stack.current import enter, leave
from .door import Door
from .request import DoorTransaction
from .request_keys import KEYS, application_in, is_enabled
from .routes import read_asgi_route

if TYPE_CHECKING:
    from asgiref.typing import ASGIReceiveCallable, ASGISendCallable

    Scope = MutableMapping[str, Any]
    Message = MutableMapping[str, Any]

__all__ = ["ASGITransactionMiddleware"]

_WENT_AWAY: Final = CANCELLATIONS | DISCONNECTS
_QUEUE_HEADERS: Final = frozenset(name.encode() for name in QUEUE_HEADERS)


class ASGITransactionMiddleware(Door):
    """Measures every HTTP request to an ASGI application (ASGI 3.0; 2.0 double callables too) as a web transaction.

    Add it to a framework's list of middleware, as the first, or wrap the
    application in it::

        app = Starlette(routes=..., middleware=[Middleware(ASGITransactionMiddleware)])

    Scope, messages and their order are never altered; ``lifespan`` and
    ``websocket`` pass through untouched. A transaction's clock stops with the
    last byte of the response: what the application does after that is measured
    apart.

    Args:
        app: the ASGI application.
        application: the application to report to: a name (``"a;b"`` links), an
            `Application`, or ``None`` for the configured one.
        name: the name of every request; by default that of its route, else its path.
        group: the group of ``name``; without a name it has no effect.
    """

    __slots__ = ("_single",)

    def __init__(
        self, app: Any, application: ApplicationArgument = None, name: str | None = None, group: str | None = None
    ) -> None:
        super().__init__(app, application, name, group)
        self._single: Any = None

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        app = self._single
        if app is None:
            app = self._single = single_callable(self.__wrapped__)
        transaction = self._open(scope) if scope["type"] == "http" else None
        if transaction is None:
            await app(scope, receive, send)
            return
        exchange = _Exchange(transaction, receive, send)
        try:
            await app(scope, exchange.receive, exchange.send)
        except BaseException as exception:
            exchange.broken_by(exception)
            raise
        exchange.returned()

    def _open(self, scope: Scope) -> ASGITransaction | None:
        """The transaction of a request, current already, or ``None`` where this door does not measure it."""
        try:
            special = not scope.keys().isdisjoint(KEYS)
            measuring = here.measuring or here.prepare()
            if special:
                measuring = is_enabled(scope, measuring)
            if not measuring or self._joins():
                return None
            transaction = ASGITransaction(self._reports_to(), self._group, self._name, scope)
            if special:
                transaction.apply_special()
            if here.settings.queue_time:
                transaction.read_queue_time(scope["headers"])
            enter(transaction)
            return transaction
        except Exception:
            swallowed("ASGITransactionMiddleware")
            return None


def single_callable(app: Any) -> Any:
    """The application as ASGI 3.0 calls it: with scope, receive and send at once."""
    try:
        inspect.signature(app).bind(None, None, None)
    except (TypeError, ValueError):
        from asgiref import compatibility  # noqa: PLC0415  imports asyncio, which is loaded by now

        to_single: Callable[[Any], Any] = compatibility.guarantee_single_callable
        return to_single(app)
    return app


class ASGITransaction(DoorTransaction):
    """An ASGI request's transaction."""

    __slots__ = ()

    def __init__(self, application: Application, group: str | None, name: str | None, scope: Scope) -> None:
        super().__init__(
            application, group, name, scope.get("method"), scope.get("path", ""), scope, scope.get("root_path", "")
        )

    def apply_special(self) -> None:
        """Apply what only some requests have."""
        scope = self.request or {}
        self.application = application_in(scope) or self.application
        self.refresh()

    def read_queue_time(self, headers: Iterable[tuple[bytes, bytes]]) -> None:
        """Note the time that the request waited in front of us, where a proxy said so. Never raises."""
        try:
            for name, value in headers:
                if name in _QUEUE_HEADERS:
                    self.queue_time = queue_time_of(value.decode("latin-1"))
        except Exception:
            swallowed("ASGITransaction.read_queue_time")

    def look_back(self) -> None:
        """Read from the scope what is known only at its end."""
        if self._name is None and self.request is not None:
            read_asgi_route(self, self.request)
        super().look_back()

    def failed_by(self, exception: BaseException) -> None:
        """An exception left the application: it is the client that went away, or it is an error."""
        if not _WENT_AWAY.isdisjoint(class_names(exception)):
            self.disconnected = self.disconnected or not self.over
        elif is_error(exception) and not (self.disconnected and isinstance(exception, OSError)):
            self.notice_exception(exception)
            self.status = self.status or 500

    def query_string(self) -> str:
        """The query, without the question mark."""
        query = (self.request or {}).get("query_string") or b""
        return query.decode("latin-1") if isinstance(query, bytes) else str(query)

    def read_details(self) -> dict[str, AttributeValue]:
        """What only samples show."""
        details = super().read_details()
        for name, value in (self.request or {}).get("headers") or ():
            attribute = _DETAILS.get(name)
            if attribute is not None:
                details[attribute] = value.decode("latin-1")[:255]
        return details


_DETAILS: Final = {b"host": "request.host", b"user-agent": "request.user_agent", b"content-length": "request.size"}


class _Exchange:
    """What a request's application calls in the place of the server's ``receive`` and ``send``."""

    __slots__ = ("_more_to_come", "_receive", "_send", "_transaction")

    def __init__(self, transaction: ASGITransaction, receive: ASGIReceiveCallable, send: ASGISendCallable) -> None:
        self._transaction = transaction
        self._receive: Any = receive
        self._send: Any = send
        self._more_to_come = False
        """Whether trailers were announced, so that the last body message is not the end."""

    async def receive(self) -> Message:
        """The server's next message, watched for the client's going away."""
        message: Message = await self._receive()
        if message["type"] == "http.disconnect" and not self._transaction.over:
            self._transaction.disconnected = True
        return message

    def send(self, message: Message) -> Awaitable[None]:
        """Hand a message to the server; the awaitable is the server's own but for the last."""
        try:
            last = self._is_last(message)
        except Exception:
            swallowed("ASGITransactionMiddleware.send")
            last = False
        if last:
            return self._send_last(message)
        return self._send(message)  # type: ignore[no-any-return]

    def _is_last(self, message: Message) -> bool:
        """Note what a message says of the response; whether it is the last."""
        kind = message["type"]
        if kind == "http.response.body":
            return not message.get("more_body", False) and not self._more_to_come
        if kind == "http.response.start":
            transaction = self._transaction
            transaction.response_started = monotonic()
            transaction.status = message["status"]
            self._more_to_come = bool(message.get("trailers", False))
            transaction.refresh()
            return False
        if kind == "http.response.trailers":
            return not message.get("more_trailers", False)
        return kind == "http.response.pathsend" and not self._more_to_come

    async def _send_last(self, message: Message) -> None:
        await self._send(message)
        self._sent()

    def _sent(self) -> None:
        """The last byte is out. A 5xx waits for the exception which may follow its error page. Never raises."""
        transaction = self._transaction
        try:
            if transaction.freeze() and transaction.status < 500:
                transaction.deliver()
        except Exception:
            swallowed("ASGITransactionMiddleware.sent")

    def returned(self) -> None:
        """The application is done. Never raises."""
        transaction = self._transaction
        try:
            leave(transaction)
            if transaction.freeze():
                transaction.disconnected = transaction.disconnected or bool(transaction.response_started)
                transaction.deliver()
            elif transaction.status >= 500:
                transaction.deliver()
        except Exception:
            swallowed("ASGITransactionMiddleware.returned")

    def broken_by(self, exception: BaseException) -> None:
        """The application raised. Never raises itself."""
        transaction = self._transaction
        try:
            leave(transaction)
            if transaction.over and transaction.status < 500:
                _count_late(transaction, exception)
                return
            transaction.failed_by(exception)
            transaction.freeze()
            transaction.deliver()
        except Exception:
            swallowed("ASGITransactionMiddleware.broken_by")


def _count_late(transaction: ASGITransaction, exception: BaseException) -> None:
    """An exception after a response that was no error: the transaction is over, so it is only counted."""
    if not is_error(exception):
        return
    outlet.lose(f"exceptions after the response ({transaction.application})")
    log_once(
        ("late", str(transaction.application), type(exception).__qualname__),
        "%s was raised in %s after the end of a response; it is counted, the transaction had ended",
        type(exception).__qualname__,
        transaction.application,
    )
