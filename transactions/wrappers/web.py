"""Web transactions in the four call forms, for servers of your own that no middleware fits."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from typing import Any, Final, overload

from ..configuration.in_force import in_force
from ..context.lifetime import Mark, begin
from ..host_exceptions import pass_on_signals
from ..log import capture_internal_exception, log_once
from ..model.applications import ApplicationArgument
from ..model.finished import AttributeValue
from ..model.identity import ExplicitName, intern_identity
from ..model.naming import callable_name
from ..model.process_state import process_state
from ..model.queue_time import QUEUE_HEADERS, queue_time_in
from ..model.request import RequestTransaction
from ..model.transaction import Extras, Transaction
from .by_path import wrap_object
from .callables import Decorated, can_be_wrapped, wrap
from .context_managers import Block
from .method_names import call_name_for
from .opening import CallName, TextArgument, get_owner

__all__ = [
    "RequestArgument",
    "WebOpener",
    "WebTransaction",
    "WebTransactionWrapper",
    "join_outer",
    "web_transaction",
    "wrap_web_transaction",
]

Headers = Mapping[str, str] | Iterable[tuple[Any, Any]] | None
RequestArgument = str | int | Callable[..., Any] | None
"""A property of the request, or a callable that takes the call's own arguments and returns it."""

_REQUEST_FIELDS: Final = ("scheme", "host", "port", "request_method", "request_path", "query_string", "headers")


def get_outer() -> Transaction | None:
    """Return the outer web transaction that a request handled here is part of, or ``None``.

    Transactions opened as background ones do not count: a job that runs a server
    must not swallow the server's requests.
    """
    owner = get_owner()
    return owner if owner is not None and owner._opened_by_web else None


def join_outer(explicit_name: ExplicitName | None) -> Transaction | None:
    """Return the outer web transaction (see `get_outer`), after giving it the inner one's explicit name."""
    owner = get_outer()
    if owner is not None and explicit_name is not None:
        owner._refresh()
        if owner._is_active:
            owner._rename(*explicit_name)
    return owner


class CallTransaction(RequestTransaction):
    """The transaction of a request that is described by the arguments of a call form."""

    __slots__ = ("_request_info",)

    _request_info: Mapping[str, Any]

    def _query_string(self) -> str:
        """Return the query string, without the question mark."""
        query = self._request_info.get("query_string") or ""
        return query.decode("latin-1") if isinstance(query, bytes) else str(query)

    def _release(self, whole: bool) -> None:
        """See `Transaction._release`."""
        super()._release(whole)
        self._request_info = {}

    def _read_details(self) -> dict[str, AttributeValue]:
        """See `RequestTransaction._read_details`."""
        details = super()._read_details()
        for field, attribute in (("host", "request.host"), ("port", "request.port"), ("scheme", "request.scheme")):
            value = self._request_info.get(field)
            if isinstance(value, (str, int)):
                details[attribute] = value
        return details


class WebOpener:
    """Opens a web transaction, unless the call is part of an outer one."""

    __slots__ = ("application", "call_name", "request_info")

    def __init__(self, application: ApplicationArgument, call_name: CallName, request_info: Mapping[str, Any]) -> None:
        process_state.has_entry_point = True
        self.application: ApplicationArgument = application
        self.call_name: CallName = call_name
        self.request_info: Mapping[str, Any] = request_info

    def open(self, args: tuple[Any, ...], kwargs: Mapping[str, Any], mark: Mark) -> Transaction | None:
        """See `opening.Opener.open`."""
        try:
            owner = get_outer()
            if owner is not None:
                self._name(owner, args, kwargs)
                return None
            if not process_state.prepare():
                return None
            request_info = {field: _resolve(self.request_info[field], args, kwargs) for field in _REQUEST_FIELDS}
            return self._open(args, kwargs, request_info, mark)
        except Exception:
            capture_internal_exception("WebOpener.open")
            return None

    def _name(self, owner: Transaction, args: tuple[Any, ...], kwargs: Mapping[str, Any]) -> None:
        """Give the outer transaction this call's explicit name, if it accepts one."""
        owner._refresh()
        if not owner._is_active or not owner._accepts_name(1):
            return
        name = self.call_name.explicit_name(args, kwargs)
        if name is not None:
            owner._rename(self.call_name.explicit_group(args, kwargs), name, priority=1)

    def _open(
        self, args: tuple[Any, ...], kwargs: Mapping[str, Any], request_info: Mapping[str, Any], mark: Mark
    ) -> Transaction:
        path = _shown(request_info["request_path"])
        name = self.call_name.explicit_name(args, kwargs) or (None if path else self.call_name.default_name(args))
        explicit_name = None if name is None else ExplicitName(self.call_name.explicit_group(args, kwargs), name)
        identity = intern_identity(process_state.resolve_application(self.application), False, explicit_name)
        extras = _extras(request_info["headers"]) if in_force.settings.queue_time else None
        transaction = CallTransaction()
        transaction._request_info = request_info
        transaction._set_request(_shown(request_info["request_method"]) or None, path)
        begin(transaction, identity, mark)
        transaction._extras = extras
        return transaction


