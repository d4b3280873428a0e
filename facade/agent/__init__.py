"""The names of `weighbridge`, and all others that code written for ``newrelic.agent`` calls.

Such code migrates by changing one word: ``import weighbridge.agent``. Transactions,
applications and settings have the agent's methods and properties as well. Names without
a meaning here (parts of a transaction, distributed tracing, the browser) have no effect
and log that once per name: decorators and wrappers return what they are given, context
managers do nothing, ``wrap_...`` leaves the object alone, and the others return what an
agent that is switched off would. Tools for wrapping that are unrelated to measuring
(`function_wrapper`, `ObjectProxy`, `pre_function` and the like) really work.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from types import SimpleNamespace, TracebackType
from typing import TYPE_CHECKING, Any, Final

import weighbridge

# The same names are the point; some of them give objects with more methods here, or take more arguments.
from weighbridge import *  # noqa: F403  # pyright: ignore[reportAssignmentType, reportWildcardImportFromLibrary]
from weighbridge import version as version
from weighbridge import version_info as version_info
from weighbridge.agent.applications import (  # type: ignore[assignment]
    Application,
    application,
    application_settings,
    register_application,
)
from weighbridge.agent.linking import NewRelicContextFormatter, get_linking_metadata
from weighbridge.agent.messages import (
    MessageTransaction,
    MessageTransactionWrapper,
    message_transaction,
    wrap_message_transaction,
)
from weighbridge.agent.pass_through import Decorator, Nothing, Wrapper, say_unused
from weighbridge.agent.settings import global_settings  # type: ignore[assignment]
from weighbridge.agent.traces import (
    DatabaseTrace,
    DatastoreTrace,
    ErrorTrace,
    ExternalTrace,
    FunctionTrace,
    MemcacheTrace,
    MessageTrace,
    SolrTrace,
    WithLlmCustomAttributes,
)
from weighbridge.agent.transactions import (  # type: ignore[assignment]
    BackgroundTask,
    Transaction,
    WebTransaction,
    current_transaction,
    exception_of,
)
from weighbridge.middleware.lazy_names import load_lazily
from weighbridge.transactions import lifecycle

if TYPE_CHECKING:
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
    "Application",
    "BackgroundTask",
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
    "MemcacheTrace",
    "MessageTrace",
    "MessageTraceWrapper",
    "MessageTransaction",
    "MessageTransactionWrapper",
    "NameTransactionWrapper",
    "NewRelicContextFormatter",
    "ObjectProxy",
    "OutFunctionWrapper",
    "PostFunctionWrapper",
    "PreFunctionWrapper",
    "ProfileTraceWrapper",
    "SolrTrace",
    "Transaction",
    "WebTransaction",
    "WithLlmCustomAttributes",
    "accept_distributed_trace_headers",
    "add_custom_parameter",
    "add_custom_parameters",
    "add_custom_span_attribute",
    "add_framework_info",
    "add_user_attribute",
    "add_user_attributes",
    "application",
    "application_settings",
    "callable_name",
    "current_span_id",
    "current_trace",
    "current_trace_id",
    "current_transaction",
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
    "global_settings",
    "in_function",
    "initialize",
    "insert_distributed_trace_headers",
    "insert_html_snippet",
    "memcache_trace",
    "message_trace",
    "message_transaction",
    "name_transaction",
    "notice_error",
    "out_function",
    "patch_function_wrapper",
    "post_function",
    "pre_function",
    "profile_trace",
    "record_exception",
    "record_llm_feedback_event",
    "record_log_event",
    "record_ml_event",
    "register_application",
    "register_data_source",
    "register_database_client",
    "resolve_path",
    "set_error_group_callback",
    "set_llm_token_count_callback",
    "set_user_id",
    "solr_trace",
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
    "wrap_memcache_trace",
    "wrap_message_trace",
    "wrap_message_transaction",
    "wrap_mlmodel",
    "wrap_name_transaction",
    "wrap_object",
    "wrap_object_attribute",
    "wrap_out_function",
    "wrap_post_function",
    "wrap_pre_function",
    "wrap_profile_trace",
    "wrap_solr_trace",
]
__all__ += weighbridge.__all__

# Decorators

data_source_factory: Final = Decorator("data_source_factory")
data_source_generator: Final = Decorator("data_source_generator")
database_trace: Final = Decorator("database_trace")
datastore_trace: Final = Decorator("datastore_trace")
error_trace: Final = Decorator("error_trace")
external_trace: Final = Decorator("external_trace")
function_trace: Final = Decorator("function_trace")
generator_trace: Final = Decorator("generator_trace")
message_trace: Final = Decorator("message_trace")
profile_trace: Final = Decorator("profile_trace")

# Wrappers


class DatabaseTraceWrapper(Wrapper):
    """Returns the object to wrap unchanged."""


class DatastoreTraceWrapper(Wrapper):
    """Returns the object to wrap unchanged."""


class ErrorTraceWrapper(Wrapper):
    """Returns the object to wrap unchanged."""


class ExternalTraceWrapper(Wrapper):
    """Returns the object to wrap unchanged."""


class FunctionTraceWrapper(Wrapper):
    """Returns the object to wrap unchanged."""


class GeneratorTraceWrapper(Wrapper):
    """Returns the object to wrap unchanged."""


class MessageTraceWrapper(Wrapper):
    """Returns the object to wrap unchanged."""


class ProfileTraceWrapper(Wrapper):
    """Returns the object to wrap unchanged."""


# Functions that wrap an object in place

wrap_database_trace: Final = Nothing("wrap_database_trace")
wrap_datastore_trace: Final = Nothing("wrap_datastore_trace")
wrap_error_trace: Final = Nothing("wrap_error_trace")
wrap_external_trace: Final = Nothing("wrap_external_trace")
wrap_function_trace: Final = Nothing("wrap_function_trace")
wrap_generator_trace: Final = Nothing("wrap_generator_trace")
wrap_message_trace: Final = Nothing("wrap_message_trace")
wrap_mlmodel: Final = Nothing("wrap_mlmodel")
wrap_profile_trace: Final = Nothing("wrap_profile_trace")

# Reports and queries

accept_distributed_trace_headers: Final = Nothing("accept_distributed_trace_headers")
add_custom_span_attribute: Final = Nothing("add_custom_span_attribute")
add_framework_info: Final = Nothing("add_framework_info")
current_span_id: Final = Nothing("current_span_id")
current_trace: Final = Nothing("current_trace")
current_trace_id: Final = Nothing("current_trace_id")
disable_browser_autorum: Final = Nothing("disable_browser_autorum")
insert_distributed_trace_headers: Final = Nothing("insert_distributed_trace_headers")
record_llm_feedback_event: Final = Nothing("record_llm_feedback_event")
record_log_event: Final = Nothing("record_log_event")
record_ml_event: Final = Nothing("record_ml_event")
register_data_source: Final = Nothing("register_data_source")
register_database_client: Final = Nothing("register_database_client")
set_error_group_callback: Final = Nothing("set_error_group_callback")
set_llm_token_count_callback: Final = Nothing("set_llm_token_count_callback")
set_user_id: Final = Nothing("set_user_id")
verify_body_exists: Final = Nothing("verify_body_exists")


def get_browser_timing_header(nonce: str | None = None) -> str:
    """Return nothing to put into the head of a page."""
    say_unused("get_browser_timing_header")
    return ""


def get_browser_timing_footer(nonce: str | None = None) -> str:
    """Return nothing to put at the end of a page."""
    say_unused("get_browser_timing_footer")
    return ""


def insert_html_snippet(data: bytes, html_to_be_inserted: Callable[[], bytes], search_limit: int = 65536) -> bytes:
    """Return the page unchanged."""
    say_unused("insert_html_snippet")
    return data


def extra_settings(
    section: str, types: Mapping[str, Callable[[str], Any]] | None = None, defaults: Mapping[str, Any] | None = None
) -> SimpleNamespace:
    """Return the defaults; no section of a configuration file is read."""
    say_unused("extra_settings")
    return SimpleNamespace(**(defaults or {}))


# The same names with arguments that only the agent has


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
        say_unused("notice_error(application=...)")
    weighbridge.notice_error(error, attributes, expected, ignore, status_code)


def initialize(  # type: ignore[no-redef]
    config_file: str | None = None,
    environment: str | None = None,
    ignore_errors: bool | None = None,
    log_file: str | None = None,
    log_level: str | int | None = None,
) -> None:
    """Read the settings, as `weighbridge.initialize` does.

    In the agent this call is enough; here something has to open transactions. If
    nothing does by the end of the process, that is logged.
    """
    lifecycle.expect_entry_points()
    weighbridge.initialize(config_file, environment, ignore_errors, log_file, log_level)


# Names that earlier releases of the agent had

add_custom_parameter: Final = weighbridge.add_custom_attribute
add_custom_parameters: Final = weighbridge.add_custom_attributes
add_user_attribute: Final = weighbridge.add_custom_attribute
add_user_attributes: Final = weighbridge.add_custom_attributes
name_transaction: Final = weighbridge.transaction_name
wrap_name_transaction: Final = weighbridge.wrap_transaction_name
NameTransactionWrapper: Final = weighbridge.TransactionNameWrapper
memcache_trace: Final = Decorator("memcache_trace")
solr_trace: Final = Decorator("solr_trace")
wrap_memcache_trace: Final = Nothing("wrap_memcache_trace")
wrap_solr_trace: Final = Nothing("wrap_solr_trace")


def record_exception(
    exc: Any = None,
    value: BaseException | None = None,
    tb: TracebackType | None = None,
    params: Mapping[str, Any] | None = None,
    ignore_errors: Any = None,
    application: Any = None,
) -> None:
    """Record an exception, in the form that `notice_error` had before."""
    if application is not None:
        say_unused("record_exception(application=...)")
    weighbridge.notice_error(exception_of(exc, value), params, None, ignore_errors)


if not TYPE_CHECKING:  # a type checker would take any name for one of ours
    # What is not here yet is there, and loaded when it is asked for, as wrapt imports asyncio.
    load_lazily(__name__, dict.fromkeys(set(__all__) - set(globals()), "weighbridge.agent.wrapping"))
