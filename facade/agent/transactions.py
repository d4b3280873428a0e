"""The current transaction with the methods and properties that the agent gives it.

`weighbridge.current_transaction` gives the transaction itself, with nine public names.
What stands here is a face around it, made when code written for the agent asks for it:
what means something here acts on the transaction, the rest does nothing and logs that
once per name. As in the agent, the context managers are such faces themselves.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Callable, Iterable, Mapping
from types import TracebackType
from typing import TYPE_CHECKING, Any, Final, Literal
from weakref import WeakValueDictionary

import weighbridge
from weighbridge.agent.applications import Application, face_of
from weighbridge.agent.pass_through import Method
from weighbridge.agent.settings import Settings
from weighbridge.transactions import api
from weighbridge.transactions.model.applications import ApplicationArgument
from weighbridge.transactions.model.request import RequestTransaction
from weighbridge.transactions.wrappers.opening import TextArgument
from weighbridge.transactions.wrappers.web import Headers, RequestArgument

if TYPE_CHECKING:
    from typing_extensions import Self
else:  # see `model.applications`
    Self = Any

__all__ = ["BackgroundTask", "Transaction", "WebTransaction", "current_transaction", "trace_ids"]

_faces: Final[WeakValueDictionary[int, Transaction]] = WeakValueDictionary()
"""The face of each transaction that somebody holds, by the transaction's `id`: a face keeps its transaction alive."""

_Attributes = Mapping[str, Any] | Iterable[tuple[str, Any]]

_seed: Final[list[bytes]] = []
"""Random bytes from which identifiers are made; drawn when the first one is asked for."""


def trace_ids(transaction: weighbridge.Transaction) -> tuple[str, str]:
    """Return the identifiers of a transaction, ``guid`` and ``trace_id``: stable, and made only when asked for.

    They follow from the transaction itself, so that nothing needs to be kept with it.
    """
    if not _seed:
        _seed.append(os.urandom(16))
    source = (_seed[0], os.getpid(), id(transaction), transaction._start_time)
    halves = [f"{hash((number, *source)) & 0xFFFF_FFFF_FFFF_FFFF:016x}" for number in (1, 2)]
    return halves[0], "".join(halves)


