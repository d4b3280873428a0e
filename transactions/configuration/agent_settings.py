"""The settings of New Relic's agent, from which people migrate: which ones have an effect here, and which do not.

Source: the agent's public documentation and the comments of the file that it generates.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Final, NamedTuple

from .values import CLASSES, LABEL, LOG_FILE, NAMES, PATTERNS, SWITCH, ValueKind, adding, all_of

__all__ = [
    "ALIASES",
    "COUNTERPARTS",
    "GENERATED",
    "Counterpart",
    "instead_of",
    "is_agent_section",
    "is_agent_setting",
    "is_agent_variable",
]

ALIASES: Final[Mapping[str, str]] = {
    "attributes.enabled": "attributes_enabled",
    "attributes.exclude": "attributes_exclude",
    "attributes.include": "attributes_include",
    "error_collector.enabled": "error_collector_enabled",
    "strip_exception_messages.allowlist": "strip_exception_messages_allowlist",
    "strip_exception_messages.enabled": "strip_exception_messages",
    "strip_exception_messages.whitelist": "strip_exception_messages_allowlist",
    "error_collector.ignore_status_codes": "ignore_status_codes",
    "error_collector.expected_status_codes": "expected_status_codes",
}
"""Settings that mean exactly the same here: our names by the agent's."""


class Counterpart(NamedTuple):
    """The setting of ours that a setting of the agent changes, and how its value is read."""

    setting: str
    kind: ValueKind
    lasting: bool = False
    """It applies in addition to any other value of our setting, whichever source that comes from."""


_DESTINATIONS: Final = ("transaction_events", "transaction_tracer", "error_collector")
"""What the agent attaches attributes to. A sample is all of these, so what one of them excludes is excluded."""


def _of_destinations() -> Iterator[tuple[str, Counterpart]]:
    for destination in _DESTINATIONS:
        name = f"{destination}.attributes"
        yield f"{name}.enabled", Counterpart("attributes_enabled", all_of(SWITCH), lasting=True)
        yield f"{name}.include", Counterpart("attributes_include", adding(PATTERNS), lasting=True)
        yield f"{name}.exclude", Counterpart("attributes_exclude", adding(PATTERNS), lasting=True)


COUNTERPARTS: Final[Mapping[str, Counterpart]] = {
    "monitor_mode": Counterpart("enabled", SWITCH),
    "process_host.display_name": Counterpart("host", LABEL),
    "log": Counterpart("log_file", LOG_FILE),
    "error_collector.ignore_errors": Counterpart("ignored_errors", adding(CLASSES)),
    "error_collector.ignore_classes": Counterpart("ignored_errors", adding(CLASSES)),
    "error_collector.expected_classes": Counterpart("expected_errors", adding(CLASSES)),
    "ignored_params": Counterpart("denied_params", adding(NAMES)),
    **dict(_of_destinations()),
}
"""Counterparts by the agent's name, in lower case."""

GENERATED: Final = (
    *("license_key", "app_name", "monitor_mode", "log_file", "log_level", "high_security"),
    *("proxy_scheme", "proxy_host", "proxy_port", "proxy_user", "proxy_pass", "attributes.include"),
    *("transaction_tracer.enabled", "transaction_tracer.transaction_threshold", "transaction_tracer.record_sql"),
    *("transaction_tracer.stack_trace_threshold", "transaction_tracer.explain_enabled"),
    *("transaction_tracer.explain_threshold", "transaction_tracer.function_trace", "error_collector.enabled"),
    *("error_collector.ignore_classes", "error_collector.expected_classes", "browser_monitoring.auto_instrument"),
    *("thread_profiler.enabled", "api_key", "distributed_tracing.enabled", "application_logging.enabled"),
    *("application_logging.forwarding.enabled", "application_logging.local_decorating.enabled"),
    "application_logging.metrics.enabled",
)
"""The settings in the file that the agent generates for a new user, in the file's order."""

_SAMPLES: Final = "samples, which are kept of the slowest transactions of each minute and of the first that fail"
_INSTEAD: Final[Mapping[str, str]] = {
    "license_key": "the setting `store`: nothing is sent anywhere",
    "application_logging.local_decorating.enabled": "`NewRelicContextFormatter`, which writes the linking metadata",
    "transaction_tracer.enabled": _SAMPLES,
    "transaction_tracer.transaction_threshold": _SAMPLES,
}
"""What there is here instead of a setting that has no counterpart."""


def instead_of(name: str) -> str | None:
    """Return what replaces a setting of the agent that is not applied here; ``None`` if nothing does."""
    return _INSTEAD.get(name)


_FAMILIES: Final = frozenset(
    (
        "agent_limits ai_monitoring application_logging azure_operator browser_monitoring cloud "
        "code_level_metrics console cross_application_tracer custom_insights_events datastore_tracer debug "
        "distributed_tracing event_harvest_config event_loop_visibility gc_runtime_metrics heroku "
        "import_hooks infinite_tracing instrumentation k8s_operator launch_darkly_integration machine_learning "
        "memory_runtime_pid_metrics message_tracer ml_insights_events opentelemetry package_reporting process_host "
        "rum security serverless_mode slow_sql span_events synthetics thread_profiler "
        "transaction_events transaction_metrics transaction_name transaction_segments transaction_tracer utilization "
        "cat_enabled extensions local_daemon vendor_detection"
    ).split()
)
"""First parts of dotted names; without those that decide what is kept, as misspelling one must be reported."""
_SINGLE: Final = frozenset(
    (
        "error_collector.capture_events error_collector.capture_source error_collector.error_group_callback "
        "error_collector.max_event_samples_stored api_key application_id aws_lambda_metadata audit_log_file "
        "ca_bundle_path capture_environ compressed_content_encoding developer_mode feature_flag host include_environ "
        "account_id labels license_key linked_applications max_payload_size_in_bytes max_stack_trace_lines otlp_host "
        "otlp_port port primary_application_id proxy_host proxy_pass proxy_port proxy_scheme proxy_user "
        "security_policies_token ssl startup_timeout trusted_account_key web_transactions_apdex"
    ).split()
)
_SECTIONS: Final = frozenset(
    (
        "background-task data-source database-trace datastore-trace error-trace external-trace function-profile "
        "function-trace generator-trace import-hook memcache-trace message-trace message-transaction profile-trace "
        "transaction-name web-transaction wsgi-application"
    ).split()
)


def is_agent_setting(name: str) -> bool:
    """Whether the agent has a setting of that name, according to its documentation."""
    if name.partition(".")[0] in _DESTINATIONS and ".attributes." in name:
        return name in COUNTERPARTS
    return name in _SINGLE or name in COUNTERPARTS or name.partition(".")[0] in _FAMILIES


def is_agent_variable(name: str) -> bool:
    """Whether the agent may have such an environment variable (given in lower case, without its prefix)."""
    named = {setting.replace(".", "_") for setting in (*_SINGLE, *COUNTERPARTS)}
    return name in named or any(name.startswith(f"{family}_") for family in _FAMILIES)


def is_agent_section(section: str) -> bool:
    """Whether the agent reads this section of an INI file (``[import-hook:...]``, ``[background-task:...]``)."""
    return section.partition(":")[0] in _SECTIONS
