"""The public API: calls that act on the current transaction, and the settings and life cycle of this process.

Calls on the current transaction look at the context only: they act on the
transaction they find there while it runs, also from a child task or thread.
Outside a transaction they silently do nothing, and they never raise, unless
their arguments do not fit their signature.
"""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterable, Mapping
from functools import partial, wraps
from itertools import islice
from typing import TYPE_CHECKING, Any, Final, TypeVar, cast

from . import configuration, lifecycle
from .configuration.in_force import in_force
from .context.current import get_active
from .custom_values import CustomEvent, CustomMetric
from .handoff import NOTIFY_EACH, handoff
from .host_exceptions import came_through_the_host, pass_on_signals, traceback_of
from .late_imports import late_imports
from .log import capture_internal_exception, log_import_failure, log_once
from .model.applications import Application, ApplicationArgument
from .model.attributes import add_attribute
from .model.clock import epoch
from .model.errors import ExcInfo, class_names, matches, noticed
from .model.finished import AttributeValue
from .model.naming import callable_name, text_of
from .model.numbers import values_of, whole_number
from .model.process_state import process_state
from .model.transaction import Transaction
from .wrappers.by_file import wrap_functions

if TYPE_CHECKING:
    from .configuration import ApplicationSettings, Configuration, Settings
else:  # for `typing.get_type_hints`: they are imported with the settings
    ApplicationSettings = Settings = Any

__all__ = [
    "add_attributes_to",
    "add_custom_attribute",
    "add_custom_attributes",
    "application",
    "application_settings",
    "capture_request_params",
    "current_transaction",
    "end_of_transaction",
    "flush",
    "global_settings",
    "ignore_transaction",
    "initialize",
    "notice_error",
    "notice_error_of",
    "preload",
    "record_custom_event",
    "record_custom_metric",
    "record_custom_metrics",
    "register_application",
    "rename",
    "set_background_task",
    "set_transaction_name",
    "shutdown_agent",
    "suppress_apdex_metric",
    "suppress_transaction_trace",
    "write_at_once",
    "write_setting",
]

_Function = TypeVar("_Function", bound=Callable[..., Any])


def _current() -> Transaction | None:
    """Return the active transaction, brought up to date with per-request keys set since the last call."""
    transaction = get_active()
    if transaction is not None:
        transaction._refresh()
    return transaction


def _harmless(call: _Function) -> _Function:
    """Decorate an API call so that a bug of ours never raises into the host program."""

    @wraps(call)
    def guarded(*args: Any, **kwargs: Any) -> Any:
        try:
            return call(*args, **kwargs)
        except TypeError:
            if _misused(call, args, kwargs):
                raise
            _capture(call.__name__)
        except Exception:
            _capture(call.__name__)
        return False if call.__name__.startswith("add_") else None

    return cast("_Function", guarded)


def _capture(name: str) -> None:
    """Log, in an ``except`` block, what failed: an argument of the host's when it was read, or a bug of ours."""
    failure: Any = sys.exc_info()[1]
    try:
        if isinstance(failure, (MemoryError, RecursionError)) or not came_through_the_host(failure):
            capture_internal_exception(name)
            return
        pass_on_signals(failure)
        kind = type(failure).__name__
        log_once(
            ("argument", name, kind), "%s(): an argument raised %s when it was read: the call had no effect", name, kind
        )
    finally:
        del failure  # see `pass_on`


def _misused(call: Callable[..., Any], args: tuple[Any, ...], kwargs: Mapping[str, Any]) -> bool:
    """Whether the arguments do not fit the signature; the caller then gets a `TypeError`, as from any function."""
    from inspect import signature  # noqa: PLC0415  slow to import, and needed only here

    try:
        signature(call).bind(*args, **kwargs)
    except TypeError:
        return True
    return False


@_harmless
def current_transaction(active_only: bool = True) -> Transaction | None:
    """Return the open transaction, or ``None``.

    Args:
        active_only: ``False`` also returns a transaction that is ignored or stopped.
    """
    transaction = _current()
    return transaction if transaction is None or transaction._is_active or not active_only else None


@_harmless
def set_background_task(flag: bool = True) -> None:
    """Turn the transaction into a background one, or back into a web one; name and group stay."""
    transaction = _current()
    if transaction is not None:
        transaction._set_background(bool(flag))


