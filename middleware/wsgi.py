"""The door of WSGI applications."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from types import GeneratorType
from typing import TYPE_CHECKING, Any, Final, TypeVar

from ..transactions.entries.entry import finish
from ..transactions.log import swallowed
from ..transactions.model.applications import Application
from ..transactions.model.clock import monotonic
from ..transactions.model.errors import ExcInfo, is_error
from ..transactions.model.finished import AttributeValue
from ..transactions.model.process import here
from ..transactions.model.queue_time import queue_time_of
from ..transactions.stack.current import enter, leave
from .door import Door
from .request import DoorTransaction
from .request_keys import KEYS, application_in, is_enabled
from .routes import listen_to_frameworks, read_wsgi_route

if TYPE_CHECKING:
    from _typeshed.wsgi import StartResponse, WSGIApplication, WSGIEnvironment

__all__ = ["WSGITransactionMiddleware"]

_T = TypeVar("_T")

_QUEUE_KEYS: Final = ("HTTP_X_REQUEST_START", "HTTP_X_QUEUE_START")
_SPECIAL_KEYS: Final = KEYS | {"HTTP_UPGRADE", *_QUEUE_KEYS}
"""One look tells that a request has none of these."""


class WSGITransactionMiddleware(Door):
    """Measures every request to a WSGI application (PEP 3333) as a web transaction.

    Wrap the application once, outermost, so that the whole response is measured::

        app.wsgi_app = WSGITransactionMiddleware(app.wsgi_app)

    It changes nothing that the application or the server sees. A transaction
    ends with the last byte of the response, not with the return of the
    application; list bodies and file wrappers are handed on as they are, and
    end it at the return.

    Args:
        app: the WSGI application.
        application: the application to report to: a name (``"a;b"`` links), an
            `Application`, or ``None`` for the configured one.
        name: the name of every request; by default that of its route, else its path.
        group: the group of ``name``; without a name it has no effect.
    """

    __slots__ = ()

    def __call__(self, environ: WSGIEnvironment, start_response: StartResponse) -> Iterable[bytes]:
        transaction = self._open(environ, start_response)
        if transaction is None:
            return self.__wrapped__(environ, start_response)
        try:
            body = self.__wrapped__(environ, transaction.start_response)
        except BaseException as exception:
            transaction.broken_by(exception)
            raise
        return transaction.answered(body, environ)

    def _open(self, environ: WSGIEnvironment, start_response: StartResponse) -> WSGITransaction | None:
        """The transaction of a request, current already, or ``None`` where this door does not measure it."""
        try:
            special = not environ.keys().isdisjoint(_SPECIAL_KEYS)
            measuring = here.measuring or here.prepare()
            if special:
                measuring = is_enabled(environ, measuring) and not _is_websocket(environ)
            if not measuring or self._joins():
                return None
            transaction = WSGITransaction(self._reports_to(), self._group, self._name, environ, start_response)
            if special:
                transaction.apply_special()
            enter(transaction)
            return transaction
        except Exception:
            swallowed("WSGITransactionMiddleware")
            return None


class WSGITransaction(DoorTransaction):
    """A WSGI request's transaction, and the ``start_response`` that its application calls."""

    __slots__ = ("_headers", "_sent", "_start_response")

    def __init__(
        self,
        application: Application,
        group: str | None,
        name: str | None,
        environ: WSGIEnvironment,
        start_response: StartResponse,
    ) -> None:
        mount = environ.get("SCRIPT_NAME", "")
        path = environ.get("PATH_INFO", "")
        super().__init__(application, group, name, environ.get("REQUEST_METHOD"), path, environ, mount)
        self._start_response: StartResponse | None = start_response
        self._headers: list[tuple[str, str]] = []
        self._sent = 0

    def start_response(
        self, status: str, headers: list[tuple[str, str]], exc_info: ExcInfo | None = None, /
    ) -> Callable[[bytes], object]:
        """What the application calls in the place of the server's own."""
        start_response = self._start_response
        if start_response is None:
            raise AssertionError("start_response() was called after the end of the response")
        try:
            self._response_starts(status, headers)
        except Exception:
            swallowed("WSGITransaction.start_response")
        if exc_info is None:
            return start_response(status, headers)
        try:
            return start_response(status, headers, exc_info)
        finally:
            exc_info = None  # a traceback refers to this frame

    def _response_starts(self, status: str, headers: list[tuple[str, str]]) -> None:
        self.response_started = monotonic()
        self.status = int(status[:3])
        self._headers = headers
        request = self.request
        if request is None:
            return
        self.refresh()
        if self._name is None:
            read_wsgi_route(self, request)
        if self.status >= 500:
            listen_to_frameworks()

    def broken_by(self, exception: BaseException) -> None:
        """The application raised instead of answering. Never raises."""
        try:
            self.left_by(exception)
            if not self.status and is_error(exception):
                self.status = 500
        except Exception:
            swallowed("WSGITransaction.broken_by")
        finish(self)

    def answered(self, body: Iterable[bytes], environ: WSGIEnvironment) -> Iterable[bytes]:
        """The application returned a body: what goes to the server. Never raises."""
        try:
            leave(self)
            if type(body) is list or type(body) is tuple or _is_file(body, environ.get("wsgi.file_wrapper")):
                self.end()
                return body
            return MeasuredBody(self, body)
        except Exception:
            swallowed("WSGITransaction.answered")
            return body

    def exhausted(self, exception: BaseException) -> None:
        """The body's iterator is at its end, or raised. Never raises."""
        if not isinstance(exception, StopIteration):
            self.left_by(exception)
        finish(self)

    def freeze(self) -> bool:
        """Stop the clock for good and let go of the request and the server."""
        frozen = super().freeze()
        self._start_response = None
        self._headers = []
        return frozen

    def count_sent(self, chunk: bytes) -> None:
        """Add up the body's bytes. Never raises."""
        try:
            self._sent += len(chunk)
        except Exception:
            swallowed("WSGITransaction.count_sent")

    def all_sent(self) -> bool:
        """Whether the body has all the bytes that its ``Content-Length`` announced."""
        declared = self._declared_size()
        return declared is not None and self._sent >= declared

    def _declared_size(self) -> int | None:
        sizes = (value for name, value in self._headers if name.lower() == "content-length")
        size = next(sizes, "")
        return int(size) if size.isdigit() else None

    def readable_path(self) -> str:
        """``SCRIPT_NAME`` and ``PATH_INFO``, whose bytes PEP 3333 hands over as Latin-1."""
        path = self.mount + self.request_path
        return path if path.isascii() else path.encode("latin-1", "replace").decode("utf-8", "replace")

    def apply_special(self) -> None:
        """Apply what only some requests have. Never raises."""
        request = self.request or {}
        self.application = application_in(request) or self.application
        self.refresh()
        if here.settings.queue_time:
            header = next((request[key] for key in _QUEUE_KEYS if key in request), None)
            self.queue_time = None if header is None else queue_time_of(header)

    def query_string(self) -> str:
        """The query, without the question mark."""
        return str((self.request or {}).get("QUERY_STRING") or "")

    def read_details(self) -> dict[str, AttributeValue]:
        """What only samples show."""
        environ = self.request or {}
        details = super().read_details()
        for key, attribute in _DETAILS:
            value = environ.get(key)
            if value and isinstance(value, str):
                details[attribute] = value[:255]
        size = self._declared_size()
        if size is not None or self._sent:
            details["response.size"] = self._sent if size is None else size
        return details


