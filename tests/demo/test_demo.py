"""The demo itself, on real servers: right when it is right, wrong when it is not, and nothing left behind."""

from __future__ import annotations

import json
import os
import re
import shlex
import signal
import subprocess
import sys
from collections import Counter
from contextlib import closing
from pathlib import Path
from urllib.parse import quote

import pytest

from weighbridge.demo import services
from weighbridge.demo.drive import wait_until_ready
from weighbridge.demo.run import Outcome, Watcher, run_demo
from weighbridge.demo.services import ServiceFailed
from weighbridge.demo.traffic import API, WEB, Counted, Traffic, plan
from weighbridge.transactions.configuration.postgresql_url import parse_server_url
from weighbridge.transactions.store.postgresql.connection import ServerConnection
from weighbridge.transactions.store.postgresql.drivers import load_driver
from weighbridge.transactions.store.server import Collector

from ..clusters import Cluster
from ..waiting import eventually

pytestmark = pytest.mark.skipif(not Path("/proc/self/environ").exists(), reason="reads /proc")

COMMAND = (sys.executable, "-m", "weighbridge.cli")


def watch_nothing() -> Watcher:
    return Watcher(lambda: None, lambda: None, lambda: None)


def processes_of(store: Path) -> list[str]:
    """The ids of the processes that were told to report to this store."""
    mine = b"WEIGHBRIDGE_STORE=" + os.fsencode(store)
    found = []
    for entry in Path("/proc").glob("[0-9]*/environ"):
        try:
            if mine in entry.read_bytes().split(b"\0"):
                found.append(entry.parent.name)
        except OSError:
            continue
    return found