def _resolve(field: Any, args: tuple[Any, ...], kwargs: Mapping[str, Any]) -> Any:
    if not callable(field):
        return field
    try:
        return field(*args, **kwargs)
    except Exception as exception:
        pass_on_signals(exception)
        log_once(("fact", callable_name(field)), "%r failed: the request is recorded without its value", field)
        return None


def _extras(headers: Headers) -> Extras | None:
    """Return extras with the queue time, if the headers tell it."""
    try:
        pairs = headers.items() if isinstance(headers, Mapping) else headers or ()
        found = {_text(key).lower(): _text(value) for key, value in pairs}
    except Exception as failure:
        pass_on_signals(failure)
        kind = type(headers).__name__
        log_once(("headers", kind), "headers= is a mapping or pairs of texts, not what a %s holds: not used", kind)
        return None
    queue_time = queue_time_in(map(found.get, QUEUE_HEADERS))
    if queue_time is None:
        return None
    extras = Extras()
    extras.queue_time = queue_time
    return extras


def _shown(value: Any) -> str:
    """Return a path or method as text; empty if it cannot be converted."""
    try:
        return str(value or "")
    except Exception as failure:
        pass_on_signals(failure)
        return ""


def _text(value: Any) -> str:
    return value.decode("latin-1") if isinstance(value, bytes) else str(value)


class WebArguments:
    """The arguments that all four call forms share, and the block of `weighbridge.agent` with them. Immutable.

    They stand in the signature of each form, and there is no shorter way that keeps
    what people use: the agent takes them by position, which a typed dictionary as
    ``**arguments: Unpack[...]`` cannot; editors and the documentation read signatures
    without running anything, so none can be made from another at run time; and
    `inspect.signature` and a `TypeError` name the form that was called. So
    ``tests/api/test_web_arguments.py`` holds the copies together.
    """

    __slots__ = ("application", "group", "name", "request_info")

    def __init__(
        self, application: ApplicationArgument, name: TextArgument, group: TextArgument, *request_info: Any
    ) -> None:
        self.application: ApplicationArgument = application
        self.name: TextArgument = name
        self.group: TextArgument = group
        self.request_info: Mapping[str, Any] = dict(zip(_REQUEST_FIELDS, request_info, strict=True))

    def opener_for(self, wrapped: Any) -> WebOpener:
        """Return the opener for calls of ``wrapped``."""
        return self._opener_of(call_name_for(wrapped, self.name, self.group))

    def opener_in(self, caller: str) -> WebOpener:
        """Return the opener for a block that a function enters."""
        return self._opener_of(CallName(self.name, self.group, caller))

    def _opener_of(self, call_name: CallName) -> WebOpener:
        """Return an opener of transactions with that name."""
        return WebOpener(self.application, call_name, self.request_info)


