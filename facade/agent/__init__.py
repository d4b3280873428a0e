"""The names of `weighbridge`, and all others that code written for ``newrelic.agent`` calls.

Such code migrates by changing one word: ``import weighbridge.agent``. Names without
a meaning here (traces within a transaction, custom events and metrics, distributed
tracing, the browser) have no effect and log that once per name: decorators and
wrappers return what they are given, context managers do nothing, ``wrap_...``
leaves the object alone, and the others return what an agent that is switched off
would. Tools for wrapping that are unrelated to measuring (`function_wrapper`,
`ObjectProxy`, `pre_function` and the like) really work.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Mapping
from types import SimpleNamespace, TracebackType
from typing import TYPE_CHECKING, Any, Final, TypeVar

import weighbridge

# The same names are the point; three of them take more arguments here.
from weighbridge import *  # noqa: F403  # pyright: ignore[reportAssignmentType, reportWildcardImportFromLibrary]
from weighbridge.middleware.lazy_names import load_lazily
from weighbridge.transactions.log import log_once

if TYPE_CHECKING:
    from typing_extensions import Self

    from weighbridge.agent.wrapping import (
        CallableObjectProxy,
        FunctionWrapper,
        InFunctionWrapper,
        ObjectProxy,
        OutFunctionWrapper,
        PostFunctionWrapper,
        PreFunctionWrapper,
        function_wrapper,
        in_function,
        out_function,
        patch_function_wrapper,
        post_function,
        pre_function,
        resolve_path,
        transient_function_wrapper,
        wrap_function_wrapper,
        wrap_in_function,
        wrap_object,
        wrap_object_attribute,
        wrap_out_function,
        wrap_post_function,
        wrap_pre_function,
    )

__all__ = [
    "CallableObjectProxy",
    "DatabaseTrace",
    "DatabaseTraceWrapper",
    "DatastoreTrace",
    "DatastoreTraceWrapper",
    "ErrorTrace",
    "ErrorTraceWrapper",
    "ExternalTrace",
    "ExternalTraceWrapper",
    "FunctionTrace",
    "FunctionTraceWrapper",
    "FunctionWrapper",
    "GeneratorTraceWrapper",
    "InFunctionWrapper",
    "MessageTrace",
    "MessageTraceWrapper",
    "MessageTransaction",
    "MessageTransactionWrapper",
    "NewRelicContextFormatter",
    "ObjectProxy",
    "OutFunctionWrapper",
    "PostFunctionWrapper",
    "PreFunctionWrapper",
    "ProfileTraceWrapper",
    "WithLlmCustomAttributes",
    "accept_distributed_trace_headers",
    "add_custom_span_attribute",
    "add_framework_info",
    "current_span_id",
    "current_trace",
    "current_trace_id",
    "data_source_factory",
    "data_source_generator",
    "database_trace",
    "datastore_trace",
    "disable_browser_autorum",
    "error_trace",
    "external_trace",
    "extra_settings",
    "function_trace",
    "function_wrapper",
    "generator_trace",
    "get_browser_timing_footer",
    "get_browser_timing_header",
    "get_linking_metadata",
    "in_function",
    "insert_distributed_trace_headers",
    "insert_html_snippet",
    "message_trace",
    "message_transaction",
    "out_function",
    "patch_function_wrapper",
    "post_function",
    "pre_function",
    "profile_trace",
    "record_custom_event",
    "record_custom_metric",
    "record_custom_metrics",
    "record_llm_feedback_event",
    "record_log_event",
    "record_ml_event",
    "register_data_source",
    "register_database_client",
    "resolve_path",
    "set_error_group_callback",
    "set_llm_token_count_callback",
    "set_user_id",
    "transient_function_wrapper",
    "verify_body_exists",
    "wrap_database_trace",
    "wrap_datastore_trace",
    "wrap_error_trace",
    "wrap_external_trace",
    "wrap_function_trace",
    "wrap_function_wrapper",
    "wrap_generator_trace",
    "wrap_in_function",
    "wrap_message_trace",
    "wrap_message_transaction",
    "wrap_mlmodel",
    "wrap_object",
    "wrap_object_attribute",
    "wrap_out_function",
    "wrap_post_function",
    "wrap_pre_function",
    "wrap_profile_trace",
]
__all__ += weighbridge.__all__

_T = TypeVar("_T")


def _say(name: str) -> None:
    log_once(("agent", name), "weighbridge.agent.%s changes nothing: it is there so that the program runs", name)


class _Named:
    """A callable that knows the name under which it is found here."""

    __slots__ = ("__name__",)

    def __init__(self, name: str) -> None:
        self.__name__: str = name

    def __repr__(self) -> str:
        return f"<weighbridge.agent.{self.__name__}>"


class _Nothing(_Named):
    """Accepts any arguments and does nothing."""

    __slots__ = ()

    def __call__(self, *args: Any, **kwargs: Any) -> None:
        _say(self.__name__)


def _unchanged(wrapped: _T) -> _T:
    return wrapped


class _Decorator(_Named):
    """Makes decorators that return what they decorate."""

    __slots__ = ()

    def __call__(self, *args: Any, **kwargs: Any) -> Callable[[_T], _T]:
        _say(self.__name__)
        return _unchanged


class _Wrapper:
    """Returns the object that it is asked to wrap. A class, as programs derive from some of these."""

    def __new__(cls, wrapped: Any, *args: Any, **kwargs: Any) -> Any:
        _say(cls.__name__)
        return wrapped


class _Block:
    """A context manager that does nothing."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        _say(type(self).__name__)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, value: BaseException | None, traceback: TracebackType | None
    ) -> None:
        pass

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, value: BaseException | None, traceback: TracebackType | None
    ) -> None:
        pass


