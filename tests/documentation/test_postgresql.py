"""The page on a store for many machines: its commands and services, by a server of the tests."""

from __future__ import annotations

import re
import shlex
import shutil
import subprocess
import sys
from collections.abc import Iterator
from contextlib import closing, suppress
from pathlib import Path

import httpx
import pytest
import yaml

from weighbridge.transactions.configuration.postgresql_url import ServerAddress, parse_server_url
from weighbridge.transactions.store.postgresql.connection import ServerConnection, ServerFailure
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


def test_the_certificate_of_compose_is_that_of_the_server(cluster, tmp_path) -> None:
    """What the programs verify it by, under the name that the server has among the services."""
    command = [line for block in blocks("console", POSTGRESQL) for line in block.code.splitlines()][-1]
    subprocess.run(shlex.split(command), cwd=tmp_path, check=True, capture_output=True, timeout=TIMEOUT)
    for name in ("certificate.pem", "key.pem"):
        shutil.copy(tmp_path / name, cluster.folder)
        (cluster.folder / name).chmod(0o600)
        if cluster.user is not None:
            shutil.chown(cluster.folder / name, cluster.user)
    (address,) = {
        service["environment"]["WEIGHBRIDGE_STORE"]
        for service in yaml.safe_load(FILES["compose.yaml"])["services"].values()
        if "WEIGHBRIDGE_STORE" in service["environment"]
    }
    query = address.partition("?")[2].replace("/run/secrets/certificate", str(tmp_path / "certificate.pem"))
    with closing(ServerConnection(parse_server_url(cluster.url("postgres")), load_driver())) as plain:
        try:
            _configure(plain, f"SET ssl_cert_file = '{cluster.folder}/certificate.pem'")
            _configure(plain, f"SET ssl_key_file = '{cluster.folder}/key.pem'")
            _configure(plain, "SET ssl = on")
            url = cluster.url("postgres").replace("127.0.0.1", "db")
            by_name = parse_server_url(f"{url}?hostaddr=127.0.0.1&{query}")
            eventually(lambda: _is_encrypted(by_name))
        finally:
            for setting in ("ssl", "ssl_key_file", "ssl_cert_file"):  # as other tests have it in the file of settings
                _configure(plain, f"RESET {setting}")


def _configure(connection: ServerConnection, change: str) -> None:
    with connection.session() as session:
        session.execute(f"ALTER SYSTEM {change}")
        session.execute("SELECT pg_reload_conf()")


def _is_encrypted(address: ServerAddress) -> bool:
    """Whether the server can be reached; by this address never without TLS."""
    connection = ServerConnection(address, load_driver())
    with suppress(ServerFailure), closing(connection), connection.session() as session:
        return session.execute("SELECT ssl FROM pg_stat_ssl WHERE pid = pg_backend_pid()").fetchone() == (True,)
    return False


def test_the_commands_that_it_begins_with(store, tmp_path, monkeypatch) -> None:
    *lines, _ = [line for block in blocks("console", POSTGRESQL) for line in block.code.splitlines()]
    first, *rest = lines
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
