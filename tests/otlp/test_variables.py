"""The ``OTEL_*`` variables are read as OpenTelemetry's specification has them."""

from __future__ import annotations

import pytest

from weighbridge.exporting.otlp.variables import BadVariable, Variables, read_variables


def read(**variables: str) -> Variables:
    return read_variables({f"OTEL_{name}": value for name, value in variables.items()})


def test_defaults() -> None:
    variables = read()
    assert variables.metrics.place == "http://localhost:4318/v1/metrics"
    assert variables.traces.place == "http://localhost:4318/v1/traces"
    assert (variables.temporality, variables.histogram, variables.interval) == ("cumulative", "explicit", 60.0)
    assert (variables.metrics.timeout, variables.metrics.gzip, variables.is_disabled) == (10.0, False, False)


@pytest.mark.parametrize(
    ("endpoint", "target"),
    [
        ("http://collector:4318", "http://collector:4318/v1/metrics"),
        ("https://otlp.nr-data.net", "https://otlp.nr-data.net:443/v1/metrics"),
        ("http://collector/", "http://collector:80/v1/metrics"),
        ("http://collector/otlp/", "http://collector:80/otlp/v1/metrics"),
        ("http://[::1]:4318", "http://[::1]:4318/v1/metrics"),
    ],
)
def test_the_address_of_all_signals_is_completed(endpoint: str, target: str) -> None:
    assert read(EXPORTER_OTLP_ENDPOINT=endpoint).metrics.place == target


@pytest.mark.parametrize(
    ("endpoint", "target"),
    [
        ("http://prometheus:9090/api/v1/otlp/v1/metrics", "http://prometheus:9090/api/v1/otlp/v1/metrics"),
        ("http://collector:4318", "http://collector:4318/"),
    ],
)
def test_the_address_of_one_signal_is_taken_as_it_is(endpoint: str, target: str) -> None:
    variables = read(EXPORTER_OTLP_METRICS_ENDPOINT=endpoint, EXPORTER_OTLP_ENDPOINT="http://other")
    assert variables.metrics.place == target
    assert variables.traces.place == "http://other:80/v1/traces"


def test_what_is_said_of_one_signal_takes_the_place_of_what_is_said_of_all() -> None:
    variables = read(
        EXPORTER_OTLP_HEADERS="api-key=general",
        EXPORTER_OTLP_METRICS_HEADERS="api-key=of%20metrics,x=a%2Cb",
        EXPORTER_OTLP_TIMEOUT="2000",
        EXPORTER_OTLP_METRICS_TIMEOUT="1500",
        EXPORTER_OTLP_COMPRESSION="gzip",
        EXPORTER_OTLP_METRICS_COMPRESSION="none",
    )
    assert variables.metrics.headers == {"api-key": "of metrics", "x": "a,b"}
    assert variables.traces.headers == {"api-key": "general"}
    assert (variables.metrics.timeout, variables.traces.timeout) == (1.5, 2.0)
    assert (variables.metrics.gzip, variables.traces.gzip) == (False, True)


def test_an_empty_variable_is_not_set() -> None:
    assert read(EXPORTER_OTLP_ENDPOINT=" ", EXPORTER_OTLP_COMPRESSION="", METRIC_EXPORT_INTERVAL="") == read()


def test_words_are_read_whatever_their_case() -> None:
    variables = read(
        EXPORTER_OTLP_METRICS_TEMPORALITY_PREFERENCE="DELTA",
        EXPORTER_OTLP_METRICS_DEFAULT_HISTOGRAM_AGGREGATION="Base2_Exponential_Bucket_Histogram",
    )
    assert (variables.temporality, variables.histogram) == ("delta", "exponential")
    assert read(SDK_DISABLED="True").is_disabled


def test_what_is_not_sent_needs_no_good_variables() -> None:
    named = {"OTEL_EXPORTER_OTLP_TRACES_PROTOCOL": "grpc", "OTEL_EXPORTER_OTLP_TRACES_ENDPOINT": "collector:4317"}
    variables = read_variables(named, traces=False)
    assert variables.metrics is not None
    assert variables.traces is None
    with pytest.raises(BadVariable, match="OTEL_EXPORTER_OTLP_TRACES_PROTOCOL is 'grpc'"):
        read_variables(named, metrics=False)


