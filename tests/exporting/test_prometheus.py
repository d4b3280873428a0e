"""Debian's Prometheus scrapes the endpoint: with classic histograms, and with native ones."""

from __future__ import annotations

import json
import os
import random
import re
import shutil
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import ExitStack, closing, contextmanager
from importlib.resources import files
from pathlib import Path
from typing import Any

import httpx
import pytest
import uvicorn
import yaml
from click.testing import CliRunner

from tests.exporting.everything import write_everything
from weighbridge.cli.commands import weighbridge
from weighbridge.console import Request
from weighbridge.exporting.prometheus import MetricsEndpoint, asgi_application
from weighbridge.transactions.store.reader import Selection, StoreReader, Window

from ..waiting import TIMEOUT, eventually

REQUIRED = os.environ.get("PROMETHEUS_TESTS") == "required"
PROGRAMS = {name: shutil.which(name) for name in ("prometheus", "promtool")}
TOKEN = "a token of more than sixteen signs"
FILES = files("weighbridge.exporting") / "files"
CONFIGURATION = """
global: {{scrape_interval: 1s, evaluation_interval: 1s}}
rule_files: ["{folder}/*.yml"]
scrape_configs:
  - job_name: weighbridge
    authorization: {{credentials: "{token}"}}
    static_configs: [{{targets: ["127.0.0.1:{port}"]}}]
"""


@pytest.fixture(scope="module", autouse=True)
def installed() -> None:
    if None in PROGRAMS.values():
        reason = f"Prometheus is not installed: {PROGRAMS}"
        pytest.fail(reason) if REQUIRED else pytest.skip(reason)


def free_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as free:
        return int(free.getsockname()[1])


class Scraped:
    """A store, its endpoint, and a Prometheus that scrapes it; each can be restarted where it was."""

    def __init__(self, folder: Path, is_native: bool) -> None:
        self.store = folder / "store.db"
        self.is_native = is_native
        self._folder = folder
        self._ports = free_port(), free_port()
        self._written = 0
        rules = folder / "rules"
        assert CliRunner().invoke(weighbridge, ["metrics", "files", str(rules)]).exit_code == 0
        configuration = CONFIGURATION.format(folder=rules, token=TOKEN, port=self._ports[0])
        (folder / "prometheus.yml").write_text(configuration)

    def write(self) -> None:
        """Report as a process that is new."""
        self._written += 1
        chance = random.Random(self._written)
        durations = [chance.lognormvariate(-2, 1) for _ in range(500)]
        write_everything(self.store, time.time(), f"process {self._written}", durations)

    @contextmanager
    def endpoint(self) -> Iterator[None]:
        with socket.create_server(("127.0.0.1", self._ports[0])) as listener:
            config = uvicorn.Config(asgi_application(self.store, TOKEN), log_level="error", access_log=False)
            server = uvicorn.Server(config)
            thread = threading.Thread(target=server.run, kwargs={"sockets": [listener]})
            thread.start()
            try:
                yield
            finally:
                server.should_exit = True
                thread.join()

    @contextmanager
    def prometheus(self) -> Iterator[None]:
        command = [
            PROGRAMS["prometheus"], f"--config.file={self._folder}/prometheus.yml", "--log.level=error",
            f"--storage.tsdb.path={self._folder}/data", f"--web.listen-address=127.0.0.1:{self._ports[1]}",
            *(["--enable-feature=native-histograms"] if self.is_native else []),
        ]  # fmt: skip
        with subprocess.Popen([str(word) for word in command], stderr=sys.stderr) as process:
            try:
                eventually(self._is_ready)
                yield
            finally:
                process.terminate()

    def _is_ready(self) -> bool:
        try:
            return httpx.get(f"http://127.0.0.1:{self._ports[1]}/-/ready", trust_env=False).status_code == 200
        except httpx.TransportError:
            return False

    def query(self, expression: str) -> list[dict[str, Any]]:
        """Ask Prometheus; gives each series with its present value."""
        answer = httpx.get(
            f"http://127.0.0.1:{self._ports[1]}/api/v1/query", params={"query": expression}, trust_env=False,
            timeout=TIMEOUT,
        ).json()  # fmt: skip
        assert answer["status"] == "success", f"{expression}: {answer}"
        return list(answer["data"]["result"])

    def number(self, expression: str) -> float | None:
        found = self.query(expression)
        return float(found[0]["value"][1]) if found else None

    def calls(self) -> float | None:
        """All calls, as Prometheus has them."""
        name = "weighbridge_transaction_duration_seconds"
        return self.number(f"sum(histogram_count({name}))" if self.is_native else f"sum({name}_count)")

    def is_complete(self) -> bool:
        """Whether Prometheus has all that the report has."""
        with closing(StoreReader.open(self.store)) as reader:
            return self.calls() == reader.totals(Window(0, time.time() + 60)).calls


