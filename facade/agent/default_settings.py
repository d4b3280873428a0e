"""The settings of the agent and their defaults, for programs that read them; as observed on its release 14.1."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

__all__ = ["DEFAULTS"]

_ON: Final = """
ai_monitoring.record_content.enabled ai_monitoring.streaming.enabled application_logging.enabled
application_logging.forwarding.enabled application_logging.metrics.enabled attributes.enabled
browser_monitoring.auto_instrument browser_monitoring.enabled capture_environ code_level_metrics.enabled
collect_analytics_events collect_custom_events collect_error_events collect_errors collect_span_events
collect_traces custom_insights_events.enabled datastore_tracer.database_name_reporting.enabled
datastore_tracer.instance_reporting.enabled distributed_tracing.enabled
distributed_tracing.exclude_newrelic_header error_collector.attributes.enabled
error_collector.capture_events error_collector.enabled event_loop_visibility.enabled heroku.use_dyno_names
infinite_tracing.batching infinite_tracing.compression infinite_tracing.ssl
instrumentation.middleware.django.enabled memory_runtime_pid_metrics.enabled
message_tracer.segment_parameters_enabled monitor_mode opentelemetry.traces.enabled
package_reporting.enabled slow_sql.enabled span_events.attributes.enabled span_events.enabled
synthetics.enabled thread_profiler.enabled transaction_events.attributes.enabled transaction_events.enabled
transaction_segments.attributes.enabled transaction_tracer.attributes.enabled transaction_tracer.enabled
transaction_tracer.explain_enabled utilization.detect_aws utilization.detect_azure
utilization.detect_azureappservice utilization.detect_azurefunction utilization.detect_docker
utilization.detect_gcp utilization.detect_kubernetes utilization.detect_pcf
""".split()

_OFF: Final = """
ai_monitoring.enabled application_logging.forwarding.context_data.enabled
application_logging.forwarding.labels.enabled application_logging.local_decorating.enabled
azure_operator.enabled browser_monitoring.attributes.enabled browser_monitoring.debug
console.allow_interpreter_cmd debug.connect_span_stream_in_developer_mode
debug.disable_api_supportability_metrics debug.disable_certificate_validation
debug.disable_harvest_until_shutdown debug.enable_coroutine_profiling debug.ignore_all_server_settings
debug.log_agent_initialization debug.log_autorum_middleware debug.log_data_collector_calls
debug.log_data_collector_payloads debug.log_explain_plan_queries debug.log_malformed_json_data
debug.log_normalization_rules debug.log_normalized_metric_data debug.log_raw_metric_data
debug.log_thread_profile_payload debug.log_transaction_trace_payload
debug.log_untrusted_distributed_trace_keys debug.record_transaction_failure developer_mode enabled
error_collector.capture_source gc_runtime_metrics.enabled high_security
instrumentation.graphql.capture_introspection_queries instrumentation.kombu.consumer.enabled
k8s_operator.enabled launch_darkly_integration.enabled machine_learning.enabled
machine_learning.inference_events_value.enabled ml_insights_events.enabled opentelemetry.enabled
serverless_mode.enabled strip_exception_messages.enabled
""".split()

_UNSET: Final = """
account_id agent_limits.data_compression_level agent_run_id ai_monitoring.llm_token_count_callback api_key
application_id attribute_filter audit_log_file beacon browser_key browser_monitoring.loader_version
browser_monitoring.ssl_for_http browser_monitoring.version ca_bundle_path capture_params
cloud.aws.account_id console.listener_socket debug.otlp_content_encoding encoding_key entity_guid
episodes_url error_beacon error_collector.error_group_callback host infinite_tracing.trace_observer_host
js_agent_file js_agent_loader license_key log_file otlp_host process_host.display_name proxy_host proxy_pass
proxy_scheme proxy_user transaction_name.limit transaction_name.naming_scheme
transaction_tracer.transaction_threshold trusted_account_key utilization.billing_hostname
""".split()

_SETS: Final = """
application_logging.forwarding.context_data.exclude application_logging.forwarding.context_data.include
application_logging.forwarding.labels.exclude attributes.exclude attributes.include
browser_monitoring.attributes.exclude browser_monitoring.attributes.include
error_collector.attributes.exclude error_collector.attributes.include error_collector.expected_status_codes
feature_flag opentelemetry.traces.exclude opentelemetry.traces.include span_events.attributes.exclude
span_events.attributes.include transaction_events.attributes.exclude transaction_events.attributes.include
transaction_segments.attributes.exclude transaction_segments.attributes.include
transaction_tracer.attributes.exclude transaction_tracer.attributes.include
""".split()

_LISTS: Final = """
application_logging.forwarding.custom_attributes debug.local_settings_overrides
error_collector.expected_classes error_collector.ignore_classes instrumentation.middleware.django.exclude
instrumentation.middleware.django.include labels linked_applications metric_name_rules
strip_exception_messages.allowlist transaction_name_rules transaction_segment_terms
transaction_tracer.function_trace transaction_tracer.generator_trace trusted_account_ids url_rules
""".split()

_OTHERS: Final[Mapping[str, Any]] = {
    "agent_limits.data_collector_timeout": 30.0,
    "agent_limits.data_compression_threshold": 65536,
    "agent_limits.errors_per_harvest": 20,
    "agent_limits.errors_per_transaction": 5,
    "agent_limits.max_sql_connections": 4,
    "agent_limits.slow_sql_data": 10,
    "agent_limits.slow_sql_stack_trace": 30,
    "agent_limits.slow_transaction_dry_harvests": 5,
    "agent_limits.sql_explain_plans": 30,
    "agent_limits.sql_explain_plans_per_harvest": 60,
    "agent_limits.sql_query_length_maximum": 16384,
    "agent_limits.synthetics_events": 200,
    "agent_limits.synthetics_transactions": 20,
    "agent_limits.thread_profiler_nodes": 20000,
    "agent_limits.transaction_traces_nodes": 2000,
    "apdex_t": 0.5,
    "app_name": "Python Application",
    "aws_lambda_metadata": {},
    "browser_monitoring.content_type": ["text/html"],
    "browser_monitoring.loader": "rum",
    "compressed_content_encoding": "gzip",
    "custom_insights_events.max_attribute_value": 255,
    "debug.explain_plan_obfuscation": "simple",
    "distributed_tracing.sampler.adaptive_sampling_target": 10,
    "distributed_tracing.sampler.remote_parent_not_sampled": "default",
    "distributed_tracing.sampler.remote_parent_sampled": "default",
    "distributed_tracing.sampler.root": "default",
    "event_loop_visibility.blocking_threshold": 0.1,
    "gc_runtime_metrics.top_object_count_limit": 5,
    "heroku.dyno_name_prefixes_to_shorten": ["run", "scheduler"],
    "include_environ": [
        "REQUEST_METHOD",
        "HTTP_USER_AGENT",
        "HTTP_REFERER",
        "CONTENT_TYPE",
        "CONTENT_LENGTH",
        "HTTP_HOST",
        "HTTP_ACCEPT",
    ],
    "infinite_tracing.span_queue_size": 10000,
    "infinite_tracing.trace_observer_port": 443,
    "instrumentation.kombu.ignored_exchanges": ["celeryev"],
    "log_level": 20,
    "max_payload_size_in_bytes": 1000000,
    "max_stack_trace_lines": 50,
    "otlp_port": 0,
    "port": 0,
    "primary_application_id": "Unknown",
    "proxy_port": 0,
    "request_headers_map": {},
    "sampling_rate": 0,
    "sampling_target": 10,
    "sampling_target_period_in_seconds": 60,
    "shutdown_timeout": 2.5,
    "startup_timeout": 0.0,
    "transaction_tracer.explain_threshold": 0.5,
    "transaction_tracer.record_sql": "obfuscated",
    "transaction_tracer.stack_trace_threshold": 0.5,
    "transaction_tracer.top_n": 20,
    "utilization.logical_processors": 0,
    "utilization.total_ram_mib": 0,
    "web_transactions_apdex": {},
}

DEFAULTS: Final[Mapping[str, Any]] = {
    **dict.fromkeys(_ON, True),
    **dict.fromkeys(_OFF, False),
    **dict.fromkeys(_UNSET),
    **dict.fromkeys(_SETS, frozenset()),
    **dict.fromkeys(_LISTS, ()),
    **_OTHERS,
}
"""By dotted name; sets and lists as what cannot be changed."""