def test_everything_sent_is_counted_exactly(tmp_path: Path) -> None:
    store = tmp_path / "demo.db"
    done = subprocess.run(
        [*COMMAND, "demo", "--requests", "80", "--seed", "3", "--store", str(store)],
        capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stdout + done.stderr
    assert "Right: 80 requests and jobs sent" in done.stdout
    assert "Bookshop API" in done.stdout
    assert f"weighbridge report --store {store}" in done.stdout
    assert processes_of(store) == []
    report = subprocess.run([*COMMAND, "report", "--json", "--store", str(store)], capture_output=True, check=True)
    transactions = json.loads(report.stdout)["transactions"]
    counted = {
        (record["application"], record["type"], record["group"], record["name"]): (record["calls"], record["errors"])
        for record in transactions
    }
    wanted: dict[tuple[str, str, str, str], tuple[int, int]] = {}
    for traffic in plan(80, 3):
        for one in traffic.counted:
            calls, errors = wanted.get(key := (one.application, one.kind, one.group, one.name), (0, 0))
            wanted[key] = calls + 1, errors + one.failed
    assert counted == wanted
    posted = {record["name"]: record for record in transactions if record["group"] == "Celery"}
    assert all(record["queued"] == record["calls"] for record in posted.values())
    assert 2 * posted["send_books"]["retried"] == posted["send_books"]["calls"]


def test_everything_sent_is_counted_exactly_on_a_server(cluster: Cluster) -> None:
    """By as many processes as a shop has, each of which sends its own figures; whatever is said has no password."""
    store = f"{cluster.url('postgres')}?schema=demo"
    with closing(Collector(store)) as collector:
        collector.upgrade()
    demo = subprocess.run(
        [*COMMAND, "demo", "--requests", "60", "--seed", "5", "--store", store],
        capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert demo.returncode == 0, demo.stdout + demo.stderr
    assert "Right: 60 requests and jobs sent" in demo.stdout
    report = subprocess.run(
        [*COMMAND, "report", "--json", "--store", store], capture_output=True, text=True, check=True
    )
    counted = Counter(
        {(one["application"], one["type"], one["group"], one["name"]): one["calls"]
         for one in json.loads(report.stdout)["transactions"]}
    )  # fmt: skip
    assert counted == Counter(
        (one.application, one.kind, one.group, one.name) for traffic in plan(60, 5) for one in traffic.counted
    )
    password = parse_server_url(store).keywords["password"]
    for said in (demo.stdout, demo.stderr, report.stdout, report.stderr):
        assert password not in said
        assert quote(password, safe="") not in said
    connection = ServerConnection(parse_server_url(store), load_driver())
    with closing(connection), connection.session() as session:
        session.execute("DROP SCHEMA demo CASCADE")


def test_its_report_can_be_read_again_as_it_says(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path / "a state"))
    demo = subprocess.run(
        [*COMMAND, "demo", "--requests", "1"], capture_output=True, text=True, check=False, timeout=300
    )
    assert demo.returncode == 0, demo.stdout + demo.stderr
    report = subprocess.run([*COMMAND, "report"], capture_output=True, text=True, check=False)
    assert report.returncode == 0
    for text in (demo.stdout, report.stderr):
        (line,) = re.findall(r"weighbridge (report --store .*?)(?:  #|$)", text, re.MULTILINE)
        again = subprocess.run([*COMMAND, *shlex.split(line)], capture_output=True, text=True, check=True)
        assert "Bookshop API" in again.stdout
    assert "WSGITransactionMiddleware" in demo.stdout


def outcome_of(traffic: Traffic, folder: Path) -> Outcome:
    return run_demo([traffic] * 3, folder / "demo.db", folder, watch_nothing())


def test_a_wrong_count_and_a_wrong_answer_are_noticed(tmp_path: Path) -> None:
    miscounted = Counted(API, "background", "Route", "GET /")
    outcome = outcome_of(Traffic("a page", "web", "GET /", 1, (miscounted,), status=204), tmp_path)
    assert not outcome.right
    assert len(outcome.complaints) == 3
    assert "answered 200 instead of 204" in outcome.complaints[0]
    wrong = {
        comparison.series[:2]: (comparison.sent.calls, comparison.counted.calls) for comparison in outcome.comparisons
    }
    assert wrong == {(API, "background"): (3, 0), (WEB, "web"): (0, 3)}


def test_a_server_that_does_not_come_up_is_reported_with_its_last_words(tmp_path: Path) -> None:
    arguments = ["uvicorn", "--fd={fd}", "weighbridge.demo.no_such_shop:application"]
    process = services.serve("uvicorn", arguments, tmp_path, services.environment(tmp_path / "demo.db", WEB))
    try:
        with pytest.raises(ServiceFailed, match="no_such_shop"):
            wait_until_ready({"web": process})
    finally:
        process.stop()


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_nothing_is_left_behind_by_an_interruption(tmp_path: Path, number: signal.Signals) -> None:
    store = tmp_path / "demo.db"
    demo = subprocess.Popen(
        [*COMMAND, "demo", "--requests", "50000", "--store", str(store)],
        stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, start_new_session=True,
    )  # fmt: skip
    try:
        assert demo.stdout
        while "Sending" not in demo.stdout.readline():
            assert demo.poll() is None
        assert len(processes_of(store)) >= 4
        demo.send_signal(number)
        rest, _ = demo.communicate()
    finally:
        demo.kill()
        demo.wait()
    assert demo.returncode not in {0, 2}
    assert "Traceback" not in rest
    eventually(lambda: processes_of(store) == [])


@pytest.mark.parametrize("content", [None, b"no database " * 500], ids=["a directory", "no database"])
def test_a_store_that_cannot_be_used_is_refused_before_anything_starts(tmp_path: Path, content: bytes | None) -> None:
    store = tmp_path / "store"
    store.mkdir() if content is None else store.write_bytes(content)
    done = subprocess.run([*COMMAND, "demo", "--store", str(store)], capture_output=True, text=True, check=False)
    assert done.returncode == 2
    assert str(store) in done.stderr
    assert "Traceback" not in done.stderr


def test_a_store_in_a_directory_that_is_not_there_is_refused(tmp_path: Path) -> None:
    store = tmp_path / "none" / "demo.db"
    done = subprocess.run([*COMMAND, "demo", "--store", str(store)], capture_output=True, text=True, check=False)
    assert done.returncode == 2
    assert f"no directory {store.parent}" in done.stderr


def test_a_server_that_fails_makes_the_demo_fail_and_say_why(tmp_path: Path) -> None:
    (tmp_path / "uvicorn.py").write_text('raise SystemExit("this uvicorn is out of order")\n')
    store = tmp_path / "demo.db"
    done = subprocess.run(
        [*COMMAND, "demo", "--store", str(store)],
        env={**os.environ, "PYTHONPATH": str(tmp_path)},
        capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert done.returncode == 1
    assert "this uvicorn is out of order" in done.stderr
    assert "Traceback" not in done.stderr
    assert processes_of(store) == []
