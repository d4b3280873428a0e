"""``weighbridge export otlp --once``: what a receiver gets."""

from __future__ import annotations

import platform
import sqlite3
import time
from collections.abc import Callable
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner, Result

from weighbridge.cli.commands import weighbridge
from weighbridge.exporting.otlp import points
from weighbridge.transactions.recording.snapshot import Series

from .calls import JOB, PAGE, row, told, write
from .receiver import Answer, Receiver, plain

Export = Callable[..., Result]
DURATION, REQUESTS = "weighbridge.transaction.duration", "http.server.request.duration"


def sent(done: Result) -> Result:
    assert done.exit_code == 0, done.output
    return done


def test_a_receiver_counts_what_the_report_does(store: Path, receiver: Receiver, export: Export) -> None:
    write(store, row(PAGE, [0.1, 0.2, 0.3]), row(JOB, [5.0]))
    write(store, row(PAGE, [0.1] * 40))
    done = sent(export())
    assert f"data points sent to {receiver.url}/v1/metrics" in done.stdout
    counts = receiver.counts(DURATION, "service.name", "weighbridge.transaction.name")
    assert counts == told(store) == {("shop", PAGE.name): 43, ("shop", JOB.name): 1}


def test_it_is_cumulative_in_explicit_buckets_unless_told_otherwise(
    store: Path, receiver: Receiver, export: Export
) -> None:
    write(store, row(JOB, [0.003, 0.07, 0.07, 20.0]))
    sent(export())
    ((attributes, point, is_delta),) = receiver.points(DURATION)
    assert not is_delta
    assert {name: value for name, value in attributes.items() if name.startswith("weighbridge.")} == {
        "weighbridge.transaction.type": "background",
        "weighbridge.transaction.group": JOB.group,
        "weighbridge.transaction.name": JOB.name,
    }
    assert (point.count, round(point.sum, 6), point.min, point.max) == (4, 20.143, 0.003, 20.0)
    assert sum(point.bucket_counts) == 4
    assert len(point.bucket_counts) == len(point.explicit_bounds) + 1
    filled = [place for place, count in enumerate(point.bucket_counts) if count]
    assert [point.explicit_bounds[place] for place in filled] == [0.005, 0.075, 30.0]
    assert 0 < point.start_time_unix_nano <= point.time_unix_nano <= time.time() * 1e9


def test_web_requests_are_named_by_the_conventions(store: Path, receiver: Receiver, export: Export) -> None:
    others = [Series("shop", "web", "Uri", "/a"), Series("shop", "web", "Route", "<other>")]
    write(store, row(PAGE, [0.1, 0.2]), row(JOB, [1.0]), *(row(one, [0.1]) for one in others))
    sent(export())
    counts = receiver.counts(REQUESTS, "http.request.method", "http.route")
    assert counts[("GET", "/page")] == 2
    assert sum(counts.values()) == 4
    assert {route for _, route in counts} == {"/page", None}
    assert receiver.points(REQUESTS)[0][1].explicit_bounds[-1] == 10.0


def test_what_reports_is_told(store: Path, receiver: Receiver, export: Export, monkeypatch: pytest.MonkeyPatch) -> None:
    write(store, row(PAGE, [0.1]), version="1.3")
    write(store, row(Series("mail", "background", "Function", "send"), [0.1]), row(PAGE, [0.1]), version="1.4")
    monkeypatch.setenv("OTEL_RESOURCE_ATTRIBUTES", "deployment.environment.name=prod,service.name=mine")
    sent(export())
    resources = [plain(one.resource.attributes) for message in receiver.sent() for one in message.resource_metrics]
    by_name = {one["service.name"]: one for one in resources}
    assert set(by_name) == {"shop", "mail", "weighbridge"}
    shop = by_name["shop"]
    assert shop["service.version"] == "1.4"
    assert shop["host.name"] == platform.node()
    assert shop["deployment.environment.name"] == "prod"
    assert len({one["service.instance.id"] for one in resources}) == 1


def test_a_store_is_one_stream_whoever_sends_it(store: Path, receiver: Receiver, export: Export) -> None:
    write(store, row(PAGE, [0.1]))
    sent(export())
    write(store, row(PAGE, [0.1]))
    sent(export())
    (_, first, _), (_, second, _) = receiver.points(DURATION)
    assert receiver.counts(DURATION) == {(): 2}
    assert first.start_time_unix_nano == second.start_time_unix_nano
    assert first.time_unix_nano < second.time_unix_nano
    assert len({one["service.instance.id"] for one, _, _ in receiver.points(DURATION)}) == 1


