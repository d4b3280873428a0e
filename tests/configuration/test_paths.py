"""Where ``store`` and ``log_file`` lead: settled once, when the settings are read."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from weighbridge.transactions.configuration.loading import load


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
        ("postgresql://db/shop", "postgresql:// is not supported yet"),
        ("postgres:/db/shop", "postgres:// is not supported yet"),
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
    assert "it must be the path of a file, or `:memory:`" in str(problem)
    assert "s3cret" not in str(problem)


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
        timeout=60,
    )
    store, elsewhere = json.loads(done.stdout)
    assert store == str(tmp_path / "shop.db")
    assert (tmp_path / "shop.db").exists()
    assert way == "chdir" or elsewhere == []
    assert list(tmp_path.glob("elsewhere/*")) == []
    assert done.stderr == ""