class Transaction:
    """A transaction as the agent shows it; one that nothing is measured by takes all calls and does nothing."""

    STATE_PENDING: Final = 0
    STATE_RUNNING: Final = 1
    STATE_STOPPED: Final = 2

    _core: weighbridge.Transaction | None = None
    """The transaction itself, if one measures this work."""

    # What acts: names, attributes, errors, the end

    def _acting(self) -> weighbridge.Transaction | None:
        """Return the transaction, brought up to date with per-request keys; ``None`` once it has ended."""
        core = self._core
        if core is None or core._is_finished:
            return None
        core._refresh()
        return core

    def set_transaction_name(self, name: str, group: str | None = None, priority: float | None = None) -> None:
        """Name it: see `weighbridge.set_transaction_name`."""
        core = self._acting()
        if core is not None:
            api.rename(core, name, group, priority)

    def name_transaction(self, name: str, group: str | None = None, priority: float | None = None) -> None:
        """Name it, under the method's old name."""
        self.set_transaction_name(name, group, priority)

    def add_custom_attribute(self, name: str, value: Any) -> bool:
        """Add a custom attribute; return whether it was accepted."""
        return self.add_custom_attributes([(name, value)])

    def add_custom_attributes(self, items: _Attributes) -> bool:
        """Add several custom attributes; return whether all of them were accepted."""
        core = self._acting()
        return core is not None and api.add_attributes_to(core, items)

    add_custom_parameter = add_custom_attribute
    add_custom_parameters = add_custom_attributes
    add_user_attribute = add_custom_attribute
    add_user_attributes = add_custom_attributes

    def notice_error(
        self,
        error: Any = None,
        attributes: _Attributes | None = None,
        expected: Any = None,
        ignore: Any = None,
        status_code: Any = None,
    ) -> None:
        """Record an exception as an error of the transaction: see `weighbridge.notice_error`."""
        core = self._acting()
        if core is not None:
            api.notice_error_of(core, error, attributes, expected, ignore, status_code)

    def record_exception(
        self,
        exc: Any = None,
        value: BaseException | None = None,
        tb: TracebackType | None = None,
        params: _Attributes | None = None,
        ignore_errors: Any = None,
    ) -> None:
        """Record an exception, in the form that `notice_error` had before."""
        self.notice_error(exception_of(exc, value), params, None, ignore_errors)

    def stop_recording(self) -> None:
        """Freeze clock, name and kind: see `weighbridge.end_of_transaction`."""
        core = self._acting()
        if core is not None:
            core._freeze()

    end_of_transaction = stop_recording

    def capture_request_params(self, flag: bool = True) -> None:
        """Keep the request's query parameters with its sample."""
        self.capture_params = flag

    def process_response(self, status_code: Any, response_headers: Any = None, *args: Any) -> list[tuple[str, str]]:
        """Note the status of the response of a web transaction; return no headers to add."""
        core = self._acting()
        status = _status_in(status_code)
        if isinstance(core, RequestTransaction) and core._response_head is None and status is not None:
            core._override_status(status)
        return []

    def record_custom_metric(self, name: str, value: Any) -> None:
        """Record a custom metric of the transaction's application."""
        weighbridge.record_custom_metric(name, value, self.application)

    def record_custom_metrics(self, metrics: Iterable[tuple[str, Any]]) -> None:
        """Record several custom metrics of the transaction's application."""
        weighbridge.record_custom_metrics(metrics, self.application)

    def record_custom_event(self, event_type: str, params: Mapping[str, Any] | None = None) -> None:
        """Record a custom event of the transaction's application."""
        weighbridge.record_custom_event(event_type, params, self.application)

    # What can be set

    @property
    def ignore_transaction(self) -> bool:
        """Whether it will not be recorded; can be set."""
        return self._core is not None and self._core._extras is not None and self._core._extras.ignored

    @ignore_transaction.setter
    def ignore_transaction(self, flag: bool) -> None:
        core = self._acting()
        if core is not None:
            core._set_ignored(bool(flag))

    @property
    def background_task(self) -> bool:
        """Whether its kind is ``background``; can be set."""
        return self._core is not None and self._core._background

    @background_task.setter
    def background_task(self, flag: bool) -> None:
        core = self._acting()
        if core is not None:
            core._set_background(bool(flag))

    @property
    def suppress_apdex(self) -> bool:
        """Whether it has no Apdex; can be set."""
        return self._core is not None and not self._core._identity.flags.apdex

    @suppress_apdex.setter
    def suppress_apdex(self, flag: bool) -> None:
        core = self._acting()
        if core is not None:
            core._set_apdex(not flag)

    @property
    def suppress_transaction_trace(self) -> bool:
        """Whether it is never kept as a sample; can be set."""
        return self._core is not None and not self._core._identity.flags.sampled

    @suppress_transaction_trace.setter
    def suppress_transaction_trace(self, flag: bool) -> None:
        core = self._acting()
        if core is not None:
            core._set_sampled(not flag)

    @property
    def capture_params(self) -> bool | None:
        """Whether its sample keeps the request's parameters; can be set."""
        return None if self._core is None else self._core._identity.flags.capture_params

    @capture_params.setter
    def capture_params(self, flag: bool) -> None:
        core = self._acting()
        if core is not None:
            core._set_capture_params(bool(flag))

    # What can be read

    @property
    def enabled(self) -> bool:
        """Whether a transaction measures this work."""
        return self._core is not None

    @property
    def application(self) -> Application:
        """The application that it is reported to."""
        return face_of(weighbridge.application() if self._core is None else self._core.application)

    @property
    def settings(self) -> Settings:
        """The settings of its application."""
        return Settings(self.application)

    @property
    def kind(self) -> Literal["web", "background"]:
        """``web`` or ``background``."""
        return "web" if self._core is None else self._core.kind

    @property
    def type(self) -> str:
        """``WebTransaction`` or ``OtherTransaction``."""
        return "WebTransaction" if self._core is None else self._core.type

    @property
    def group(self) -> str | None:
        """The middle part of the path."""
        return None if self._core is None else self._core.group

    @property
    def name(self) -> str | None:
        """The last part of the path."""
        return None if self._core is None else self._core.name

    @property
    def path(self) -> str | None:
        """``<type>/<group>/<name>``."""
        return None if self._core is None else self._core.path

    @property
    def group_for_metric(self) -> str | None:
        """The group."""
        return self.group

    @property
    def name_for_metric(self) -> str | None:
        """``<group>/<name>``."""
        return None if self._core is None else f"{self.group}/{self.name}"

    @property
    def started(self) -> float:
        """When it began, in epoch seconds."""
        return 0.0 if self._core is None else self._core.started

    start_time = started

    @property
    def end_time(self) -> float:
        """When it ended, in epoch seconds; 0.0 while it runs."""
        core = self._core
        return 0.0 if core is None or not core._is_finished else core.started + core.duration

    @property
    def duration(self) -> float:
        """Seconds from its start to its end, or until now."""
        return 0.0 if self._core is None else self._core.duration

    @property
    def status(self) -> int | None:
        """The status of its response, if there was one."""
        return None if self._core is None else self._core.status

    @property
    def stopped(self) -> bool:
        """Whether its clock has stopped."""
        return self._core is not None and not self._core._is_running

    @property
    def state(self) -> int:
        """One of the ``STATE_...`` numbers."""
        if self._core is None:
            return self.STATE_PENDING
        return self.STATE_STOPPED if self._core._is_finished else self.STATE_RUNNING

    @property
    def guid(self) -> str | None:
        """An identifier of 16 hexadecimal digits, stable while it runs."""
        return None if self._core is None else trace_ids(self._core)[0]

    @property
    def trace_id(self) -> str | None:
        """An identifier of 32 hexadecimal digits, stable while it runs."""
        return None if self._core is None else trace_ids(self._core)[1]

    @property
    def user_attributes(self) -> list[tuple[str, Any]]:
        """The custom attributes so far."""
        extras = None if self._core is None else self._core._extras
        return [] if extras is None else list(extras.attributes.items())

    @property
    def queue_wait(self) -> float:
        """Seconds that the request waited in a proxy's queue."""
        extras = None if self._core is None else self._core._extras
        return (0.0 if extras is None else extras.queue_time) or 0.0

    # What means nothing here

    agent_attributes: Final[tuple[Any, ...]] = ()
    is_distributed_trace: Final = False
    parent_type: Final = None
    request_parameters: Mapping[str, Any] = {}
    root_span: Final = None
    tracestate: Final = ""

    autorum_disabled: bool = False
    priority: float | None = None
    rum_token: str | None = None
    sampled: bool | None = None

    accept_distributed_trace_headers: Final = Method()
    accept_distributed_trace_payload: Final = Method()
    add_code_level_metrics: Final = Method()
    add_dispatcher_info: Final = Method()
    add_framework_info: Final = Method()
    add_messagebroker_info: Final = Method()
    add_ml_model_info: Final = Method()
    browser_monitoring_intrinsics: Final = Method(dict)
    browser_timing_footer: Final = Method("")
    browser_timing_header: Final = Method("")
    create_distributed_trace_payload: Final = Method()
    disable_browser_autorum: Final = Method()
    dump: Final = Method()
    insert_distributed_trace_headers: Final = Method()
    process_request_metadata: Final = Method(list)
    record_dimensional_metric: Final = Method()
    record_dimensional_metrics: Final = Method()
    record_log_event: Final = Method()
    record_ml_event: Final = Method()
    set_user_id: Final = Method()

    def filter_request_parameters(self, params: Any) -> Any:
        """Return the parameters unchanged."""
        return params

    def __repr__(self) -> str:
        return f"<{type(self).__name__} {self.path or 'that nothing is measured by'}>"

    def _show(self, core: weighbridge.Transaction | None) -> Self:
        """Show a transaction from now on; it keeps the face that somebody holds already."""
        self._core = core
        if core is not None:
            _faces.setdefault(id(core), self)
        return self