def test_a_large_store_is_sent_in_several_messages(
    store: Path, receiver: Receiver, export: Export, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(points, "_POINTS", 50)
    write(store, *(row(Series("shop", "background", "Function", f"job_{number}"), [0.1]) for number in range(60)))
    sent(export())
    assert len(receiver.sent()) > 1
    assert receiver.counts(DURATION, "service.name", "weighbridge.transaction.name") == told(store)


def test_a_lost_answer_changes_nothing(store: Path, receiver: Receiver, export: Export) -> None:
    write(store, row(PAGE, [0.1] * 7))
    receiver.answers.append(Answer(cut=True))
    sent(export())
    assert len(receiver.sent()) == 2
    assert receiver.counts(DURATION) == {(): 7}


def test_a_refusal_ends_it(store: Path, receiver: Receiver, export: Export) -> None:
    write(store, row(PAGE, [0.1]))
    receiver.answers.append(Answer(403, b"the key s3cret-key is not known"))
    done = export(HEADERS="api-key=s3cret-key")
    assert done.exit_code == 2
    assert f"{receiver.url}/v1/metrics answers 403 Forbidden: the key *** is not known" in done.stderr
    assert receiver.sent() == []


def test_partial_success_is_said_once(
    store: Path, receiver: Receiver, export: Export, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(points, "_POINTS", 5)
    write(store, row(PAGE, [0.1]), row(JOB, [0.1]))
    receiver.answers.extend([Answer.partial(3, "no such unit"), Answer.partial(2, "no such unit")])
    done = sent(export())
    assert done.stderr.count("no such unit") == 1
    assert "left out 3 of what is in it: no such unit" in done.stderr


def test_partial_success_repeats_no_credentials(store: Path, receiver: Receiver, export: Export) -> None:
    write(store, row(PAGE, [0.1]))
    receiver.answers.append(Answer.partial(3, "s3cret-key is over its quota"))
    done = sent(export(HEADERS="api-key=s3cret-key"))
    assert "left out 3 of what is in it: *** is over its quota" in done.stderr


@pytest.mark.parametrize(
    ("variables", "says"),
    [
        ({"ENDPOINT": "collector:4318"}, "OTEL_EXPORTER_OTLP_ENDPOINT is no address of a receiver"),
        ({"ENDPOINT": "http://collector..local:4318"}, "OTEL_EXPORTER_OTLP_ENDPOINT is no address of a receiver"),
        ({"METRICS_PROTOCOL": "grpc"}, "OTEL_EXPORTER_OTLP_METRICS_PROTOCOL is 'grpc'; it must be http/protobuf"),
        ({"PROTOCOL": "grpc"}, "OTEL_EXPORTER_OTLP_PROTOCOL is 'grpc'; it must be http/protobuf"),
    ],
)
def test_a_bad_variable_is_named(store: Path, export: Export, variables: dict[str, str], says: str) -> None:
    write(store, row(PAGE, [0.1]))
    done = export(**variables)
    assert done.exit_code == 2
    assert says in done.stderr


def test_a_store_that_is_not_there_is_named(store: Path, export: Export) -> None:
    done = export()
    assert done.exit_code == 2
    assert f"the store {store} cannot be read: there is no such file" in done.stderr
    assert not store.exists()


def test_a_store_that_cannot_be_written_is_named(store: Path, receiver: Receiver, export: Export) -> None:
    """What was sent could not be noted: so nothing is."""
    write(store, row(PAGE, [0.1]))
    with closing(sqlite3.connect(store, isolation_level=None)) as other:
        other.execute("BEGIN IMMEDIATE")
        done = export()
    assert done.exit_code == 2
    assert f"the store {store} cannot be written" in done.stderr
    assert receiver.sent() == []


def test_nothing_is_sent_where_that_is_switched_off(
    store: Path, receiver: Receiver, export: Export, monkeypatch: pytest.MonkeyPatch
) -> None:
    write(store, row(PAGE, [0.1]))
    monkeypatch.setenv("OTEL_SDK_DISABLED", "true")
    assert "OTEL_SDK_DISABLED" in sent(export()).stderr
    assert receiver.sent() == []


def test_the_extra_is_named_where_it_is_missing(store: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from weighbridge.cli import extras

    def missing(name: str) -> Any:
        raise ModuleNotFoundError(name="opentelemetry")

    monkeypatch.setattr(extras, "find_spec", missing)
    done = CliRunner().invoke(weighbridge, ["export", "otlp", "--once", "--store", str(store)])
    assert done.exit_code == 2
    assert "install: python -m pip install 'weighbridge[otlp]'" in done.stderr


def test_variables_of_what_is_not_sent_end_nothing(store: Path, receiver: Receiver, export: Export) -> None:
    write(store, row(PAGE, [0.1]))
    sent(export(TRACES_PROTOCOL="grpc"))
    assert receiver.sent()
    done = export("--samples", TRACES_PROTOCOL="grpc")
    assert (done.exit_code, "OTEL_EXPORTER_OTLP_TRACES_PROTOCOL is 'grpc'" in done.stderr) == (2, True)
