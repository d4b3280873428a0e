"""The modules of ``newrelic`` that programs import, standing in for the agent where it is not installed.

`install` makes them importable in this process; ``weighbridge run --as-newrelic`` calls
it before the program starts. A program, or a library that it uses, then runs without a
change to a line: ``import newrelic.agent`` gives `weighbridge.agent`.
"""

from __future__ import annotations

import sys
from collections.abc import Callable, Mapping, Sequence
from importlib.abc import Loader, MetaPathFinder
from importlib.machinery import ModuleSpec
from importlib.util import find_spec
from types import ModuleType
from typing import Any, Final

from weighbridge import agent
from weighbridge.agent import linking, settings, traces
from weighbridge.transactions import configuration
from weighbridge.transactions.model.errors import STRIPPED, ExcInfo

__all__ = ["VERSION_INFO", "AgentIsInstalled", "install"]

VERSION_INFO: Final = (14, 1, 0)
"""The release of the agent whose names these are: programs ask for it to choose how to call them."""


class AgentIsInstalled(RuntimeError):
    """The agent itself is installed: nothing stands in for it."""


def install() -> None:
    """Make the modules of ``newrelic`` importable, as far as programs import them.

    Raises:
        AgentIsInstalled: they are there already, as the agent is installed.
    """
    if any(isinstance(finder, _Finder) for finder in sys.meta_path):
        return
    spec = find_spec("newrelic")
    if spec is not None and spec.has_location:  # not just a folder of that name
        raise AgentIsInstalled(
            f"newrelic is installed ({spec.origin}), so weighbridge cannot stand in for it: "
            "uninstall it, or leave out --as-newrelic"
        )
    sys.meta_path.insert(0, _Finder())


class InstrumentationError(Exception):
    """Never raised here; there to be caught."""


def _bases_named(error: ExcInfo | None) -> tuple[str, str, tuple[str, ...], str]:
    """Return module, class, names and message of an exception: as ``parse_exc_info`` of the agent."""
    found = error or sys.exc_info()
    cls, value = found[0] or type(None), found[1]
    names = tuple(f"{cls.__module__}{mark}{cls.__name__}" for mark in ":.")
    return cls.__module__, cls.__name__, names, "" if value is None else str(value)


def _context_of(found: Any) -> tuple[str, str]:
    """Return module and qualified name of an object: as ``object_context`` of the agent."""
    module, _, name = agent.callable_name(found).partition(":")
    return module, name


def _applied(name: str) -> Callable[[Any], Any]:
    """Return a decorator for calls of the API, which are counted by the agent and not here."""
    return lambda wrapped: wrapped


def _all_of(*names: str) -> dict[str, Any]:
    return {name: name for name in names}


def _forms(kind: str, block: str) -> dict[str, Any]:
    """Return the four call forms of one thing: ``function_trace``, ``FunctionTrace`` and so on."""
    return _all_of(kind, block, f"{block}Wrapper", f"wrap_{kind}")


_TOOLS: Final = _all_of(
    *("CallableObjectProxy", "FunctionWrapper", "ObjectProxy", "function_wrapper", "patch_function_wrapper"),
    *("resolve_path", "transient_function_wrapper", "wrap_function_wrapper", "wrap_object", "wrap_object_attribute"),
    *(f"{kind}_function" for kind in ("pre", "post", "in", "out")),
    *(f"wrap_{kind}_function" for kind in ("pre", "post", "in", "out")),
    *(f"{kind}FunctionWrapper" for kind in ("Pre", "Post", "In", "Out")),
)