def test_a_disabled_export_needs_no_good_variables() -> None:
    variables = read(SDK_DISABLED="true", EXPORTER_OTLP_PROTOCOL="grpc", EXPORTER_OTLP_ENDPOINT="collector:4317")
    assert (variables.is_disabled, variables.metrics, variables.traces) == (True, None, None)


def test_a_word_for_yes_that_the_specification_does_not_know_is_noted() -> None:
    variables = read(SDK_DISABLED="yes")
    assert not variables.is_disabled
    assert [note for note in variables.notes if "OTEL_SDK_DISABLED is 'yes'" in note]


def test_low_memory_is_delta() -> None:
    assert read(EXPORTER_OTLP_METRICS_TEMPORALITY_PREFERENCE="lowmemory").temporality == "delta"


def test_attributes_of_the_resource_are_decoded() -> None:
    assert read(RESOURCE_ATTRIBUTES="deployment.environment.name=prod%20eu, team = shop").resource == {
        "deployment.environment.name": "prod eu",
        "team": "shop",
    }


def test_a_user_in_the_address_becomes_a_header_and_is_not_shown() -> None:
    variables = read(EXPORTER_OTLP_ENDPOINT="https://me:s3c%2Fret@host/?key=s3cret")
    assert variables.metrics.headers == {"authorization": "Basic bWU6czNjL3JldA=="}
    assert variables.metrics.place == "https://host:443/v1/metrics"
    assert "s3c" not in repr(variables)


def test_headers_are_not_shown() -> None:
    assert "s3cret" not in repr(read(EXPORTER_OTLP_HEADERS="api-key=s3cret"))


@pytest.mark.parametrize(
    ("name", "value", "says"),
    [
        ("EXPORTER_OTLP_ENDPOINT", "collector:4318", "no address of a receiver"),
        ("EXPORTER_OTLP_ENDPOINT", "http://collector:port", "no address of a receiver"),
        ("EXPORTER_OTLP_ENDPOINT", "grpc://collector:4317", "no address of a receiver"),
        ("EXPORTER_OTLP_ENDPOINT", "http://", "no address of a receiver"),
        ("EXPORTER_OTLP_ENDPOINT", "http://host/\r\nx: y", "no address of a receiver"),
        ("EXPORTER_OTLP_PROTOCOL", "grpc", "is 'grpc'; it must be http/protobuf"),
        ("EXPORTER_OTLP_COMPRESSION", "zstd", "is 'zstd'; it must be gzip or none"),
        ("EXPORTER_OTLP_METRICS_TEMPORALITY_PREFERENCE", "both", "must be cumulative or delta or lowmemory"),
        ("EXPORTER_OTLP_TIMEOUT", "10s", "is '10s'; it must be a number of milliseconds"),
        ("EXPORTER_OTLP_TIMEOUT", "0", "is '0'; it must be a number of milliseconds"),
        ("EXPORTER_OTLP_TIMEOUT", "nan", "is 'nan'; it must be a number of milliseconds"),
        ("METRIC_EXPORT_INTERVAL", "-1", "is '-1'; it must be a number of milliseconds"),
        ("EXPORTER_OTLP_HEADERS", "api-key", "pair 1 of OTEL_EXPORTER_OTLP_HEADERS is not of the form key=value"),
        ("EXPORTER_OTLP_HEADERS", "a=b,c=s3cret%0Ax", "pair 2 of OTEL_EXPORTER_OTLP_HEADERS is not"),
        ("EXPORTER_OTLP_CERTIFICATE", "/no/such/file", "is '/no/such/file', a file that cannot be read: No such file"),
        ("EXPORTER_OTLP_CLIENT_KEY", __file__, "needs OTEL_EXPORTER_OTLP_CLIENT_CERTIFICATE beside it"),
    ],
)
def test_a_bad_value_is_named_with_what_would_be_right(name: str, value: str, says: str) -> None:
    with pytest.raises(BadVariable) as caught:
        read(**{name: value})
    assert f"OTEL_{name}" in str(caught.value)
    assert says in str(caught.value)
    assert "s3cret" not in str(caught.value)


def test_a_timeout_in_seconds_is_suspected() -> None:
    (note,) = read(EXPORTER_OTLP_TIMEOUT="10").notes
    assert "OTEL_EXPORTER_OTLP_TIMEOUT gives a receiver 10 milliseconds" in note
