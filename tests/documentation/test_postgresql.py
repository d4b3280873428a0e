"""The page on a store for many machines: its commands and services, by a server of the tests."""

from __future__ import annotations

import re
import shlex
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest
import yaml

from weighbridge.transactions.configuration.postgresql_url import parse_server_url
from weighbridge.transactions.store.postgresql.connection import ServerConnection
from weighbridge.transactions.store.postgresql.drivers import load_driver
from weighbridge.transactions.store.postgresql.schema import VERSION

from ..clusters import Cluster
from ..waiting import TIMEOUT, eventually
from .pages import blocks
from .test_servers import COMPOSE, POSTGRESQL, files_of, free_port, report, running, serving, unit_of
from .walkthrough import require_installed

FILES = files_of(POSTGRESQL)
SHOP = files_of(COMPOSE)


@pytest.fixture
def store(cluster: Cluster, tmp_path: Path) -> Iterator[dict[str, str]]:
    """The variables that name a store without a password, which is in a file of libpq's."""
    url = cluster.url("postgres")
    password = parse_server_url(url).keywords["password"]
    passwords = tmp_path / "pgpass.txt"
    passwords.write_text(f"*:*:*:*:{password}\n", "utf-8")
    passwords.chmod(0o600)
    address = f"postgresql://owner@127.0.0.1:{cluster.port}/postgres?schema=documented"
    yield {"WEIGHBRIDGE_STORE": address, "PGPASSFILE": str(passwords)}
    connection = ServerConnection(parse_server_url(url), load_driver())
    with connection.session() as session:
        session.execute("DROP SCHEMA IF EXISTS documented CASCADE")
    connection.close()


def test_the_services_of_compose_report_to_one_server(store, tmp_path, monkeypatch) -> None:
    described = yaml.safe_load(FILES["compose.yaml"])
    services = described["services"]
    assert services.keys() == {"db", "tables", "web", "worker", "page"}
    ours = {name: service for name, service in services.items() if name != "db"}
    (address,) = {service["environment"]["WEIGHBRIDGE_STORE"] for service in ours.values()}
    assert parse_server_url(address).place == "postgresql://db/figures"
    assert {secret for service in services.values() for secret in service["secrets"]} == described["secrets"].keys()
    for name, value in store.items():
        monkeypatch.setenv(name, value)
    for name in ("shop.py", "worker.py"):
        (tmp_path / name).write_text(SHOP[name], "utf-8")
    (tmp_path / "token.txt").write_text("0123456789abcdef", "utf-8")
    web, page = free_port(), free_port()
    replaced = {"0.0.0.0:8000": f"127.0.0.1:{web}", "0.0.0.0": "127.0.0.1", "8610": str(page)}
    replaced |= {"/run/secrets/token": str(tmp_path / "token.txt")}

    def command(name: str) -> str:
        text = services[name]["command"]
        for old, new in replaced.items():
            text = text.replace(old, new)
        return str(text)

    variables = {**store, "WEIGHBRIDGE_APP_NAME": "Shop", "WEIGHBRIDGE_FLUSH_INTERVAL": "1"}
    subprocess.run([sys.executable, "-m", *shlex.split(command("tables"))], check=True, capture_output=True)
    with (
        running(command("web"), tmp_path, **variables),
        running(command("worker"), tmp_path, **variables) as worker,
        running(command("page"), tmp_path, **variables),
    ):
        eventually(lambda: serving(web) and serving(page))
        assert httpx.get(f"http://127.0.0.1:{web}/users/7").text == "user 7"
        eventually(lambda: len(report(store["WEIGHBRIDGE_STORE"])) == 2)
        asked = {"Authorization": "Bearer 0123456789abcdef"}
        found = httpx.get(f"http://127.0.0.1:{page}/api/applications", headers=asked, timeout=TIMEOUT)
        assert "Shop" in found.text
    assert worker.returncode == 0


def test_the_commands_that_it_begins_with(store, tmp_path, monkeypatch) -> None:
    first, *rest = [line for block in blocks("console", POSTGRESQL) for line in block.code.splitlines()]
    require_installed(shlex.split(first)[4:])
    assert rest[0].startswith("export WEIGHBRIDGE_STORE=postgresql://")
    for name, value in store.items():
        monkeypatch.setenv(name, value)
    upgrade, collect = rest[1:]
    done = subprocess.run(
        [sys.executable, "-m", *shlex.split(upgrade)], capture_output=True, text=True, check=True, timeout=TIMEOUT
    )
    assert done.stdout.endswith(f"is now of version {VERSION} (it was new)\n")
    with running(collect, tmp_path) as collecting:
        log = tmp_path / "weighbridge-0.log"
        eventually(lambda: "collecting" in log.read_text())
    assert collecting.returncode == 0, log.read_text()


def test_what_kubernetes_runs() -> None:
    deployments = list(yaml.safe_load_all(FILES["weighbridge.yaml"]))
    pods = [one["spec"]["template"]["spec"] for one in deployments]
    containers = [one for pod in pods for one in (*pod.get("initContainers", ()), *pod["containers"])]
    assert [one["args"][:3] for one in containers] == [
        ["weighbridge", "store", "upgrade"], ["weighbridge", "collect"], ["gunicorn", "--workers", "2"]
    ]  # fmt: skip
    for deployment in deployments:
        labels = deployment["spec"]["template"]["metadata"]["labels"]
        assert deployment["spec"]["selector"]["matchLabels"] == labels


def test_the_unit_that_collects() -> None:
    unit = unit_of(FILES["weighbridge-collect.service"])
    assert {"Unit", "Service", "Install"} == set(unit.sections())
    assert unit["Service"]["ExecStart"].endswith("/weighbridge collect")
    (address,) = re.findall(r"WEIGHBRIDGE_STORE=(\S+)", FILES["weighbridge-collect.service"])
    assert parse_server_url(address).keywords["sslmode"] == "verify-full"
