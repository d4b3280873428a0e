"""Web transactions that no door opens: the four call forms for servers of one's own."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from typing import Any, Final, overload

from ..host_exceptions import pass_on_signals
from ..log import log_once, swallowed
from ..model.applications import ApplicationArgument
from ..model.finished import AttributeValue
from ..model.label import Given, label_of
from ..model.naming import callable_name
from ..model.process import here
from ..model.queue_time import QUEUE_HEADERS, queue_time_in
from ..model.request import RequestTransaction
from ..model.transaction import Extras, Transaction
from ..stack.lifetime import Mark, begin
from .blocks import Block
from .entry import Naming, TextArgument, owner_of
from .method_names import naming_for
from .paths import wrap_object
from .wrapping import Decorated, can_be_wrapped, wrap

__all__ = [
    "RequestArgument",
    "WebEntry",
    "WebTransaction",
    "WebTransactionWrapper",
    "joined",
    "web_transaction",
    "wrap_web_transaction",
]

Headers = Mapping[str, str] | Iterable[tuple[Any, Any]] | None
RequestArgument = str | int | Callable[..., Any] | None
"""A fact of the request, or a callable of the call's own arguments that gives it."""

_FACTS: Final = ("scheme", "host", "port", "request_method", "request_path", "query_string", "headers")


def outer_request() -> Transaction | None:
    """The transaction of an outer web entry, which a web entry reached here belongs to.

    Inside a transaction that a background entry opened there is none: a job
    that runs a server must not swallow the server's requests.
    """
    owner = owner_of()
    return owner if owner is not None and owner._opened_by_web_entry else None


def joined(given: Given | None) -> Transaction | None:
    """The `outer_request`, which takes the name of the web entry that was reached."""
    owner = outer_request()
    if owner is not None and given is not None:
        owner._refresh()
        if owner._active:
            owner._rename(*given)
    return owner


class CalledRequest(RequestTransaction):
    """A request whose facts were given by the call that handles it."""

    __slots__ = ("_facts",)

    _facts: Mapping[str, Any]

    def _query_string(self) -> str:
        """The query, without the question mark."""
        query = self._facts.get("query_string") or ""
        return query.decode("latin-1") if isinstance(query, bytes) else str(query)

    def _let_go(self, whole: bool) -> None:
        """See `Transaction._let_go`."""
        super()._let_go(whole)
        self._facts = {}

    def _read_details(self) -> dict[str, AttributeValue]:
        """What only samples show."""
        details = super()._read_details()
        for fact, attribute in (("host", "request.host"), ("port", "request.port"), ("scheme", "request.scheme")):
            value = self._facts.get(fact)
            if isinstance(value, (str, int)):
                details[attribute] = value
        return details


class WebEntry:
    """Opens a web transaction, unless an outer web entry has."""

    __slots__ = ("application", "facts", "naming")

    def __init__(self, application: ApplicationArgument, naming: Naming, facts: Mapping[str, Any]) -> None:
        self.application: ApplicationArgument = application
        self.naming: Naming = naming
        self.facts: Mapping[str, Any] = facts

    def open(self, args: tuple[Any, ...], kwargs: Mapping[str, Any], mark: Mark) -> Transaction | None:
        """See `entries.Entry.open`."""
        try:
            owner = outer_request()
            if owner is not None:
                self._name(owner, args, kwargs)
                return None
            if not here.prepare():
                return None
            facts = {fact: _given(self.facts[fact], args, kwargs) for fact in _FACTS}
            return self._fresh(args, kwargs, facts, mark)
        except Exception:
            swallowed("WebEntry.open")
            return None

    def _name(self, owner: Transaction, args: tuple[Any, ...], kwargs: Mapping[str, Any]) -> None:
        """Give the outer request the explicit name of this call, where it takes one."""
        owner._refresh()
        if not owner._active or not owner._takes_name(1):
            return
        name = self.naming.given_name(args, kwargs)
        if name is not None:
            owner._rename(self.naming.given_group(args, kwargs), name, priority=1)

    def _fresh(
        self, args: tuple[Any, ...], kwargs: Mapping[str, Any], facts: Mapping[str, Any], mark: Mark
    ) -> Transaction:
        path = str(facts["request_path"] or "")
        name = self.naming.given_name(args, kwargs) or (None if path else self.naming.default_name(args))
        given = None if name is None else Given(self.naming.given_group(args, kwargs), name)
        method = facts["request_method"]
        label = label_of(here.application_of(self.application), False, given)
        extras = _extras(facts["headers"]) if here.settings.queue_time else None
        transaction = CalledRequest()
        transaction._facts = facts
        transaction._describe(str(method) if method else None, path)
        begin(transaction, label, mark)
        transaction._extras = extras
        return transaction