@overload
def web_transaction(function: Decorated, /) -> Decorated: ...
@overload
def web_transaction(
    application: ApplicationArgument = None,
    name: TextArgument = None,
    group: TextArgument = None,
    scheme: RequestArgument = None,
    host: RequestArgument = None,
    port: RequestArgument = None,
    request_method: RequestArgument = None,
    request_path: RequestArgument = None,
    query_string: RequestArgument = None,
    headers: Headers | Callable[..., Any] = None,
) -> Callable[[Decorated], Decorated]: ...
def web_transaction(
    application: Any = None,
    name: TextArgument = None,
    group: TextArgument = None,
    scheme: RequestArgument = None,
    host: RequestArgument = None,
    port: RequestArgument = None,
    request_method: RequestArgument = None,
    request_path: RequestArgument = None,
    query_string: RequestArgument = None,
    headers: Headers | Callable[..., Any] = None,
) -> Any:
    """Measure every call of the decorated callable as a web request.

    Inside a web transaction no second one is opened; an explicit ``name`` then
    applies to the outer one. Works on everything that `background_task` works on, and
    measures it from the same start to the same end.

    Args:
        application: as for `background_task`.
        name: as for `background_task`, but by default the ``request_path``, if
            given, with the group ``Uri``, else the function's `callable_name`.
        group: as for `background_task`.
        scheme: the request's scheme; like the following, a value or a callable that
            takes the call's arguments and returns it.
        host: the host that was asked for.
        port: the server's port.
        request_method: the HTTP method.
        request_path: the path, without the query string.
        query_string: the query string, without the question mark.
        headers: a mapping or pairs; read only for the queue time.
    """
    if can_be_wrapped(application):
        return web_transaction()(application)
    arguments = WebArguments(
        application, name, group, scheme, host, port, request_method, request_path, query_string, headers
    )

    def decorator(wrapped: Any) -> Any:
        return wrap(wrapped, arguments.opener_for(wrapped), decorating=True)

    return decorator


def WebTransactionWrapper(  # noqa: N802  the agent's name
    wrapped: Decorated,
    application: ApplicationArgument = None,
    name: TextArgument = None,
    group: TextArgument = None,
    scheme: RequestArgument = None,
    host: RequestArgument = None,
    port: RequestArgument = None,
    request_method: RequestArgument = None,
    request_path: RequestArgument = None,
    query_string: RequestArgument = None,
    headers: Headers | Callable[..., Any] = None,
) -> Decorated:
    """Return a wrapper of ``wrapped`` whose calls are measured as by `web_transaction`.

    Raises:
        TypeError: ``wrapped`` cannot be called.
    """
    arguments = WebArguments(
        application, name, group, scheme, host, port, request_method, request_path, query_string, headers
    )
    return wrap(wrapped, arguments.opener_for(wrapped))  # type: ignore[no-any-return]


def wrap_web_transaction(
    module: Any,
    object_path: str,
    application: ApplicationArgument = None,
    name: TextArgument = None,
    group: TextArgument = None,
    scheme: RequestArgument = None,
    host: RequestArgument = None,
    port: RequestArgument = None,
    request_method: RequestArgument = None,
    request_path: RequestArgument = None,
    query_string: RequestArgument = None,
    headers: Headers | Callable[..., Any] = None,
) -> None:
    """Replace ``module``'s attribute at the dotted ``object_path`` by its measured wrapper.

    Raises:
        ImportError: there is no such module.
        AttributeError: the module has no such attribute.
    """
    arguments = WebArguments(
        application, name, group, scheme, host, port, request_method, request_path, query_string, headers
    )
    wrap_object(module, object_path, arguments.opener_for)


class WebTransaction(Block):
    """Measure a block of code as a web request: ``with WebTransaction(request_path="/feed") as transaction:``.

    Works with ``async with`` as well; the arguments are those of `web_transaction`.

    Raises:
        RuntimeError: the same instance was entered a second time.
    """

    def __init__(
        self,
        application: ApplicationArgument = None,
        name: TextArgument = None,
        group: TextArgument = None,
        scheme: RequestArgument = None,
        host: RequestArgument = None,
        port: RequestArgument = None,
        request_method: RequestArgument = None,
        request_path: RequestArgument = None,
        query_string: RequestArgument = None,
        headers: Headers | Callable[..., Any] = None,
    ) -> None:
        super().__init__()
        self._arguments = WebArguments(
            application, name, group, scheme, host, port, request_method, request_path, query_string, headers
        )

    def _opener(self, caller: str) -> WebOpener:
        return self._arguments.opener_in(caller)