@_harmless
def set_transaction_name(name: str, group: str | None = None, priority: float | None = None) -> None:
    """Name the transaction.

    Args:
        name: longer names are cut to 255 characters; an empty one is refused.
        group: ``Function`` by default.
        priority: the name with the highest priority stays; at equal priority
            the later one wins. ``None`` always wins and leaves the priority as
            it was. Default names and those set by decorators have priority 1.
    """
    transaction = _current()
    if transaction is not None:
        rename(transaction, name, group, priority)


@_harmless
def rename(transaction: Transaction, name: str, group: str | None = None, priority: float | None = None) -> None:
    """Name a transaction; see `set_transaction_name`."""
    text = text_of(name, "a transaction's name")
    if text is not None:
        transaction._rename(text_of(group, "a transaction's group"), text, _priority(priority))
    elif name is None:
        log_once("no name", "set_transaction_name(None): the transaction keeps its name")


def _priority(priority: object) -> float | None:
    if priority is None or isinstance(priority, (int, float)):
        return priority
    log_once(("priority", type(priority)), "priority=%.80r is not a number: ignored", priority)
    return None


@_harmless
def ignore_transaction(flag: bool = True) -> None:
    """Do not record the transaction; ``False`` undoes that, as long as it has not ended.

    After `end_of_transaction` the call has no effect.
    """
    transaction = _current()
    if transaction is not None:
        transaction._set_ignored(bool(flag))


@_harmless
def suppress_apdex_metric(flag: bool = True) -> None:
    """Exclude the transaction from the Apdex score."""
    transaction = _current()
    if transaction is not None:
        transaction._set_apdex(not flag)


@_harmless
def suppress_transaction_trace(flag: bool = True) -> None:
    """Do not keep the transaction as a sample."""
    transaction = _current()
    if transaction is not None:
        transaction._set_sampled(not flag)


@_harmless
def capture_request_params(flag: bool = True) -> None:
    """Keep the request's query parameters with its sample, except for the denied ones."""
    transaction = _current()
    if transaction is not None:
        transaction._set_capture_params(bool(flag))


@_harmless
def end_of_transaction() -> None:
    """Freeze the transaction's clock, name and kind, and whether it is ignored.

    It is still recorded only when its work really ends.
    """
    transaction = _current()
    if transaction is not None:
        transaction._freeze()


@_harmless
def add_custom_attribute(key: str, value: Any) -> bool:
    """Add a custom attribute to the transaction; return whether it was accepted.

    Text, numbers and booleans are kept as they are; ``UUID``, ``Decimal``, dates
    and times, enums, paths, and lists, tuples, sets and dicts of these (their
    first 20 items) as their ``str()``. A transaction has at most 128 attributes
    with keys of at most 255 bytes; longer text values are cut. Anything else is
    dropped, and the drop counted. No attribute is accepted where the settings
    ``high_security`` or ``attributes_enabled`` rule them out.
    """
    transaction = _current()
    return transaction is not None and transaction._add_attribute(key, value)


@_harmless
def add_custom_attributes(items: Mapping[str, Any] | Iterable[tuple[str, Any]]) -> bool:
    """Add several custom attributes (a mapping or pairs); return whether all of them were accepted."""
    transaction = _current()
    return transaction is not None and add_attributes_to(transaction, items)


@_harmless
def add_attributes_to(transaction: Transaction, items: Mapping[str, Any] | Iterable[tuple[str, Any]]) -> bool:
    """Add custom attributes to a transaction; see `add_custom_attributes`."""
    pairs = _items_of(items)
    taken = [transaction._add_attribute(*_pair(pair)) for pair in pairs or ()]
    return pairs is not None and all(taken)


_MAX_PAIRS: Final = 1000
"""Attributes read from one call's argument: an iterable may be endless."""


def _items_of(items: Any, what: str = "attributes") -> list[Any] | None:
    """Read the host program's mapping or iterable; ``None`` if that fails."""
    try:
        found = list(islice(items.items() if isinstance(items, Mapping) else items, _MAX_PAIRS + 1))
    except Exception as exception:
        pass_on_signals(exception)
        kind = type(items).__name__
        log_once((what, kind), "%s must be a mapping or pairs, not a %s: ignored", what, kind)
        return None
    if len(found) > _MAX_PAIRS:
        log_once(("many", what), "more than %s %s in one call: the rest is ignored", _MAX_PAIRS, what)
    return found[:_MAX_PAIRS]


