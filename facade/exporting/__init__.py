"""Ways out: what the store has counted, for Prometheus and for OpenTelemetry.

They ask the store and nothing else, so one process exports for all processes that report.
"""
