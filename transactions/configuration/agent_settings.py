"""The settings of the agent that people move over from: which ones say something here, which do not.

Source: the agent's public documentation and the comments of the file that it generates.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final, NamedTuple

from .values import CLASSES, FILE, NAMES, STATUSES, SWITCH, ValueKind, adding, without

__all__ = ["COUNTERPARTS", "Counterpart", "is_agent_section", "is_agent_setting"]


class Counterpart(NamedTuple):
    """Our setting that an agent's setting acts on, and how its value is read."""

    setting: str
    kind: ValueKind


_PARAMETER: Final = "request.parameters."


def _read_excluded(value: object, so_far: Any) -> frozenset[str]:
    named: frozenset[str] = NAMES.read(value, so_far)
    return frozenset(so_far) | frozenset(name[len(_PARAMETER) :] for name in named if name.startswith(_PARAMETER))


def _read_not_failing(value: object, so_far: Any) -> frozenset[int]:
    """Statuses that do not fail; ``!404`` takes one out of the agent's own list, which says nothing here."""
    items = value.replace(",", " ").split() if isinstance(value, str) else value
    kept = [item for item in items if not str(item).startswith("!")] if isinstance(items, list) else items
    left: frozenset[int] = without(STATUSES).read(kept, so_far)
    return left


_EXCLUDED: Final = ValueKind("names", NAMES.valid, _read_excluded)
_NOT_FAILING: Final = ValueKind("statuses", STATUSES.valid, _read_not_failing)

COUNTERPARTS: Final[Mapping[str, Counterpart]] = {
    "monitor_mode": Counterpart("enabled", SWITCH),
    "log": Counterpart("log_file", FILE),
    "error_collector.ignore_errors": Counterpart("ignored_errors", adding(CLASSES)),
    "error_collector.ignore_classes": Counterpart("ignored_errors", adding(CLASSES)),
    "error_collector.expected_classes": Counterpart("expected_errors", adding(CLASSES)),
    "error_collector.ignore_status_codes": Counterpart("error_statuses", _NOT_FAILING),
    "error_collector.expected_status_codes": Counterpart("error_statuses", _NOT_FAILING),
    "ignored_params": Counterpart("denied_params", adding(NAMES)),
    "attributes.exclude": Counterpart("denied_params", _EXCLUDED),
}
"""By the agent's name, in lower case."""

_FAMILIES: Final = frozenset(
    (
        "agent_limits ai_monitoring application_logging attributes azure_operator browser_monitoring cloud "
        "code_level_metrics cross_application_tracer custom_insights_events datastore_tracer debug "
        "distributed_tracing error_collector event_harvest_config event_loop_visibility gc_runtime_metrics heroku "
        "import_hooks infinite_tracing instrumentation k8s_operator machine_learning memory_runtime_pid_metrics "
        "message_tracer ml_insights_events opentelemetry otlp_host package_reporting process_host rum security "
        "serverless_mode slow_sql span_events strip_exception_messages synthetics thread_profiler "
        "transaction_events transaction_metrics transaction_name transaction_segments transaction_tracer utilization "
        "cat_enabled extensions local_daemon vendor_detection"
    ).split()
)
_SINGLE: Final = frozenset(
    (
        "account_id api_key application_id aws_lambda_metadata audit_log_file ca_bundle_path capture_environ "
        "compressed_content_encoding developer_mode feature_flag high_security host include_environ labels "
        "license_key linked_applications max_payload_size_in_bytes max_stack_trace_lines port "
        "primary_application_id proxy_host proxy_pass proxy_port proxy_scheme proxy_user security_policies_token "
        "ssl startup_timeout trusted_account_key web_transactions_apdex"
    ).split()
)
_SECTIONS: Final = frozenset(
    (
        "background-task data-source database-trace error-trace external-trace function-profile function-trace "
        "generator-trace import-hook memcache-trace transaction-name wsgi-application"
    ).split()
)


def is_agent_setting(name: str) -> bool:
    """Whether the agent has such a setting, as far as its documentation tells."""
    return name in _SINGLE or name in COUNTERPARTS or name.partition(".")[0] in _FAMILIES


def is_agent_section(section: str) -> bool:
    """Whether the agent reads such a section of an INI file (``[import-hook:...]``, ``[background-task:...]``)."""
    return section.partition(":")[0] in _SECTIONS
