"""The middleware for WSGI applications (PEP 3333), its transaction and the response body that it returns.

The transaction has to end with the last byte of the body rather than with the
application's return, and each step of the body may run in another context.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from sys import modules
from typing import TYPE_CHECKING, Any, Final

from ..transactions.configuration.in_force import in_force
from ..transactions.context.current import current, detach_out_of_order, reattach
from ..transactions.context.finalizers import EndsWhenFinalized
from ..transactions.context.lifetime import Mark, recover, undo_begin
from ..transactions.handoff import handoff
from ..transactions.host_exceptions import pass_on
from ..transactions.log import capture_internal_exception
from ..transactions.model.clock import monotonic
from ..transactions.model.errors import is_error
from ..transactions.model.finished import AttributeValue
from ..transactions.model.numbers import whole_number
from ..transactions.model.process_state import process_state
from ..transactions.model.queue_time import queue_time_in
from ..transactions.model.request import path_as_text
from .base import TransactionMiddleware
from .nested import inner_request
from .request import NOTHING, MiddlewareTransaction, count_late, is_missing
from .request_keys import APP_NAME, ENABLED, NO_VALUES, is_enabled, set_named_application
from .routes import read_wsgi_route

if TYPE_CHECKING:
    from contextvars import Token

    from _typeshed import OptExcInfo
    from _typeshed.wsgi import StartResponse, WSGIEnvironment

    from ..transactions.model.transaction import Transaction
else:  # for `typing.get_type_hints`: they exist in type stubs only
    StartResponse, WSGIEnvironment = Callable[..., Any], dict[str, Any]

__all__ = ["WSGITransactionMiddleware"]

_get_current: Final = current.get
_set_current: Final = current.set
_reset: Final = current.reset

_mark_open: Final = handoff.open_transactions.add

_UPGRADE: Final = "HTTP_UPGRADE"
_REQUEST_START: Final = "HTTP_X_REQUEST_START"
_QUEUE_START: Final = "HTTP_X_QUEUE_START"


class WSGITransactionMiddleware(TransactionMiddleware):
    """Measures every request to a WSGI application (PEP 3333) as a web transaction.

    Wrap the application once, outermost, so that the whole response is measured:

        app.wsgi_app = WSGITransactionMiddleware(app.wsgi_app)

    Neither the application nor the server sees a difference. A transaction ends
    with the last byte of the response, not when the application returns. List
    bodies and file wrappers are passed through as they are; with these the
    transaction does end when the application returns.

    Args:
        app: the WSGI application.
        application: the application to report to: a name (``"a;b"`` links ``b`` to
            ``a``), an `Application`, or ``None`` for the configured one.
        name: the name of every request; by default its route, else its path.
        group: the group of ``name``; without a name it has no effect.
    """

    __slots__ = ()

    def __call__(self, environ: WSGIEnvironment, start_response: StartResponse) -> Iterable[bytes]:  # noqa: C901  see below
        """Serve one request (PEP 3333). Everything is inlined here, as every request pays for each call."""
        app = self.__wrapped__  # in two steps, as calling the value of a slot is slow
        mark: Mark = []
        transaction = before = None
        try:
            identities = self._identities
            before = _get_current()
            ready = identities.resolved_for is process_state.enabled_for and before is None
            plain = ready and not (
                APP_NAME in environ
                or ENABLED in environ
                or _UPGRADE in environ
                or _REQUEST_START in environ
                or _QUEUE_START in environ
            )
            if plain or self._measures(environ, ready):
                transaction = WSGITransaction()
                transaction._mark = mark
                transaction._identity = identities.identity
                transaction._extras = transaction._token = transaction._response_head = None
                transaction._route = self._unrouted
                transaction._end_time = 0.0
                try:
                    transaction._method = environ["REQUEST_METHOD"]
                    transaction._mount_path = mount = environ["SCRIPT_NAME"]
                    transaction._request_path = mount + environ["PATH_INFO"]
                except (KeyError, TypeError) as problem:  # empty variables may be missing (PEP 3333)
                    transaction._read_what_is_there(environ, problem)
                transaction._request = environ
                transaction._server = start_response
                transaction._sent = 0
                transaction._paused = False
                _mark_open(transaction)
                transaction._start_time = monotonic()
                transaction._token = _set_current(transaction)
                if not plain:
                    transaction._apply_special()
            elif inner := inner_request(environ, self._unrouted, start_response):
                start_response = inner.start_response
        except BaseException:
            undo_begin(transaction, before)
            transaction = None
            capture_internal_exception("WSGITransactionMiddleware")
        if transaction is None:
            return app(environ, start_response)  # type: ignore[no-any-return]
        try:
            try:
                body = app(environ, transaction._start_response)
            except BaseException as exception:
                transaction._broken_by(exception)
                raise
            return transaction._answered(body, environ, mark)
        except BaseException:
            recover(transaction)
            raise

    def _measures(self, environ: WSGIEnvironment, ready: bool) -> bool:
        """Whether to measure a request that is not plain. ``ready``: nothing is current, the identity is resolved."""
        return (
            is_enabled(environ, ready or self._prepare())
            and not (_UPGRADE in environ and _is_websocket(environ[_UPGRADE]))
            and (ready or not self._joins(environ))
        )


class WSGITransaction(MiddlewareTransaction):
    """The transaction of a WSGI request, with the ``start_response`` that its application calls."""

    __slots__ = ("_paused", "_sent", "_server")

    _paused: bool
    """See `Transaction._paused`. It stays current between chunks of the body, which is cheaper."""
    _sent: int
    """Bytes of the body that the server has taken so far."""
    _server: StartResponse | None
    """The server's ``start_response``, while the transaction runs."""

    def _start_response(
        self, status: str, headers: list[tuple[str, str]], exc_info: OptExcInfo | None = None
    ) -> Callable[[bytes], object]:
        """Note the status and the time, and call the server's ``start_response``."""
        server = self._server
        if server is None:
            raise AssertionError("start_response() was called after the end of the response")
        try:
            self._response_start_time: float = monotonic()
            self._status: Any = status
            self._response_head = headers
            if self._route is not None or "flask" in modules or "bottle" in modules:
                read_wsgi_route(self, self._request)
        except Exception:
            capture_internal_exception("WSGITransaction._start_response")
        if exc_info is None:
            return server(status, headers)
        self._note_replaced(exc_info)
        try:
            return server(status, headers, exc_info)
        finally:
            exc_info = None  # a traceback refers to this frame

    def _read_route(self) -> None:
        """See `MiddlewareTransaction._read_route`."""
        if self._route is not None or "flask" in modules or "bottle" in modules:
            read_wsgi_route(self, self._request)

    def _note_replaced(self, exc_info: Any) -> None:
        """Note the exception that an error page is sent for: an error if that is a 5xx. Never raises."""
        try:
            exception = exc_info[1] if isinstance(exc_info, tuple) and len(exc_info) == 3 else None
            if isinstance(exception, BaseException) and is_error(exception):
                self._report_exception(exception)
        except Exception:
            capture_internal_exception("WSGITransaction._note_replaced")

    def _broken_by(self, exception: BaseException) -> None:
        """End the transaction after the application or its body raised. Never raises."""
        try:
            self._record_exception(exception)
            if not self._sent and is_error(exception):
                self._override_status(500)  # no byte was sent, so the server responds with a 500
            if self._route is not None or "bottle" in modules:
                read_wsgi_route(self, self._request)
        except Exception:
            capture_internal_exception("WSGITransaction._broken_by")
        self._finish_response()

    def _answered(self, body: Iterable[bytes], environ: WSGIEnvironment, mark: Mark) -> Iterable[bytes]:
        """Return the body for the server: the application's own, or a `MeasuredBody` around it. Never raises."""
        try:
            kind = type(body)
            if (
                kind is list
                or kind is tuple
                or ("wsgi.file_wrapper" in environ and _is_file(body, environ["wsgi.file_wrapper"]))
            ):
                if self._response_head is None:
                    self._override_status(500)  # the server does so if no response was started
                self._finish_response()
                return body
            self._paused = True
            measured = MeasuredBody()  # no __init__, which halves the cost
            measured._mark = mark
            measured._body = body
            measured.transaction = self
            return measured
        except Exception:
            recover(self)
            capture_internal_exception("WSGITransaction._answered")
            return body

    def _resume(self) -> None:
        """Begin a step of the body, possibly in another context."""
        try:
            reattach(self)
        except Exception:
            capture_internal_exception("WSGITransaction._resume")
        self._paused = False

    def _finish_response(self) -> None:
        """Detach and record the transaction after the last byte; `lifetime.finish` is inlined."""
        try:
            try:
                _reset(self._token)  # type: ignore[arg-type]
                self._token: Token[Transaction | None] | None = None
            except (TypeError, ValueError, RuntimeError) as refusal:  # in another context than it began in
                pass_on(refusal)
                detach_out_of_order(self)
            self._end()
            if self._extras is not None:
                self._extras.stale_tokens.clear()
            self._server = None
            self._request: Mapping[str, Any] = NOTHING
        except BaseException:
            recover(self)
            self._release_request()
            capture_internal_exception("WSGITransaction._finish_response")

    def _read_what_is_there(self, environ: WSGIEnvironment, problem: Exception) -> None:
        """Read an environ that lacks variables, or whose path is no text."""
        if not is_missing(problem):
            pass_on(problem)
        self._method: str | None = environ.get("REQUEST_METHOD")
        self._mount_path: str = path_as_text(environ.get("SCRIPT_NAME", ""))
        self._request_path: str = self._mount_path + path_as_text(environ.get("PATH_INFO", ""))

    def _on_step(self) -> None:
        """See `Transaction._on_step`."""
        self._paused = False

    def _release_request(self) -> None:
        """See `Transaction._release_request`."""
        self._server = None
        self._request = NOTHING

    def _closed_early(self) -> None:
        """Note a disconnected client if the server closes the body before it is complete. Never raises."""
        try:
            if self._method != "HEAD" and not self._all_sent():
                self._ensure_extras().disconnected = True
        except Exception:
            capture_internal_exception("WSGITransaction._closed_early")

    def _between_steps(self) -> bool:
        """Whether the application is not running for it now."""
        return self._paused or self._token is None

    def _all_sent(self) -> bool:
        """Whether as many bytes were sent as ``Content-Length`` announced."""
        declared = self._declared_size()
        return declared is not None and self._sent >= declared

    def _declared_size(self) -> int | None:
        sizes = (value for name, value in self._response_head or () if name.lower() == "content-length")
        return whole_number(next(sizes, ""))

    def _readable_path(self) -> str:
        """Return ``SCRIPT_NAME`` and ``PATH_INFO``, decoded: PEP 3333 passes their bytes as Latin-1."""
        path = self._request_path
        return path if path.isascii() else path.encode("latin-1", "replace").decode("utf-8", "replace")

    def _apply_special(self) -> None:
        """Apply per-request keys and the queue time, which only some requests have. Never raises."""
        try:
            request = self._request
            self._last_key_values: tuple[object, ...] = NO_VALUES  # reading an unset slot is slow
            set_named_application(self, request)
            self._refresh()
            if in_force.settings.queue_time and (_REQUEST_START in request or _QUEUE_START in request):
                self._ensure_extras().queue_time = queue_time_in(map(request.get, (_REQUEST_START, _QUEUE_START)))
        except Exception:
            capture_internal_exception("WSGITransaction._apply_special")

    def _query_string(self) -> str:
        """Return the query string, without the question mark."""
        return str(self._request.get("QUERY_STRING") or "")

    def _read_details(self) -> dict[str, AttributeValue]:
        """See `RequestTransaction._read_details`."""
        environ = self._request
        details = super()._read_details()
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
    ("HTTP_X_REQUEST_ID", "request.id"),
    ("HTTP_TRACEPARENT", "traceparent"),
)


