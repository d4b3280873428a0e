"""The watch on both engines: a begin and an end are told, once each, to a real server, whatever fails in between."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, closing, contextmanager
from dataclasses import replace
from http.server import BaseHTTPRequestHandler
from pathlib import Path
from typing import Any

import pytest

from weighbridge.alerting.watching import Watch
from weighbridge.transactions.configuration.alerts import Alert
from weighbridge.transactions.store.engines import state_at
from weighbridge.transactions.store.reader import StoreReader
from weighbridge.transactions.store.results import AlertState

from ..store.conftest import FileEngine, ServerEngine
from ..store.maker import JOB, Maker
from ..waiting import TIMEOUT, eventually
from .conftest import Receiver, alert, marks, states, write

Engine = FileEngine | ServerEngine
NAME = "errors of the shop"
AT_ONCE = (0.0, 0.0, 0.0, 0.0)


@pytest.fixture
def make() -> Maker:
    return Maker()


@pytest.fixture
def fill(engine: Engine, make: Maker) -> Callable[..., None]:
    """Write calls to the store."""
    writer = engine.writer()
    return lambda failed, calls=40, **more: write(writer, make, failed, calls, **more)


@pytest.fixture
def watch(engine: Engine) -> Iterator[Callable[..., tuple[Watch, list[str]]]]:
    """Make a watch; gives it with what it has said."""
    with ExitStack() as watches:

        def made(*alerts: Alert, pauses: Any = AT_ONCE) -> tuple[Watch, list[str]]:
            said: list[str] = []
            return watches.enter_context(closing(Watch(engine.path, alerts, said.append, pauses))), said

        yield made


def test_it_begins_and_ends_and_both_are_told_once(engine: Engine, fill: Any, watch: Any, receiver: Receiver) -> None:
    console, said = watch(alert(webhook=receiver.url, application="shop"))
    console.step()
    assert receiver.requests == []  # there is no such application yet
    fill(0)
    console.step()
    assert (receiver.requests, states(engine.path), said) == ([], {}, [])
    fill(40)
    for _ in range(3):
        console.step()
    (begun,) = receiver.bodies()
    assert (begun["alert"], begun["state"], begun["application"]) == (NAME, "critical", "shop")
    assert (begun["value"], begun["calls"]) == (0.5, 80)
    assert begun["limit"] == {"measure": "error_rate", "warning": None, "critical": 0.05}
    assert states(engine.path) == {NAME: ("critical", "critical", 0)}
    fill(0, 2000)
    for _ in range(3):
        console.step()
    (_, over) = receiver.bodies()
    assert (over["alert"], over["state"]) == (NAME, "ok")
    assert over["id"] != begun["id"]
    assert states(engine.path) == {NAME: ("ok", "ok", 0)}
    assert marks(engine.path) == [("alert", NAME), ("alert_end", NAME)]
    assert [line.split(":")[0] for line in said] == [f"alert '{NAME}' begins", f"alert '{NAME}' ends"]


def test_a_warning_that_becomes_critical_is_told_of(engine: Engine, fill: Any, watch: Any, receiver: Receiver) -> None:
    console, _ = watch(alert(webhook=receiver.url, error_rate="5%,60%"))
    fill(20)
    console.step()
    fill(400, 400)
    console.step()
    fill(0, 100)  # still critical
    console.step()
    assert [body["state"] for body in receiver.bodies()] == ["warning", "critical"]
    assert marks(engine.path) == [("alert", NAME)]


def test_too_few_calls_neither_begin_nor_end_it(engine: Engine, fill: Any, watch: Any, receiver: Receiver) -> None:
    console, _ = watch(alert(webhook=receiver.url, min_calls=50))
    fill(40)
    console.step()
    assert receiver.requests == []
    fill(40)
    console.step()
    assert len(receiver.requests) == 1
    other, _ = watch(alert(webhook=receiver.url, min_calls=1000))
    fill(0)
    other.step()
    assert states(engine.path) == {NAME: ("critical", "critical", 0)}


def test_without_a_webhook_the_page_alone_shows_it(engine: Engine, fill: Any, watch: Any) -> None:
    console, _ = watch(alert())
    fill(40)
    console.step()
    assert states(engine.path) == {NAME: ("critical", "critical", 0)}


def test_a_job_that_never_ran(engine: Engine, fill: Any, watch: Any, receiver: Receiver) -> None:
    path = "OtherTransaction/Function/shop.jobs:rebuild"
    console, _ = watch(alert(webhook=receiver.url, application="shop", transaction=path, missing="25h"))
    fill(0)
    console.step()
    fill(0, series=JOB)
    console.step()
    assert [(body["state"], body["transaction"]) for body in receiver.bodies()] == [("critical", path), ("ok", path)]


def test_what_is_not_taken_is_told_again_and_in_order(
    engine: Engine, fill: Any, watch: Any, receiver: Receiver
) -> None:
    console, said = watch(alert(webhook=receiver.url))
    receiver.answer = receiver.refuse
    fill(40)
    for _ in range(3):
        console.step()
    assert states(engine.path) == {NAME: ("critical", "ok", 3)}
    fill(0, 2000)  # it is over before anybody was told that it has begun
    receiver.answer = receiver.take
    for _ in range(4):
        console.step()
    assert [body["state"] for body in receiver.bodies()] == [*["critical"] * 4, "ok"]
    assert len({body["id"] for body in receiver.bodies()}) == 2
    assert sum("answered 503; it is tried again" in line for line in said) == 1


def test_after_five_attempts_it_is_given_up_and_said(engine: Engine, fill: Any, watch: Any, receiver: Receiver) -> None:
    console, said = watch(alert(webhook=receiver.url))
    receiver.answer = receiver.refuse
    fill(40)
    for _ in range(8):
        console.step()
    assert len(receiver.requests) == 5
    assert states(engine.path) == {NAME: ("critical", "critical", 5)}
    assert "was not told that it is critical, after 5 attempts" in said[-1]
    assert "/hook" not in "".join(said)  # the path may be a secret


def test_a_pause_is_kept_between_attempts(engine: Engine, fill: Any, watch: Any, receiver: Receiver) -> None:
    console, _ = watch(alert(webhook=receiver.url), pauses=(3600.0,))
    receiver.answer = receiver.refuse
    fill(40)
    for _ in range(3):
        console.step()
    assert len(receiver.requests) == 1


def test_the_claim_of_a_console_that_has_gone_is_taken_over(
    engine: Engine, fill: Any, watch: Any, receiver: Receiver
) -> None:
    fill(0)
    writer = state_at(engine.path)
    gone = AlertState(NAME, "critical", time.time() - 100, "ok", "gone", time.time() - 61, 1)
    assert writer.change_alert(None, gone)
    assert not writer.change_alert(None, gone)
    assert not writer.change_alert(replace(gone, attempts=2), gone)
    writer.close()
    console, _ = watch(alert(webhook=receiver.url), pauses=(60.0,))
    console.step()
    console.step()
    assert [body["state"] for body in receiver.bodies()] == ["critical", "ok"]


def test_many_consoles_tell_it_once(engine: Engine, fill: Any, watch: Any, receiver: Receiver) -> None:
    consoles = [watch(alert(webhook=receiver.url), pauses=(3600.0,))[0] for _ in range(4)]
    fill(40)
    start = threading.Barrier(len(consoles))

    def judge(console: Watch) -> None:
        start.wait()
        for _ in range(3):
            console.step()

    threads = [threading.Thread(target=judge, args=[console]) for console in consoles]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(receiver.requests) == 1
    assert states(engine.path) == {NAME: ("critical", "critical", 0)}


# ---- Consoles of their own processes.


@contextmanager
def consoles(path: str, receiver: Receiver, pauses: Any) -> Iterator[dict[int, subprocess.Popen[str]]]:
    """Two of them, by process number; those that are still there are killed at the end."""
    alerts = json.dumps([{"name": NAME, "error_rate": "5%", "webhook": receiver.url}])
    command = [sys.executable, str(Path(__file__).with_name("console.py")), path, alerts, json.dumps(pauses)]
    started = [subprocess.Popen(command, stdout=subprocess.PIPE, text=True) for _ in range(2)]
    try:
        yield {one.pid: one for one in started}
    finally:
        for one in started:
            one.kill()
            one.communicate(timeout=TIMEOUT)


def judged(console: subprocess.Popen[str], times: int = 3) -> None:
    """Wait until it has judged so many times from now on."""
    assert console.stdout is not None
    for _ in range(times):
        while console.stdout.readline() != "judged\n":
            assert console.poll() is None


def test_two_processes_tell_it_once(engine: Engine, fill: Any, receiver: Receiver) -> None:
    fill(0)
    with consoles(engine.path, receiver, [3600.0]) as both:
        for console in both.values():
            judged(console, 1)
        fill(40)
        eventually(lambda: states(engine.path).get(NAME) == ("critical", "critical", 0))
        fill(0, 4000)
        eventually(lambda: states(engine.path).get(NAME) == ("ok", "ok", 0))
    assert [body["state"] for body in receiver.bodies()] == ["critical", "ok"]


def test_a_process_that_is_killed_in_between_loses_nothing(engine: Engine, fill: Any, receiver: Receiver) -> None:
    fill(0)
    gone = threading.Event()

    def hang(handler: BaseHTTPRequestHandler) -> None:
        receiver.answer = receiver.take
        gone.wait(TIMEOUT)
        handler.close_connection = True

    receiver.answer = hang
    with consoles(engine.path, receiver, [2.0]) as both:
        fill(40)
        eventually(lambda: receiver.requests)
        with closing(StoreReader.open(engine.path)) as reader:
            (state,) = reader.alert_states()
        sender = int(state.claimed_by.split()[1])
        os.kill(sender, signal.SIGKILL)
        both[sender].wait(TIMEOUT)
        gone.set()
        eventually(lambda: states(engine.path).get(NAME) == ("critical", "critical", 0))
    assert len(receiver.requests) >= 2
    assert len({body["id"] for body in receiver.bodies()}) == 1


# ---- A store that takes no states.


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can mount")
@pytest.mark.parametrize("engine", ["sqlite"], indirect=True)
def test_on_a_file_system_that_is_read_only_alerts_are_off_and_that_is_said_once(
    engine: FileEngine, make: Maker, receiver: Receiver
) -> None:
    writer = engine.writer()
    write(writer, make, 40)
    writer.close()  # SQLite keeps files open as long as this process has others of theirs
    place = Path(tempfile.mkdtemp(dir="/tmp"))
    folder = Path(engine.path).parent
    if subprocess.run(["mount", "--bind", str(folder), str(place)], capture_output=True, check=False).returncode:
        place.rmdir()
        pytest.skip("nothing can be mounted here")
    try:
        subprocess.run(["mount", "-o", "remount,ro,bind", str(place)], check=True, timeout=300)
        said: list[str] = []
        with closing(Watch(str(place / "store.db"), [alert(webhook=receiver.url)], said.append)) as console:
            console.step()
            console.step()
    finally:
        subprocess.run(["umount", str(place)], check=True, timeout=300)
        place.rmdir()
    (line,) = said
    assert line.startswith("alerts are off")
    assert "read-only" in line
    assert receiver.requests == []


@pytest.mark.parametrize("engine", ["sqlite"], indirect=True)
def test_where_there_is_no_store_none_is_made(engine: FileEngine, watch: Any, receiver: Receiver) -> None:
    console, said = watch(alert(webhook=receiver.url))
    console.step()
    assert not Path(engine.path).exists()
    assert said == []


def test_what_nobody_has_reported_is_said_once(fill: Any, watch: Any) -> None:
    misspelt = [alert(name="a", application="shpo"), alert(name="b", transaction="WebTransaction/Route/GET /pgae")]
    console, said = watch(*misspelt, alert(name="c", transaction="OtherTransaction/x/y", missing="1h"))
    fill(0)
    for _ in range(3):
        console.step()
    place = console._reader.path
    assert [line for line in said if "'c'" not in line] == [
        f"alert 'a' is not judged as long as this is so: there is no application 'shpo' in {place}; there are: shop",
        "alert 'b' is not judged as long as this is so: error rate unknown: there is no such transaction",
    ]
    assert ["is not judged" in line for line in said if "'c'" in line] == [False]


def test_a_console_that_is_told_to_stop_waits_for_one_webhook_at_most(fill: Any, watch: Any, receiver: Any) -> None:
    console, _ = watch(*(alert(name=name, webhook=receiver.url, application="shop") for name in "abc"))
    fill(20)
    console.step(lambda: bool(receiver.requests))
    assert [body["alert"] for body in receiver.bodies()] == ["a"]
    console.step()
    assert sorted(body["alert"] for body in receiver.bodies()) == ["a", "b", "c"]