def exception_of(exc: Any, value: Any) -> Any:
    """Return the exception given to `record_exception`, which takes one, or the parts of ``sys.exc_info()``."""
    return value if value is not None else exc if isinstance(exc, BaseException) else sys.exc_info()[1]


def _status_in(status: Any) -> int | None:
    """Return the number at the beginning of a status line."""
    digits = str(status)[:3]
    return int(digits) if digits.isdecimal() and len(digits) == 3 else None


class BackgroundTask(Transaction, weighbridge.BackgroundTask):
    """`weighbridge.BackgroundTask`, which is a transaction with the agent's methods itself.

    Args:
        application: as for `weighbridge.background_task`, as are ``name`` and ``group``.
        source: accepted and not used.
    """

    def __init__(
        self,
        application: ApplicationArgument = None,
        name: TextArgument = None,
        group: TextArgument = None,
        source: Any = None,
    ) -> None:
        super().__init__(application, name, group)

    def __enter__(self) -> Self:  # type: ignore[override]
        """Begin; return itself, which now shows the transaction that measures the block."""
        return self._show(self._enter(sys._getframe(1)))

    async def __aenter__(self) -> Self:  # type: ignore[override]
        """See `__enter__`."""
        return self._show(self._enter(sys._getframe(1)))


class WebTransaction(Transaction, weighbridge.WebTransaction):
    """`weighbridge.WebTransaction`, which is a transaction with the agent's methods itself.

    Args:
        application: as for `weighbridge.web_transaction`, as are the others but the last two.
        enabled: ``False`` measures nothing.
        source: accepted and not used.
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
        enabled: bool | None = None,
        source: Any = None,
    ) -> None:
        super().__init__(
            application, name, group, scheme, host, port, request_method, request_path, query_string, headers
        )
        self._is_wanted = enabled is None or bool(enabled)

    def __enter__(self) -> Self:  # type: ignore[override]
        """Begin; return itself, which now shows the transaction that measures the block."""
        return self._show(self._enter(sys._getframe(1)) if self._is_wanted else None)

    async def __aenter__(self) -> Self:  # type: ignore[override]
        """See `__enter__`."""
        return self._show(self._enter(sys._getframe(1)) if self._is_wanted else None)


def _face(core: weighbridge.Transaction) -> Transaction:
    """Return the face of a transaction: the one that somebody holds, or a new one."""
    known = _faces.get(id(core))
    if known is not None:
        return known
    kind: Any = WebTransaction if core._opened_by_web else BackgroundTask
    face = kind.__new__(kind)  # not a block that could be entered: its transaction is open
    face._used, face._opened = True, None
    face._core = core
    return _faces.setdefault(id(core), face)


def current_transaction(active_only: bool = True) -> Transaction | None:
    """Return the open transaction with the agent's methods, or ``None``: see `weighbridge.current_transaction`."""
    core = weighbridge.current_transaction(active_only)
    return None if core is None else _face(core)