# Decorators

data_source_factory: Final = _Decorator("data_source_factory")
data_source_generator: Final = _Decorator("data_source_generator")
database_trace: Final = _Decorator("database_trace")
datastore_trace: Final = _Decorator("datastore_trace")
error_trace: Final = _Decorator("error_trace")
external_trace: Final = _Decorator("external_trace")
function_trace: Final = _Decorator("function_trace")
generator_trace: Final = _Decorator("generator_trace")
message_trace: Final = _Decorator("message_trace")
message_transaction: Final = _Decorator("message_transaction")
profile_trace: Final = _Decorator("profile_trace")

# Wrappers


class DatabaseTraceWrapper(_Wrapper):
    """Returns the object to wrap unchanged."""


class DatastoreTraceWrapper(_Wrapper):
    """Returns the object to wrap unchanged."""


class ErrorTraceWrapper(_Wrapper):
    """Returns the object to wrap unchanged."""


class ExternalTraceWrapper(_Wrapper):
    """Returns the object to wrap unchanged."""


class FunctionTraceWrapper(_Wrapper):
    """Returns the object to wrap unchanged."""


class GeneratorTraceWrapper(_Wrapper):
    """Returns the object to wrap unchanged."""


class MessageTraceWrapper(_Wrapper):
    """Returns the object to wrap unchanged."""


class MessageTransactionWrapper(_Wrapper):
    """Returns the object to wrap unchanged."""


class ProfileTraceWrapper(_Wrapper):
    """Returns the object to wrap unchanged."""


# Blocks


class DatabaseTrace(_Block):
    """A database statement."""


class DatastoreTrace(_Block):
    """A call of a data store."""


class ErrorTrace(_Block):
    """Errors of a block."""


class ExternalTrace(_Block):
    """A call of another service."""


class FunctionTrace(_Block):
    """A part of a transaction."""


class MessageTrace(_Block):
    """A message sent or received."""


class MessageTransaction(_Block):
    """A message being handled: `weighbridge.BackgroundTask` measures that."""


class WithLlmCustomAttributes(_Block):
    """Attributes for language model calls."""


# Functions that wrap an object in place

wrap_database_trace: Final = _Nothing("wrap_database_trace")
wrap_datastore_trace: Final = _Nothing("wrap_datastore_trace")
wrap_error_trace: Final = _Nothing("wrap_error_trace")
wrap_external_trace: Final = _Nothing("wrap_external_trace")
wrap_function_trace: Final = _Nothing("wrap_function_trace")
wrap_generator_trace: Final = _Nothing("wrap_generator_trace")
wrap_message_trace: Final = _Nothing("wrap_message_trace")
wrap_message_transaction: Final = _Nothing("wrap_message_transaction")
wrap_mlmodel: Final = _Nothing("wrap_mlmodel")
wrap_profile_trace: Final = _Nothing("wrap_profile_trace")