def _pair(item: Any) -> tuple[Any, Any]:
    """Unpack a key and a value; two ``None``, which are refused later, if the item is not a pair."""
    try:
        key, value = item
    except Exception as exception:
        pass_on_signals(exception)
        return None, None
    return key, value


_ErrorCheck = Callable[[Any, Any, Any], bool | None]
_ErrorRule = bool | str | Iterable[str] | _ErrorCheck | None


@_harmless
def notice_error(
    error: ExcInfo | BaseException | None = None,
    attributes: Mapping[str, Any] | Iterable[tuple[str, Any]] | None = None,
    expected: _ErrorRule = None,
    ignore: _ErrorRule = None,
    status_code: int | Callable[[Any, Any, Any], Any] | None = None,
) -> None:
    """Record an exception that the program handled as an error of the transaction.

    Args:
        error: an exception or the result of ``sys.exc_info()``; by default the exception being handled.
        attributes: custom attributes for the transaction.
        expected: whether to keep the error without failing the transaction: a
            boolean, class names (``module:Class``), or a callable that takes the
            exception's class, value and traceback and returns a boolean or ``None``.
        ignore: whether not to keep the error at all, in the same forms.
        status_code: the HTTP status that the error led to, or a callable that
            returns it; kept as the attribute ``error.status`` and matched against the
            settings ``ignore_status_codes`` (404 and others) and ``expected_status_codes``.

    ``expected`` and ``ignore`` take precedence over the settings. An exception is one error:
    what is said of it first stands, when it is noticed again and when it leaves the transaction.
    """
    transaction = _current()
    if transaction is not None:
        notice_error_of(transaction, error, attributes, expected, ignore, status_code)


@_harmless
def notice_error_of(
    transaction: Transaction,
    error: ExcInfo | BaseException | None = None,
    attributes: Mapping[str, Any] | Iterable[tuple[str, Any]] | None = None,
    expected: _ErrorRule = None,
    ignore: _ErrorRule = None,
    status_code: int | Callable[[Any, Any, Any], Any] | None = None,
) -> None:
    """Record an exception as an error of a transaction; see `notice_error`."""
    exception = _exception_of(error)
    if exception is None:
        return
    names, settings = class_names(exception), in_force.settings
    status = _status_of(status_code, exception)
    ignored = matches(names, settings.ignored_errors) or status in settings.ignore_status_codes
    if _applies(ignore, exception, names, ignored):
        transaction._say(exception, noticed(exception, expected=True), is_kept=False)
        return
    is_expected = matches(names, settings.expected_errors) or status in settings.expected_status_codes
    transaction._say(exception, noticed(exception, _applies(expected, exception, names, is_expected)), is_kept=True)
    if attributes is not None:
        add_attributes_to(transaction, attributes)
    if status is not None:
        transaction._ensure_extras().attributes["error.status"] = status


def _exception_of(error: Any) -> BaseException | None:
    if error is None:
        return sys.exc_info()[1]
    value = error[1] if isinstance(error, tuple) and len(error) == 3 else error
    if isinstance(value, BaseException):
        return value
    kind = type(error).__name__
    log_once(("notice_error", kind), "notice_error() takes an exception or sys.exc_info(), not a %s", kind)
    return None


def _applies(rule: Any, exception: BaseException, names: frozenset[str], otherwise: bool) -> bool:
    """Whether a rule applies to an error; ``otherwise``, the settings' answer, where the rule has none."""
    if callable(rule):
        rule = _answer_of(rule, exception, "the settings decide")
    if rule is None:
        return otherwise
    if isinstance(rule, bool):
        return rule
    try:
        wanted = frozenset([rule] if isinstance(rule, str) else rule)
    except Exception as failure:
        pass_on_signals(failure)
        kind = type(rule).__name__
        log_once(("rule", kind), "expected= and ignore= take a boolean, class names or a callable, not a %s", kind)
        return otherwise
    return otherwise or matches(names, wanted)


def _answer_of(rule: Callable[[Any, Any, Any], Any], exception: BaseException, otherwise: str) -> Any:
    """Call the host program's callable with an error; ``None`` if it raises."""
    try:
        return rule(type(exception), exception, traceback_of(exception))
    except Exception as failure:
        pass_on_signals(failure)
        name = callable_name(rule)
        log_once(("rule", name), "%s failed: %s", name, otherwise)
        return None