def _facts(*values: Any) -> dict[str, Any]:
    return dict(zip(_FACTS, values, strict=True))


def _given(fact: Any, args: tuple[Any, ...], kwargs: Mapping[str, Any]) -> Any:
    if not callable(fact):
        return fact
    try:
        return fact(*args, **kwargs)
    except Exception as exception:
        pass_on_signals(exception)
        log_once(("fact", callable_name(fact)), "%r failed: the request goes without what it was to give", fact)
        return None


def _extras(headers: Headers) -> Extras | None:
    """With the time that a request waited, where a header tells it."""
    if not headers:
        return None
    pairs = headers.items() if isinstance(headers, Mapping) else headers
    found = {_text(key).lower(): _text(value) for key, value in pairs}
    queue_time = queue_time_in(map(found.get, QUEUE_HEADERS))
    if queue_time is None:
        return None
    extras = Extras()
    extras.queue_time = queue_time
    return extras


def _text(value: Any) -> str:
    return value.decode("latin-1") if isinstance(value, bytes) else str(value)


def _entry(
    wrapped: Any, application: ApplicationArgument, naming: tuple[Any, Any], facts: Mapping[str, Any]
) -> WebEntry:
    return WebEntry(application, naming_for(wrapped, *naming), facts)


@overload
def web_transaction(application: Decorated, /) -> Decorated: ...
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

    Inside a transaction that another web entry opened no second one is opened;
    an explicit ``name`` applies to that one. Works on whatever `background_task`
    works on, and measures it as long.

    Args:
        application: as in `background_task`, as are ``name`` and ``group``;
            without a name the transaction is called by its ``request_path``
            where that is given (group ``Uri``), else by the function.
        scheme: of the request, or a callable of the call's arguments that gives it.
        host: likewise.
        port: likewise.
        request_method: likewise.
        request_path: likewise.
        query_string: likewise.
        headers: a mapping or pairs; read for the time in front-end queues.
    """
    if can_be_wrapped(application):
        return web_transaction()(application)
    facts = _facts(scheme, host, port, request_method, request_path, query_string, headers)

    def decorator(wrapped: Any) -> Any:
        return wrap(wrapped, _entry(wrapped, application, (name, group), facts), decorating=True)

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
    """A stand-in for ``wrapped`` whose calls are measured as `web_transaction` says.

    Raises:
        TypeError: ``wrapped`` cannot be called.
    """
    facts = _facts(scheme, host, port, request_method, request_path, query_string, headers)
    return wrap(wrapped, _entry(wrapped, application, (name, group), facts))  # type: ignore[no-any-return]


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
    """Replace ``module``'s attribute at the dotted ``object_path`` by its measured stand-in.

    Raises:
        ImportError: there is no such module.
        AttributeError: the module has no such attribute.
    """
    facts = _facts(scheme, host, port, request_method, request_path, query_string, headers)
    wrap_object(module, object_path, lambda wrapped: _entry(wrapped, application, (name, group), facts))


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
        self._application = application
        self._naming = (name, group)
        self._facts = _facts(scheme, host, port, request_method, request_path, query_string, headers)

    def _entry(self, caller: str) -> WebEntry:
        return WebEntry(self._application, Naming(*self._naming, caller), self._facts)