# Reports and queries

accept_distributed_trace_headers: Final = _Nothing("accept_distributed_trace_headers")
add_custom_span_attribute: Final = _Nothing("add_custom_span_attribute")
add_framework_info: Final = _Nothing("add_framework_info")
current_span_id: Final = _Nothing("current_span_id")
current_trace: Final = _Nothing("current_trace")
current_trace_id: Final = _Nothing("current_trace_id")
disable_browser_autorum: Final = _Nothing("disable_browser_autorum")
insert_distributed_trace_headers: Final = _Nothing("insert_distributed_trace_headers")
record_custom_event: Final = _Nothing("record_custom_event")
record_custom_metric: Final = _Nothing("record_custom_metric")
record_custom_metrics: Final = _Nothing("record_custom_metrics")
record_llm_feedback_event: Final = _Nothing("record_llm_feedback_event")
record_log_event: Final = _Nothing("record_log_event")
record_ml_event: Final = _Nothing("record_ml_event")
register_data_source: Final = _Nothing("register_data_source")
register_database_client: Final = _Nothing("register_database_client")
set_error_group_callback: Final = _Nothing("set_error_group_callback")
set_llm_token_count_callback: Final = _Nothing("set_llm_token_count_callback")
set_user_id: Final = _Nothing("set_user_id")
verify_body_exists: Final = _Nothing("verify_body_exists")


def get_browser_timing_header(nonce: str | None = None) -> str:
    """Return nothing to put into the head of a page."""
    _say("get_browser_timing_header")
    return ""


def get_browser_timing_footer(nonce: str | None = None) -> str:
    """Return nothing to put at the end of a page."""
    _say("get_browser_timing_footer")
    return ""


def insert_html_snippet(data: bytes, html_to_be_inserted: Callable[[], bytes], search_limit: int = 65536) -> bytes:
    """Return the page unchanged."""
    _say("insert_html_snippet")
    return data


def get_linking_metadata(application: Any = None) -> dict[str, str]:
    """Return the metadata that links log lines: only that they come from a service."""
    _say("get_linking_metadata")
    return {"entity.type": "SERVICE"}


def extra_settings(
    section: str, types: Mapping[str, Callable[[str], Any]] | None = None, defaults: Mapping[str, Any] | None = None
) -> SimpleNamespace:
    """Return the defaults; no section of a configuration file is read."""
    _say("extra_settings")
    return SimpleNamespace(**(defaults or {}))


class NewRelicContextFormatter(logging.Formatter):
    """Formats log records as `logging` does by default."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        _say("NewRelicContextFormatter")
        super().__init__()


# The same names with arguments that only the agent has


def application(name: str | None = None, activate: bool = True) -> weighbridge.Application:  # type: ignore[no-redef]
    """Return the application, as `weighbridge.application` does; nothing needs to be activated."""
    return weighbridge.application(name)


def callable_name(object: Any, separator: str = ":") -> str:  # type: ignore[no-redef]  # noqa: A002  its name there
    """Return the name as `weighbridge.callable_name` does, with another separator between module and name."""
    return weighbridge.callable_name(object).replace(":", separator, 1)


def notice_error(  # type: ignore[no-redef]
    error: Any = None,
    attributes: Any = None,
    expected: Any = None,
    ignore: Any = None,
    status_code: Any = None,
    application: Any = None,
) -> None:
    """Record an error as `weighbridge.notice_error` does; outside a transaction nothing is recorded."""
    if application is not None:
        _say("notice_error(application=...)")
    weighbridge.notice_error(error, attributes, expected, ignore, status_code)


if not TYPE_CHECKING:  # a type checker would take any name for one of ours
    # What is not here yet is there, and loaded when it is asked for, as wrapt imports asyncio.
    load_lazily(__name__, dict.fromkeys(set(__all__) - set(globals()), "weighbridge.agent.wrapping"))