_DETAILS: Final = (
    ("HTTP_HOST", "request.host"),
    ("HTTP_USER_AGENT", "request.user_agent"),
    ("CONTENT_LENGTH", "request.size"),
)


class MeasuredBody:
    """A response's body whose every step runs in its transaction, which ends with the last byte.

    After that it only hands on: what the application does in ``close()`` then
    is no part of the transaction any more.
    """

    __slots__ = ("_body", "_iterator", "_transaction")

    def __init__(self, transaction: WSGITransaction, body: Iterable[bytes]) -> None:
        self._transaction: WSGITransaction | None = transaction
        self._body: Iterable[bytes] | None = body
        self._iterator: Iterator[bytes] | None = None

    def __iter__(self) -> Iterator[bytes]:
        self._iterator = self._in_transaction(self._start)
        return self

    def __next__(self) -> bytes:
        transaction = self._transaction
        if transaction is None:
            return next(self._started())
        _enter_step(transaction)
        try:
            chunk = next(self._iterator or self._started())
        except BaseException as exception:
            self._transaction = None
            transaction.exhausted(exception)
            raise
        _leave_step(transaction)
        transaction.count_sent(chunk)
        return chunk

    def close(self) -> None:
        """Close the application's body, as often as the server says so."""
        if self._transaction is not None:
            self._transaction.disconnected = True
        try:
            self._in_transaction(self._close)
        finally:
            transaction, self._transaction = self._transaction, None
            if transaction is not None:
                finish(transaction)

    def __del__(self) -> None:
        """The server dropped it without closing it: it ends after the application's own cleanup."""
        transaction, self._transaction = self._transaction, None
        if transaction is not None:
            _enter_step(transaction)
            self._iterator = self._body = None
            _leave_step(transaction)
            transaction.end_quietly()

    def _start(self) -> Iterator[bytes]:
        return iter(self._body or ())

    def _started(self) -> Iterator[bytes]:
        if self._iterator is None:
            self._iterator = self._start()
        return self._iterator

    def _close(self) -> None:
        close = getattr(self._body, "close", None)
        if close is not None:
            close()

    def _in_transaction(self, step: Callable[[], _T]) -> _T:
        """Run a step of the application's in the transaction, while that runs."""
        transaction = self._transaction
        if transaction is None:
            return step()
        _enter_step(transaction)
        try:
            return step()
        except BaseException as exception:
            transaction.left_by(exception)
            raise
        finally:
            _leave_step(transaction)


def _enter_step(transaction: WSGITransaction) -> None:
    try:
        enter(transaction)
    except Exception:
        swallowed("MeasuredBody")


def _leave_step(transaction: WSGITransaction) -> None:
    try:
        leave(transaction)
    except Exception:
        swallowed("MeasuredBody")


def _is_file(body: object, wrapper: object) -> bool:
    """Whether a body is the server's own way to send a file: it must reach the server as it is.

    Where the server names a class, the body is an instance of it; a plain
    callable may return anything, which has ``read`` all the same.
    """
    if isinstance(wrapper, type):
        return isinstance(body, wrapper)
    return wrapper is not None and hasattr(body, "read") and not isinstance(body, GeneratorType)


def _is_websocket(environ: WSGIEnvironment) -> bool:
    return str(environ.get("HTTP_UPGRADE", "")).lower() == "websocket"
