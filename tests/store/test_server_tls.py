"""TLS: who answers is verified, and over a network nothing is sent without it."""

from __future__ import annotations

import shutil
import subprocess
from collections.abc import Callable, Iterator
from contextlib import closing
from pathlib import Path
from urllib.parse import quote

import pytest

from weighbridge.transactions.configuration.postgresql_url import parse_server_url
from weighbridge.transactions.recording.snapshot import StoreUnavailable
from weighbridge.transactions.store.postgresql import connection as connection_module
from weighbridge.transactions.store.postgresql.connection import ServerConnection
from weighbridge.transactions.store.postgresql.drivers import _Psycopg, _Psycopg2
from weighbridge.transactions.store.postgresql.writer import ServerWriter
from weighbridge.transactions.store.reader import StoreReader, StoreUnreadable

from ..clusters import Cluster
from .conftest import ServerEngine

DRIVERS = {"psycopg": _Psycopg, "psycopg2": _Psycopg2}


@pytest.fixture(scope="module")
def authorities(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Certificates of two authorities, and one of a server that the first has signed."""
    folder = tmp_path_factory.mktemp("certificates")
    for name in ("ours", "theirs"):
        _openssl(
            folder, f"req -x509 -newkey rsa:2048 -nodes -days 2 -subj /CN={name} -keyout {name}.key -out {name}.pem"
        )
    _openssl(folder, "req -newkey rsa:2048 -nodes -subj /CN=db.example -keyout server.key -out server.csr")
    (folder / "names").write_text("subjectAltName=DNS:db.example\n")
    _openssl(
        folder,
        "x509 -req -days 2 -in server.csr -CA ours.pem -CAkey ours.key -CAcreateserial -extfile names -out server.pem",
    )
    return folder


def _openssl(folder: Path, arguments: str) -> None:
    subprocess.run(["openssl", *arguments.split()], cwd=folder, check=True, capture_output=True, timeout=300)


@pytest.fixture
def encrypted(cluster: Cluster, authorities: Path) -> Iterator[None]:
    """The server speaks TLS."""
    for name in ("server.pem", "server.key"):
        kept = cluster.data / name
        shutil.copy(authorities / name, kept)
        kept.chmod(0o600)
        if cluster.user is not None:
            shutil.chown(kept, cluster.user)
    _configure(cluster, "ssl_cert_file = 'server.pem'", "ssl_key_file = 'server.key'", "ssl = on")
    yield
    _configure(cluster, "ssl = off")


def _configure(cluster: Cluster, *settings: str) -> None:
    cluster.stop()
    with (cluster.data / "postgresql.conf").open("a") as configuration:
        configuration.write("\n".join(("", *settings, "")))
    cluster.start()


Address = Callable[..., str]


@pytest.fixture
def address(cluster: Cluster, authorities: Path) -> Iterator[Address]:
    """Gives the address of a store by a name of the server that is not of this machine."""
    engine = ServerEngine(cluster)

    def named(host: str = "db.example", mode: str = "verify-full", authority: str = "ours") -> str:
        by_name = engine.path.replace("127.0.0.1", host)
        root = quote(str(authorities / f"{authority}.pem"), safe="")
        secured = f"&sslmode={mode}&sslrootcert={root}" if mode else ""
        return f"{by_name}&hostaddr=127.0.0.1{secured}"

    yield named
    engine.close()


@pytest.mark.parametrize("driver", DRIVERS)
@pytest.mark.usefixtures("encrypted")
def test_a_server_that_is_verified_is_reported_to_and_read(address: Address, make, driver: str) -> None:
    module = pytest.importorskip(driver)
    with closing(ServerWriter(address(), DRIVERS[driver](module))) as writer:
        writer.write(make.snapshot(make.row([1.0])))
    with StoreReader.open(address()) as reader:
        reader.collect()
        assert reader.totals(make.always).calls == 1
    for url in (address(), address(mode="")):  # the second says nothing of TLS
        connection = ServerConnection(parse_server_url(url), DRIVERS[driver](module))
        with closing(connection), connection.session() as session:
            found = session.execute("SELECT ssl, version FROM pg_stat_ssl WHERE pid = pg_backend_pid()").fetchone()
        assert found == (True, "TLSv1.3")


@pytest.mark.parametrize(
    ("changed", "reason"),
    [
        ({"host": "other.example"}, 'server certificate for "db.example" does not match host name "other.example"'),
        ({"authority": "theirs"}, "certificate verify failed"),
        ({"host": "other.example", "authority": "theirs", "mode": "verify-ca"}, "certificate verify failed"),
    ],
)
@pytest.mark.usefixtures("encrypted")
def test_another_server_gets_nothing(address: Address, make, changed: dict[str, str], reason: str) -> None:
    url = address(**changed)
    writer = ServerWriter(url, _Psycopg(pytest.importorskip("psycopg")))
    with closing(writer), pytest.raises(StoreUnavailable, match=reason) as refused:
        writer.write(make.snapshot(make.row([1.0])))
    assert "s3c" not in str(refused.value)
    with pytest.raises(StoreUnreadable, match=reason):
        StoreReader.open(url)


def test_over_a_network_nothing_is_sent_without_tls(address: Address, make) -> None:
    """The server would take it: it does not speak TLS."""
    writer = ServerWriter(address(mode=""), _Psycopg(pytest.importorskip("psycopg")))
    with closing(writer), pytest.raises(StoreUnavailable, match="server does not support SSL"):
        writer.write(make.snapshot(make.row([1.0])))
    local = address(mode="").replace("db.example", "127.0.0.1")
    with closing(ServerWriter(local, _Psycopg(pytest.importorskip("psycopg")))) as writer:
        writer.write(make.snapshot(make.row([1.0])))


@pytest.mark.parametrize("driver", DRIVERS)
def test_a_service_without_tls_is_refused_over_a_network(
    cluster: Cluster, tmp_path: Path, make, monkeypatch: pytest.MonkeyPatch, driver: str
) -> None:
    """Only libpq knows where it leads; there is no other machine here, so that this one is taken for one."""
    keywords = parse_server_url(cluster.url("postgres")).keywords
    service = tmp_path / "services"
    service.write_text("\n".join(("[figures]", *(f"{name}={value}" for name, value in keywords.items()), "")), "utf-8")
    monkeypatch.setenv("PGSERVICEFILE", str(service))
    writer = ServerWriter("postgresql:///?service=figures&schema=none", DRIVERS[driver](pytest.importorskip(driver)))
    with closing(writer):
        with pytest.raises(StoreUnavailable, match="run: weighbridge store upgrade"):
            writer.write(make.snapshot(make.row([1.0])))
        writer.close()
        monkeypatch.setattr(connection_module, "is_local", lambda host: not host)
        with pytest.raises(StoreUnavailable, match=r"is not encrypted \(sslmode=require is missing for 127"):
            writer.write(make.snapshot(make.row([1.0])))
