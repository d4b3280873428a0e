"""Where ``store`` and ``log_file`` lead: settled once, when the settings are read."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from weighbridge.transactions.configuration.loading import load
from weighbridge.transactions.configuration.postgresql_url import parse_server_url


@pytest.mark.parametrize("name", ["store", "log_file"])
def test_a_relative_path_is_settled_when_it_is_read(name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    settings = load(arguments={name: "here/shop.db"}).settings
    assert getattr(settings, name) == str(tmp_path / "here" / "shop.db")


def test_the_home_directory_is_found(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("HOME", str(tmp_path))
    assert load(arguments={"store": "~/shop.db"}).settings.store == str(tmp_path / "shop.db")


@pytest.mark.parametrize(
    ("name", "special"),
    [("store", ":memory:"), ("log_file", "stdout"), ("log_file", "stderr"), ("store", " :memory: ")],
)
def test_special_names_stay(name: str, special: str) -> None:
    assert getattr(load(arguments={name: special}).settings, name) == special.strip()


@pytest.mark.parametrize(
    ("written", "why"),
    [
        ("xyz://host/shop", "xyz:// is not supported"),
        ("XYZ://host/shop", "xyz:// is not supported"),
        ("sqlite:///shop.db", "sqlite:// is not supported"),
        ("file:shop.db", "file:// is not supported"),
        ("mysql+pymysql://db/shop", "mysql+pymysql:// is not supported"),
        ("shop:s3cret@db/shop", "shop:// is not supported"),
        ("s:ecret@db/shop", "s:// is not supported"),
        ("xyz:shop:s3cret", "xyz:// is not supported"),
        ("postgresql:db/shop", "it must begin with postgresql://"),
        ("postgres:/db/shop", "it must begin with postgres://"),
        ("postgresql://db", "the name of the database is missing"),
        ("postgresql://shop:s3%cret@db/shop", "a % in the password must be written as %25"),
        ("postgresql://shop:s3cret/x@db/shop", "the port must be a number"),
        ("postgresql://shop:1/s3cret@db/shop", "#, /, ? and @ in a user, password or name must be written as"),
        ("postgresql://shop:1?s3cret@db/shop", "#, /, ? and @ in a user, password or name must be written as"),
        ("postgresql://shop:1?s3cret&2@db/shop", "#, /, ? and @ in a user, password or name must be written as"),
        ("postgresql://shop:?s3cret=2@db/shop", "#, /, ? and @ in a user, password or name must be written as"),
        ("postgresql://127.db.example/shop?sslmode=disable", "sslmode=disable is for a server on this machine"),
        ("postgresql://shop@db/shop?password=s3cret", "a password is no parameter; see PGPASSFILE and PGPASSWORD"),
        ("postgresql://db/shop?options=-cstatement_timeout%3D0", "options is no parameter of it"),
        ("postgresql://shop:s3cret@db/shop?sslmode=s3cret", "sslmode must be one of require, verify-ca, verify-full"),
        ("postgresql://shop:1?sslmode=s3cret@db/shop", "#, /, ? and @ in a user, password or name must be written as"),
        (
            "postgresql://shop:1@2?sslmode=s3cret@db/shop",
            "sslmode must be one of require, verify-ca, verify-full",
        ),
        ("postgresql://shop:1@2/?sslmode=s3cret@db/shop", "sslmode must be one of require, verify-ca, verify-full"),
        ("postgresql://db/shop?sslmode=prefer", "sslmode=prefer is for a server on this machine"),
        ("postgresql://db,127.0.0.1/shop?sslmode=disable", "sslmode=disable is for a server on this machine"),
        ("postgresql://db/shop?schema=Sch%2Eema", "schema is 'Sch.ema', and must be lower-case letters"),
        ("postgresql://db/shop?schema=two%20words", "schema is 'two words', and must be lower-case letters"),
        ("postgresql://db/shop?schema=quo%22ted", "schema must be lower-case letters"),
        ("postgresql://db/shop?schema=pg_figures", "schema is 'pg_figures', and must be"),
        ("postgresql://db/shop?schema=information_schema", "schema is 'information_schema', and must be"),
        ("postgresql://[::1/shop", "[ and ] stand around an IPv6 address"),
        ("postgresql%3A%2F%2Fshop:s3cret@db", "it looks like a URL"),
        ("//shop:s3cret@db/shop", "it looks like a URL"),
        ("host=db password=s3cret", "it looks like a URL"),
        (":memory", "the only special name is :memory:"),
        ("~nobody-of-that-name/shop.db", "nobody knows the home directory"),
        ("shop\0.db", "no path has a NUL character"),
    ],
)
def test_what_is_no_path_is_refused_and_said_why(written: str, why: str) -> None:
    found = load(arguments={"store": written})
    (problem,) = found.problems
    assert found.settings.store is None
    assert f"is not valid: {why}" in str(problem)
    assert str(problem).startswith("argument store: ")
    assert "it must be the path of a file, `postgresql://db.example/shop`, or `:memory:`" in str(problem)
    assert "s3cret" not in str(problem)


@pytest.mark.parametrize(
    ("written", "why"),
    [
        ("connect_timeout=abc", "connect_timeout is 'abc', and must be a whole number of seconds from 0 to 86400"),
        ("connect_timeout=", "connect_timeout is '', and must be a whole number"),
        ("connect_timeout=9999999999999999999999", "must be a whole number of seconds from 0 to 86400"),
        ("sslmode=perhaps", "sslmode is 'perhaps', and must be one of require, verify-ca, verify-full, disable,"),
        ("tcp_user_timeout=1s", "tcp_user_timeout is '1s', and must be a whole number of milliseconds"),
        ("keepalives_idle=0", "keepalives_idle is '0', and must be a whole number of seconds from 1 to 32767"),
        ("target_session_attrs=Primary", "target_session_attrs is 'Primary', and must be one of any, read-write,"),
        ("channel_binding=1", "channel_binding is '1', and must be one of disable, prefer, require"),
        ("gssencmode=off", "gssencmode is 'off', and must be one of disable, prefer, require"),
        ("ssl_min_protocol_version=1.2", "ssl_min_protocol_version is '1.2', and must be one of TLSv1, TLSv1.1,"),
        ("require_auth=scram", "require_auth is 'scram', and must be one or more of gss, md5,"),
        ("hostaddr=db", "hostaddr is 'db', and must be an IP address"),
        ("hostaddr=10.0.0.256", "hostaddr is '10.0.0.256', and must be an IP address"),
        ("port=abc", "port is 'abc', and must be a number from 1 to 65535"),
        ("port=1,2", "port has 2 values, and there are servers: 1"),
        ("host=a,b&hostaddr=10.0.0.1", "hostaddr has 1 values, and there are servers: 2"),
        ("perhaps=1", "perhaps is no parameter of it; there are: channel_binding, connect_timeout,"),
    ],
)
def test_an_impossible_parameter_is_named_with_what_would_be_right(written: str, why: str) -> None:
    (problem,) = load(arguments={"store": f"postgresql://db/shop?{written}"}).problems
    assert why in str(problem)


@pytest.mark.parametrize(
    "written",
    [
        "connect_timeout=%205",
        "ssl_min_protocol_version=tlsv1.2&ssl_max_protocol_version=TLSv1.3",
        "require_auth=!password,!md5",
        "host=a,b,c&hostaddr=10.0.0.1,::1,fe80::1%25eth0&port=1,,3",
        "host=a,b&port=6432",
        "tcp_user_timeout=0&keepalives_idle=1&target_session_attrs=prefer-standby",
        "schema=order",
    ],
)
def test_what_libpq_takes_is_taken(written: str) -> None:
    assert not load(
        arguments={"store": f"postgresql://db/shop?{written}".replace("//db/shop?host", "///shop?host")}
    ).problems


@pytest.mark.parametrize(
    ("written", "keywords", "place"),
    [
        (
            "postgresql://shop:s3%2Fc%40ret@db.example:6432/figures?sslmode=verify-full&sslrootcert=%2Fca.pem",
            {
                "user": "shop", "password": "s3/c@ret", "host": "db.example", "port": "6432", "dbname": "figures",
                "sslmode": "verify-full", "sslrootcert": "/ca.pem",
            },
            "postgresql://db.example:6432/figures",
        ),
        ("postgres://db/shop", {"host": "db", "dbname": "shop", "sslmode": "require"}, "postgresql://db/shop"),
        (
            "postgresql://a,b:6432/shop?target_session_attrs=read-write",
            {"host": "a,b", "port": ",6432", "dbname": "shop", "target_session_attrs": "read-write"}
            | {"sslmode": "require"},
            "postgresql://a,b:6432/shop",
        ),
        (
            "postgresql://[::1]:5432,127.0.0.1:5433/shop",
            {"host": "::1,127.0.0.1", "port": "5432,5433", "dbname": "shop"},
            "postgresql://[::1]:5432,127.0.0.1:5433/shop",
        ),
        (
            "postgresql:///shop?host=localhost,127.0.0.2&port=5433",
            {"host": "localhost,127.0.0.2", "port": "5433", "dbname": "shop"},
            "postgresql://localhost:5433,127.0.0.2:5433/shop",
        ),
        ("postgresql://[::1]:5432/shop", {"host": "::1", "port": "5432", "dbname": "shop"}, "postgresql://[::1]:5432/shop"),
        ("postgresql:///shop?host=%2Frun%2Fpg", {"host": "/run/pg", "dbname": "shop"}, "postgresql:///shop"),
        ("postgresql:///?service=figures", {"service": "figures"}, "postgresql:///?service=figures"),
        (
            "postgresql://localhost/shop?schema=team_a&sslmode=disable",
            {"host": "localhost", "dbname": "shop", "sslmode": "disable"},
            "postgresql://localhost/shop?schema=team_a",
        ),
    ],
)  # fmt: skip
def test_the_address_of_a_server_is_taken_apart(written: str, keywords: dict[str, str], place: str) -> None:
    assert load(arguments={"store": written}).settings.store == written
    found = parse_server_url(written)
    assert dict(found.keywords) == keywords
    assert found.place == place


@pytest.mark.parametrize(
    ("environ", "written", "mode"),
    [
        ({"PGHOST": "db.example"}, "postgresql:///shop", "require"),
        ({"PGHOSTADDR": "192.0.2.1"}, "postgresql://localhost/shop", "require"),
        ({"PGHOST": "/run/pg"}, "postgresql:///shop", None),
        ({"PGHOST": "db.example"}, "postgresql://localhost/shop", None),
        ({}, "postgresql://localhost/shop?hostaddr=192.0.2.1", "require"),
        ({"PGSSLMODE": "verify-full"}, "postgresql://db.example/shop", None),
        ({"PGSSLMODE": "prefer"}, "postgresql://db.example/shop", "require"),
        ({"PGSSLMODE": "verify-full"}, "postgresql://db.example/shop?sslmode=require", "require"),
    ],
)
def test_tls_is_required_wherever_libpq_is_led_to(
    environ: dict[str, str], written: str, mode: str | None, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Where no mode is given, libpq obeys ``PGSSLMODE`` itself."""
    for name, value in environ.items():
        monkeypatch.setenv(name, value)
    assert parse_server_url(written).keywords.get("sslmode") == mode


