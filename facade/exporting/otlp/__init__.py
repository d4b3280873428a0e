"""Sending what a store holds by OpenTelemetry's protocol, OTLP. Needs the extra ``otlp``."""