_MODULES: Final[Mapping[str, Mapping[str, Any]]] = {
    "newrelic": {
        "__version__": lambda: ".".join(map(str, VERSION_INFO)),
        "version": lambda: ".".join(map(str, VERSION_INFO)),
        "version_info": lambda: VERSION_INFO,
    },
    "newrelic.agent": {},
    "newrelic.config": _all_of("extra_settings", "global_settings", "initialize"),
    "newrelic.api": {},
    "newrelic.api.application": {
        **_all_of("Application", "application_settings", "register_application"),
        "application_instance": "application",
    },
    "newrelic.api.asgi_application": _all_of("ASGIApplicationWrapper", "asgi_application", "wrap_asgi_application"),
    "newrelic.api.background_task": _forms("background_task", "BackgroundTask"),
    "newrelic.api.database_trace": _forms("database_trace", "DatabaseTrace") | _all_of("register_database_client"),
    "newrelic.api.datastore_trace": _forms("datastore_trace", "DatastoreTrace"),
    "newrelic.api.error_trace": _forms("error_trace", "ErrorTrace"),
    "newrelic.api.exceptions": {
        "ConfigurationError": lambda: configuration.ConfigurationError,
        "InstrumentationError": lambda: InstrumentationError,
    },
    "newrelic.api.external_trace": _forms("external_trace", "ExternalTrace"),
    "newrelic.api.function_trace": _forms("function_trace", "FunctionTrace"),
    "newrelic.api.generator_trace": _all_of("GeneratorTraceWrapper", "generator_trace", "wrap_generator_trace"),
    "newrelic.api.html_insertion": _all_of("insert_html_snippet", "verify_body_exists"),
    "newrelic.api.llm_custom_attributes": _all_of("WithLlmCustomAttributes"),
    "newrelic.api.log": _all_of("NewRelicContextFormatter"),
    "newrelic.api.memcache_trace": _all_of("MemcacheTrace", "memcache_trace", "wrap_memcache_trace"),
    "newrelic.api.message_trace": _forms("message_trace", "MessageTrace"),
    "newrelic.api.message_transaction": _forms("message_transaction", "MessageTransaction"),
    "newrelic.api.ml_model": _all_of("record_llm_feedback_event", "set_llm_token_count_callback", "wrap_mlmodel"),
    "newrelic.api.object_wrapper": _TOOLS | _all_of("callable_name"),
    "newrelic.api.profile_trace": _all_of("ProfileTraceWrapper", "profile_trace", "wrap_profile_trace"),
    "newrelic.api.settings": _all_of("set_error_group_callback")
    | {"settings": "global_settings", "STRIP_EXCEPTION_MESSAGE": lambda: STRIPPED},
    "newrelic.api.solr_trace": _all_of("SolrTrace", "solr_trace", "wrap_solr_trace"),
    "newrelic.api.supportability": {"wrap_api_call": lambda: _applied},
    "newrelic.api.time_trace": {
        **_all_of("add_custom_span_attribute", "current_trace", "get_linking_metadata", "notice_error"),
        **_all_of("record_exception"),
        "TimeTrace": lambda: traces.TimeTrace,
        "get_service_linking_metadata": lambda: linking.get_service_linking_metadata,
        "get_trace_linking_metadata": lambda: linking.get_trace_linking_metadata,
    },
    "newrelic.api.transaction": {
        **_all_of("accept_distributed_trace_headers", "add_custom_attribute", "add_custom_attributes"),
        **_all_of("add_custom_parameter", "add_custom_parameters", "add_framework_info", "capture_request_params"),
        **_all_of("current_span_id", "current_trace_id", "current_transaction", "disable_browser_autorum"),
        **_all_of("end_of_transaction", "get_browser_timing_footer", "get_browser_timing_header"),
        **_all_of("ignore_transaction", "insert_distributed_trace_headers", "record_custom_event"),
        **_all_of("record_custom_metric", "record_custom_metrics", "record_exception", "record_log_event"),
        **_all_of("record_ml_event", "set_background_task", "set_transaction_name", "set_user_id"),
        **_all_of("suppress_apdex_metric", "suppress_transaction_trace", "Transaction"),
    },
    "newrelic.api.transaction_name": _all_of(
        *("TransactionNameWrapper", "transaction_name", "wrap_transaction_name"),
        *("NameTransactionWrapper", "name_transaction", "wrap_name_transaction"),
    ),
    "newrelic.api.web_transaction": {
        **_forms("web_transaction", "WebTransaction"),
        **_all_of("WSGIApplicationWrapper", "wrap_wsgi_application", "wsgi_application"),
        "WSGIWebTransaction": "WebTransaction",
    },
    "newrelic.api.wsgi_application": _all_of("WSGIApplicationWrapper", "wrap_wsgi_application", "wsgi_application"),
    "newrelic.common": {},
    "newrelic.common.object_names": {
        "callable_name": "callable_name",
        "object_context": lambda: _context_of,
        "parse_exc_info": lambda: _bases_named,
    },
    "newrelic.common.object_wrapper": _TOOLS,
    "newrelic.core": {},
    "newrelic.core.agent": {
        **_all_of("register_data_source", "shutdown_agent"),
        "agent_instance": "application",
    },
    "newrelic.core.config": {"global_settings": "global_settings", "Settings": lambda: settings.Settings},
}
"""What each module has: a name of `weighbridge.agent`, or a function that gives the value."""


class _Module(ModuleType):
    """A module whose names are looked up in the table when they are accessed."""

    def __getattr__(self, name: str) -> Any:
        known = _MODULES[self.__name__]
        if name not in known:
            raise AttributeError(f"module {self.__name__!r}, for which weighbridge stands in, has no {name!r} here")
        found = known[name]
        value = getattr(agent, found) if isinstance(found, str) else found()
        setattr(self, name, value)
        return value

    def __dir__(self) -> list[str]:
        return sorted({*super().__dir__(), *_MODULES[self.__name__]})


class _Finder(MetaPathFinder, Loader):
    """Finds the modules of the table."""

    def find_spec(
        self, name: str, path: Sequence[str] | None = None, target: ModuleType | None = None
    ) -> ModuleSpec | None:
        """Return how to make a module that is in the table."""
        if name not in _MODULES:
            return None
        is_package = any(known.startswith(f"{name}.") for known in _MODULES)
        return ModuleSpec(name, self, origin="weighbridge", is_package=is_package)

    def create_module(self, spec: ModuleSpec) -> ModuleType:
        """Return a new, empty module."""
        return _Module(spec.name, "Stands in for the agent's module of the same name.")

    def exec_module(self, module: ModuleType) -> None:
        """Fill the module: `weighbridge.agent` takes the place of ``newrelic.agent``, so that both are one."""
        if module.__name__ == "newrelic.agent":
            sys.modules[module.__name__] = agent