@pytest.fixture(scope="module", params=["classic", "native"])
def scraped(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Scraped]:
    one = Scraped(tmp_path_factory.mktemp(request.param), request.param == "native")
    one.write()
    with ExitStack() as running:
        for part in (one.endpoint, one.prometheus):
            running.enter_context(part())
        eventually(one.is_complete)
        one.write()
        eventually(one.is_complete)
        yield one


def test_percentiles_are_those_of_the_page(scraped: Scraped) -> None:
    name = "weighbridge_transaction_duration_seconds"
    page = Selection("shop", "web", "Route", "GET /page")
    with closing(StoreReader.open(scraped.store)) as reader:
        expected = reader.totals(Window(0, time.time() + 60), page).p95
    if scraped.is_native:
        found = scraped.number(f'histogram_quantile(0.95, {name}{{name="GET /page"}})')
        assert found == pytest.approx(expected, rel=0.011)
    else:
        found = scraped.number(f'histogram_quantile(0.95, {name}_bucket{{name="GET /page"}})')
        assert found == pytest.approx(expected, rel=0.5), "a bucket is twice as wide as the one before"


def test_counters_are_those_of_the_report(scraped: Scraped) -> None:
    with closing(StoreReader.open(scraped.store)) as reader:
        window = Window(0, time.time() + 60)
        page = reader.totals(window, Selection("shop", "web"))
        job = reader.totals(window, Selection("shop", "background"))
        statuses = reader.statuses(window)
    counted = {
        'weighbridge_transactions_total{kind="web"}': page.calls,
        'weighbridge_application_transactions_total{kind="web", outcome="failed"}': page.errors,
        'weighbridge_host_transactions_total{outcome="retried"}': job.outcomes["retried"],
        'weighbridge_transaction_apdex_total{zone="satisfied"}': page.satisfied,
        'weighbridge_http_responses_total{status="500"}': statuses[500],
        "weighbridge_custom_sum": 14,
        "weighbridge_errors_total": 6,
    }
    assert {metric: scraped.number(f"sum({metric})") for metric in counted} == counted


def panels() -> list[tuple[str, str]]:
    dashboard = json.loads((FILES / "weighbridge-dashboard.json").read_text())
    return [(panel["title"], target["expr"]) for panel in dashboard["panels"] for target in panel["targets"]]


def test_every_panel_shows_something(scraped: Scraped) -> None:
    assert len(panels()) > 15
    variables = {"$__rate_interval": "5m", "$application": ".*", "$kind": ".*"}
    for title, expression in panels():
        asked = re.sub(r"\$\w+", lambda found: variables[found[0]], expression)
        found = eventually(lambda asked=asked: scraped.query(asked))
        assert all(float(one["value"][1]) >= 0 for one in found), (title, found)


def test_every_rule_is_recorded(scraped: Scraped) -> None:
    rules = yaml.safe_load((FILES / "weighbridge-rules.yml").read_text())["groups"][0]["rules"]
    assert len(rules) > 4
    for rule in rules:
        assert eventually(lambda rule=rule: scraped.query(rule["record"])), rule
    eventually(lambda: scraped.query('ALERTS{alertname="WeighbridgeDropped", alertstate="firing"}'))
    assert not scraped.query('ALERTS{alertname=~"WeighbridgeSilent|WeighbridgeNobodyCollects"}')


def test_promtool_finds_nothing_to_complain_about(tmp_path: Path) -> None:
    write_everything(tmp_path / "store.db")
    with closing(MetricsEndpoint(tmp_path / "store.db")) as endpoint:
        text = endpoint.respond(Request("GET", "/", host="localhost")).body
    for command, given in ((["metrics"], text), (["rules", *map(str, rule_files(tmp_path))], b"")):
        asked = [str(PROGRAMS["promtool"]), "check", *command]
        done = subprocess.run(asked, check=False, input=given, capture_output=True)
        assert done.returncode == 0, done.stdout.decode() + done.stderr.decode()


def rule_files(folder: Path) -> list[Path]:
    assert CliRunner().invoke(weighbridge, ["metrics", "files", str(folder / "files")]).exit_code == 0
    return sorted((folder / "files").glob("*.yml"))


def test_counts_are_exact_after_each_part_has_restarted(tmp_path: Path) -> None:
    one = Scraped(tmp_path, is_native=True)
    one.write()
    with one.endpoint():
        with one.prometheus():
            eventually(one.is_complete)
            one.write()
            eventually(one.is_complete)
        one.write()
        with one.prometheus():
            eventually(one.is_complete)
    with one.prometheus():
        one.write()
        with one.endpoint():
            eventually(one.is_complete)