def test_a_server_is_written_to_less_often() -> None:
    assert load(arguments={"store": "postgresql://db/shop"}).settings.flush_interval == 10
    assert load(arguments={"store": "postgresql://db/shop", "flush_interval": 3}).settings.flush_interval == 3
    assert load(arguments={"store": "/shop.db"}).settings.flush_interval == 5


@pytest.mark.parametrize(
    "written", ["C:\\shop\\shop.db", "c:/shop.db", "./xyz:shop.db", "10:30.db", "/srv/a:b/shop.db"]
)
def test_a_colon_alone_makes_no_scheme(written: str) -> None:
    assert load(arguments={"store": written}).problems == ()


@pytest.mark.skipif(not hasattr(os, "fork"), reason="a directory in use cannot be deleted")
def test_without_a_current_directory_a_relative_path_is_a_problem(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "gone").mkdir()
    monkeypatch.chdir(tmp_path / "gone")
    (tmp_path / "gone").rmdir()
    assert "the current directory is not there" in str(load(arguments={"store": "shop.db"}).problems[0])
    assert load(arguments={"store": "/shop.db"}).problems == ()


PROGRAM = """
import json, os, sys
import weighbridge

@weighbridge.background_task(name="job")
def job():
    pass

job()
os.mkdir("elsewhere")
os.chdir("elsewhere")
weighbridge.shutdown_agent()
job()
pid = os.fork() if "fork" in sys.argv else 0
if pid:
    os.waitpid(pid, 0)
else:
    os.chdir("/")
    job()
    weighbridge.flush()
    if "fork" in sys.argv:
        os._exit(0)
weighbridge.flush()
print(json.dumps([weighbridge.global_settings().store, os.listdir()]))
"""


@pytest.mark.parametrize("way", ["fork", "chdir"])
def test_it_is_one_file_wherever_the_program_goes(way: str, tmp_path: Path) -> None:
    environ = {**os.environ, "WEIGHBRIDGE_STORE": "shop.db", "PYTHONSAFEPATH": "1"}
    (tmp_path / "program.py").write_text(PROGRAM)
    done = subprocess.run(
        [sys.executable, "-W", "ignore", "program.py", way],
        cwd=tmp_path,
        env=environ,
        capture_output=True,
        text=True,
        check=True,
        timeout=300,
    )
    store, elsewhere = json.loads(done.stdout)
    assert store == str(tmp_path / "shop.db")
    assert (tmp_path / "shop.db").exists()
    assert way == "chdir" or elsewhere == []
    assert list(tmp_path.glob("elsewhere/*")) == []
    assert done.stderr == ""
