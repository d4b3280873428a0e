"""The page on OpenTelemetry: its commands, and the variables and files that it shows."""

from __future__ import annotations

import os
import re
import shlex
import subprocess
import sys
from contextlib import closing
from pathlib import Path

import pytest
import yaml

from weighbridge.exporting.measurements import families_of
from weighbridge.exporting.otlp.variables import BadVariable, Variables, read_variables
from weighbridge.transactions.configuration.settings import SETTINGS
from weighbridge.transactions.store.reader import StoreReader

from ..exporting.everything import NOW, write_everything
from ..otlp.calls import PAGE, row, told, write
from ..otlp.receiver import receiving
from ..waiting import eventually
from .pages import text_of
from .test_servers import OPENTELEMETRY, commands_of, files_of
from .walkthrough import require_installed

FILES = files_of(OPENTELEMETRY)
TEXT = text_of(OPENTELEMETRY)


def variables(file: str) -> Variables:
    return read_variables(dict(line.split("=", 1) for line in FILES[file].splitlines()))


def test_the_commands_send_what_the_report_tells(tmp_path: Path) -> None:
    install, export, once, forever = commands_of(OPENTELEMETRY)
    require_installed(shlex.split(install)[4:])
    name, _, address = export.removeprefix("export ").partition("=")
    store = tmp_path / "store.db"
    write(store, row(PAGE, [0.1] * 3))
    with receiving() as receiver:
        assert read_variables({name: address}).metrics.place == read_variables({}).metrics.place
        environment = {**os.environ, name: receiver.url, "WEIGHBRIDGE_STORE": str(store)}
        command = [sys.executable, "-m", "weighbridge.cli"]
        subprocess.run([*command, *shlex.split(once)[1:]], env=environment, check=True, capture_output=True)
        duration = ("weighbridge.transaction.duration", "service.name", "weighbridge.transaction.name")
        assert receiver.counts(*duration) == told(store)
        write(store, row(PAGE, [0.1] * 5))
        with subprocess.Popen([*command, *shlex.split(forever)[1:]], env=environment) as process:
            eventually(lambda: receiver.counts(*duration) == told(store))
            process.terminate()
        assert process.returncode == 0


def test_the_settings_exist() -> None:
    named = {line.partition(" =")[0] for line in FILES["weighbridge.toml"].splitlines()[1:]}
    assert named == {"otlp_metrics", "otlp_samples"} <= SETTINGS.keys()


@pytest.mark.parametrize(
    ("file", "place", "temporality"),
    [
        ("newrelic.env", "https://otlp.nr-data.net:443/v1/metrics", "delta"),
        ("datadog.env", "https://otlp.datadoghq.com:443/v1/metrics", "delta"),
        ("signoz.env", "https://ingest.eu.signoz.cloud:443/v1/metrics", "delta"),
        ("prometheus.env", "http://localhost:9090/api/v1/otlp/v1/metrics", "cumulative"),
    ],
)
def test_the_variables_of_a_receiver(file: str, place: str, temporality: str) -> None:
    found = variables(file)
    assert (found.metrics.place, found.temporality) == (place, temporality)
    assert bool(found.metrics.headers) == (file != "prometheus.env")


def test_the_collector_listens_where_is_sent_by_default() -> None:
    described = yaml.safe_load(FILES["collector.yaml"])
    endpoint = described["receivers"]["otlp"]["protocols"]["http"]["endpoint"]
    assert endpoint.rpartition(":")[2] == str(read_variables({}).metrics.port)
    assert set(described["service"]["pipelines"]) == {"metrics", "traces"}


def test_every_metric_is_named(tmp_path: Path) -> None:
    write_everything(tmp_path / "store.db")
    with closing(StoreReader(tmp_path / "store.db")) as reader:
        names = {family.name for family in families_of(reader, NOW + 10, None)}
    prefixes = ("application", "host", "version", "queue")
    named = {name for name in names if f"`{name}`" in TEXT}
    named |= {name for name in names if name.split(".")[1] in prefixes or name.startswith("weighbridge.store.")}
    assert names - named == set()


NAMED = sorted(set(re.findall(r"OTEL_\w+[A-Z]", TEXT)) - {"OTEL_SERVICE_NAME"})


@pytest.mark.parametrize("name", NAMED)
def test_a_variable_that_is_named_is_read(name: str) -> None:
    """One of these values is complained about, or changes something."""
    assert any(changes(name, value) for value in ("true", "a=b", "no/such/file"))


def changes(name: str, value: str) -> bool:
    try:
        return read_variables({name: value}) != read_variables({})
    except BadVariable:
        return True


def test_the_name_of_a_service_means_nothing() -> None:
    assert not changes("OTEL_SERVICE_NAME", "shop")