def _status_of(status: Any, exception: BaseException) -> int | None:
    """The HTTP status that an error led to, if a valid one was given."""
    value = _answer_of(status, exception, "the error is kept without a status") if callable(status) else status
    if value is None:
        return None
    number = value if isinstance(value, int) and not isinstance(value, bool) else None
    if isinstance(value, str):
        number = whole_number(value)
    if number is not None and 100 <= number <= 999:
        return int(number)
    kind = type(value).__name__
    log_once(("status_code", kind), "status_code= must be a status from 100 to 999 (got a %s): ignored", kind)
    return None


@_harmless
def record_custom_metric(name: str, value: Any, application: ApplicationArgument = None) -> None:
    """Record a value of a metric of your own, such as the length of a queue.

    Count, total, least and most of each minute are kept, of at most 500 names per
    application. Nothing is recorded under the setting ``high_security``.

    Args:
        name: longer names are cut to 255 characters.
        value: a finite number, of at most 1e200; or a dictionary of values that were
            added up already, with ``count``, ``total``, ``min`` and ``max``.
        application: by default that of the current transaction, else the configured one.
    """
    text = text_of(name, "a custom metric's name")
    values = values_of(value)
    if text is None or not process_state.prepare() or not in_force.privacy.takes_custom_values:
        return
    if values is None:
        kind = type(value).__name__
        log_once(("metric", text), "the custom metric %.80r takes a finite number, not this %s: ignored", text, kind)
        return
    minute = int(epoch() // 60) * 60
    for receiver in _receivers(application):
        handoff.custom.add(CustomMetric(receiver, text, minute, *values))
    _notify_unless_recorded_soon()


@_harmless
def record_custom_metrics(
    metrics: Mapping[str, Any] | Iterable[tuple[str, Any]], application: ApplicationArgument = None
) -> None:
    """Record values of several metrics (a mapping or pairs): see `record_custom_metric`."""
    for pair in _items_of(metrics, "custom metrics") or ():
        name, value = _pair(pair)
        record_custom_metric(name, value, application)


@_harmless
def record_custom_event(
    event_type: str,
    params: Mapping[str, Any] | Iterable[tuple[str, Any]] | None = None,
    application: ApplicationArgument = None,
) -> None:
    """Record something that happened, such as an order.

    The events of each type are counted, of at most 50 types per application, and the
    last 20 of each type are kept. Nothing is recorded under the setting ``high_security``.

    Args:
        event_type: longer ones are cut to 255 characters.
        params: attributes of the event, within the limits of `add_custom_attribute`.
        application: by default that of the current transaction, else the configured one.
    """
    text = text_of(event_type, "a custom event's type")
    if text is None or not process_state.prepare() or not in_force.privacy.takes_custom_values:
        return
    attributes: dict[str, AttributeValue] = {}
    for pair in (() if params is None else _items_of(params, "params")) or ():
        if not add_attribute(attributes, *_pair(pair)):
            handoff.record_dropped("attributes")
    allowed, moment = in_force.privacy.attributes(attributes), epoch()
    for receiver in _receivers(application):
        handoff.custom.add(CustomEvent(receiver, text, moment, allowed))
    _notify_unless_recorded_soon()


def _receivers(application: ApplicationArgument) -> tuple[str, ...]:
    """Return the names of the applications that receive a custom metric or event."""
    transaction = get_active() if application is None else None
    found = process_state.resolve_application(application) if transaction is None else transaction.application
    return (found.name, *found.linked)


def _notify_unless_recorded_soon() -> None:
    if handoff.flush_threshold == NOTIFY_EACH:
        handoff.notify_pending()


def application(name: str | None = None) -> Application:
    """Return the application of that name (``"a;b"`` links ``b`` to ``a``), by default the configured one."""
    late_imports.retry()
    process_state.try_load()
    return process_state.resolve_application(name)


def register_application(name: str | None = None, timeout: float | None = None) -> Application:
    """Return the application of that name. Nothing is registered: the very first transaction is recorded.

    Args:
        name: as for `application`.
        timeout: accepted for code written for New Relic's agent, and unused.
    """
    return application(name)


def application_settings(name: str | None = None) -> ApplicationSettings:
    """Return the settings in force for an application."""
    wanted = application(name)
    return global_settings().for_application(wanted)


def global_settings() -> Settings:
    """Return the settings in force in this process.

    While they cannot be read (for lack of a free file descriptor, say), nothing
    is measured, and every setting is ``None``.
    """
    late_imports.retry()
    return in_force.settings if process_state.try_load() else cast("Settings", _UNREAD)


class _Unread:
    """Stands in for settings whose modules cannot be imported."""

    def __getattr__(self, name: str) -> None:
        if name.startswith("__"):
            raise AttributeError(name)

    def for_application(self, name: str) -> _Unread:
        """See `Settings.for_application`."""
        return self


_UNREAD: Final = _Unread()


def initialize(
    config_file: str | None = None,
    environment: str | None = None,
    ignore_errors: bool | None = None,
    log_file: str | None = None,
    log_level: str | int | None = None,
) -> None:
    """Read the settings and import what measuring needs now, rather than at the first transaction.

    Args:
        config_file: a TOML or INI file; by default the one named by ``WEIGHBRIDGE_CONFIG_FILE``.
        environment: the section of the file to use, such as ``production``.
        ignore_errors: ``False`` raises errors in the configuration; otherwise they are logged.
        log_file: where weighbridge logs to: a file, ``"stdout"`` or ``"stderr"``.
        log_level: ``critical``, ``error``, ``warning``, ``info`` or ``debug``.

    Raises:
        weighbridge.transactions.configuration.ConfigurationError: the
            configuration has errors and ``ignore_errors`` is ``False``.
        ImportError, OSError: the modules that read the configuration cannot be
            imported and ``ignore_errors`` is ``False``.
    """
    arguments = {"log_file": log_file, "log_level": log_level}
    given = {name: value for name, value in arguments.items() if value is not None}
    late_imports.retry()
    try:
        with late_imports:
            from .configuration.loading import load_from_environment  # noqa: PLC0415  see `ProcessState.load`
        read = load_from_environment(config_file, environment, given)
    except (ImportError, OSError) as problem:
        if ignore_errors is False:
            raise
        log_import_failure(problem)
        in_force.deferred = partial(initialize, config_file, environment, ignore_errors, log_file, log_level)
        return
    if ignore_errors is False:
        read.require()
    _use(read)
    if ignore_errors is False:
        configuration.current().require()


def _use(read: Configuration) -> None:
    """Put settings into force. A failure once they have been read is ours, so the program never sees it."""
    try:
        lifecycle.restart(read)
    except Exception:
        capture_internal_exception("initialize")
    if read.settings.enabled:
        lifecycle.preload()
        _wrap_named(read)


def _wrap_named(read: Configuration) -> None:
    """Have the functions measured that the configuration file names."""
    if read.functions:
        try:
            wrap_functions(read.functions)
        except (ImportError, OSError) as problem:
            log_import_failure(problem)


@_harmless
def write_setting(name: str, value: object) -> None:
    """Change a setting from now on. It takes precedence over whatever is read later; a bad value is logged."""
    global_settings()
    if not in_force.loaded:
        return
    before, written = in_force.settings, configuration.write(name, value)
    if written.settings == before:
        configuration.use(written)
    else:
        lifecycle.restart(written)


def preload() -> None:
    """Import everything that measuring and writing need, so that forked children need not.

    Workers that fork a child for each job, as RQ does, would otherwise import it
    again in every child. Starts no thread, opens and reads no file, and may be
    called at any time.
    """
    late_imports.retry()
    lifecycle.preload()


def flush(timeout: float | None = None) -> bool:
    """Write every finished transaction to the store now; return whether all of them are there.

    Args:
        timeout: seconds to wait at most for a write that is already under way.
    """
    late_imports.retry()
    try:
        return lifecycle.flush(timeout)
    except Exception:
        capture_internal_exception("flush")
        return False


def shutdown_agent(timeout: float | None = None) -> None:
    """Write what is left and stop the background thread; a transaction that ends later restarts it.

    Args:
        timeout: seconds to wait at most; by default the setting ``shutdown_timeout``.
    """
    try:
        lifecycle.shutdown(timeout)
    except Exception:
        capture_internal_exception("shutdown_agent")


def write_at_once() -> None:
    """Write every transaction as it ends from now on: this process will end without Python being told."""
    try:
        lifecycle.write_at_once()
    except Exception:
        capture_internal_exception("write_at_once")