class _Body:
    """A response body that passes on the application's body."""

    __slots__ = ("_body", "_mark", "_steps", "transaction")

    transaction: WSGITransaction
    _mark: Mark
    """Held until the body is gone: see `Transaction._mark`."""
    _body: Iterable[bytes]
    _steps: Iterator[bytes]
    """Made only if ``next()`` is called on the body itself."""

    def __iter__(self) -> Iterator[bytes]:
        yield from self._body

    def __next__(self) -> bytes:
        if not hasattr(self, "_steps"):
            self._steps = iter(self)
        return next(self._steps)


class DeliveredBody(_Body):
    """A body that was sent completely: what the application does in ``close()`` is no longer measured."""

    __slots__ = ()

    def close(self) -> None:
        """Close the application's body, as often as the server does; count what it raises after the end."""
        close = getattr(self._body, "close", None)
        if close is not None:
            try:
                close()
            except BaseException as exception:
                self._closed_by(exception)
                raise

    def _closed_by(self, exception: BaseException) -> None:
        """Count an exception unless its transaction is still to end, as where the server closes early. Never raises."""
        try:
            if self.transaction._is_finished:
                count_late(self.transaction, exception)
        except Exception:
            capture_internal_exception("DeliveredBody._closed_by")


class MeasuredBody(EndsWhenFinalized, _Body):
    """A response body whose steps each run in its transaction, which ends with the last byte.

    After that it becomes a `DeliveredBody`. If the server drops it without closing
    it, the transaction ends after the application's own cleanup.
    """

    __slots__ = ()

    def __iter__(self) -> Iterator[bytes]:
        """Yield the chunks one by one. As a generator, it ends without the cost of an exception raised in Python."""
        transaction = self.transaction
        sent = 0
        try:
            if _get_current() is not transaction:
                transaction._resume()
            transaction._paused = False
            for chunk in self._body:
                try:
                    transaction._sent = sent = sent + len(chunk)
                except TypeError as refusal:  # not bytes: that is between application and server
                    pass_on(refusal)
                transaction._paused = True
                yield chunk
                if _get_current() is not transaction:
                    transaction._resume()
                transaction._paused = False
        except GeneratorExit:  # the server stopped early: `close` ends the transaction
            raise
        except BaseException as exception:
            transaction._broken_by(exception)
            self.__class__ = DeliveredBody  # type: ignore[assignment]
            raise
        if transaction._response_head is None:
            transaction._override_status(500)
        transaction._finish_response()
        self.__class__ = DeliveredBody  # type: ignore[assignment]

    def close(self) -> None:
        """Close the application's body as part of its transaction, and end that."""
        transaction = self.transaction
        self.__class__ = DeliveredBody  # type: ignore[assignment]
        try:
            steps: Any = getattr(self, "_steps", None)
            if hasattr(steps, "close"):  # not when it is dropped: Python swallows what strikes there
                steps.close()
            transaction._closed_early()
            transaction._resume()
            try:
                self.close()
            except BaseException as exception:
                transaction._record_exception(exception)
                raise
            finally:
                transaction._finish_response()
        except BaseException:
            recover(transaction)
            raise

    def clean_up(self) -> None:
        """See `EndsWhenFinalized.clean_up`."""
        self._steps = iter(())
        self._body = ()


def _is_file(body: object, wrapper: object) -> bool:
    """Whether a body is the server's own file wrapper, which must reach the server as it is.

    If ``wsgi.file_wrapper`` is a class, the body is an instance of it; if it is a
    plain callable, it may return anything, but that has a ``read`` method.
    """
    if isinstance(wrapper, type):
        return isinstance(body, wrapper)
    return wrapper is not None and hasattr(body, "read")


def _is_websocket(upgrade: object) -> bool:
    return isinstance(upgrade, str) and "websocket" in map(str.strip, upgrade.lower().split(","))
