"""`serve` and `collect` with alerts in the configuration: the webhook is told, and the page shows a red dot."""

from __future__ import annotations

import json
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner

from weighbridge.cli.commands import weighbridge
from weighbridge.console import Console, Request
from weighbridge.transactions.store.engines import state_at
from weighbridge.transactions.store.results import AlertState

from ..console.test_serving import running
from ..store.conftest import FileEngine, ServerEngine
from ..store.maker import Maker
from ..store.servers import MergingWriter
from ..waiting import eventually
from .conftest import Receiver, write

NAME = "errors <b>of</b> the shop"


@pytest.fixture
def configured(tmp_path: Path, receiver: Receiver, monkeypatch: pytest.MonkeyPatch) -> None:
    file = tmp_path / "weighbridge.toml"
    file.write_text(f'[[weighbridge.alerts]]\nname = "{NAME}"\nerror_rate = "5%"\nwebhook = "{receiver.url}"\n')
    monkeypatch.setenv("WEIGHBRIDGE_CONFIG_FILE", str(file))


@pytest.fixture
def failing(engine: FileEngine | ServerEngine) -> str:
    """A store in which everything fails; gives its place."""
    writer = engine.writer()
    write(writer, Maker(), 40)
    writer.close()
    return engine.path


@pytest.mark.usefixtures("configured")
@pytest.mark.parametrize("engine", ["sqlite"], indirect=True)
def test_serve_judges_and_its_page_shows_it(failing: str, tmp_path: Path, receiver: Receiver) -> None:
    with running("serve", "--store", failing, log=tmp_path / "log") as client:
        eventually(lambda: json.loads(client.get("/api/alerts").text)["alerts"])
        page = client.get("/summary").text
        assert '<li class="critical"><span class="dot"' in page
        assert "errors &lt;b&gt;of&lt;/b&gt; the shop" in page
        (found,) = json.loads(client.get("/api/marks?app=shop").text)["marks"]
        assert (found["kind"], found["name"]) == ("alert", NAME)
    assert [body["state"] for body in receiver.bodies()] == ["critical"]
    assert f"alert '{NAME}' begins" in (tmp_path / "log").read_text()


@contextmanager
def collecting(store: str) -> Iterator[None]:
    command = [sys.executable, "-m", "weighbridge.cli", "collect", "--store", store]
    process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
    try:
        yield
    finally:
        process.send_signal(signal.SIGTERM)
        said = process.communicate()[0]
    assert process.returncode == 0, said
    assert "Traceback" not in said


@pytest.mark.usefixtures("configured")
@pytest.mark.parametrize("engine", ["postgresql"], indirect=True)
def test_collect_judges_as_long_as_it_runs_and_once(failing: str, receiver: Receiver) -> None:
    once = CliRunner().invoke(weighbridge, ["collect", "--once", "--store", failing])
    assert once.exit_code == 0, once.output
    assert [body["state"] for body in receiver.bodies()] == ["critical"]
    with collecting(failing):
        late = MergingWriter(failing)
        write(late, Maker("two"), 0, 4000)
        late.close()
        eventually(lambda: len(receiver.requests) == 2)
    assert [body["state"] for body in receiver.bodies()] == ["critical", "ok"]


@pytest.mark.parametrize("engine", ["sqlite"], indirect=True)
def test_what_the_page_says_of_each_state(failing: str) -> None:
    console = Console(failing)
    writer = state_at(failing)
    now = writer.now()
    states: Any = [
        AlertState("fine", "ok", now, "ok", "me", now, 0),
        AlertState("about to", "pending", now, "ok", "me", now, 0),
        AlertState("warned", "warning", now, "warning", "me", now, 0),
        AlertState("untold", "critical", now, "critical", "me", now, 5),
        AlertState("over", "ok", now, "ok", "me", now, 5),
        AlertState("left alone", "critical", now - 4000, "critical", "me", now - 1000, 0),
        AlertState("long ago", "critical", now - 90_000, "critical", "me", now - 90_000, 0),
    ]
    for state in states:
        assert writer.change_alert(None, state)
    writer.close()
    page = console.respond(Request("GET", "/summary", query="app=shop", host="localhost")).body.decode()
    answer = json.loads(console.respond(Request("GET", "/api/alerts", host="localhost")).body)
    console.close()
    shown = page.partition('aria-label="Alerts">')[2].partition("</ul>")[0]
    assert [name for name in (state.alert for state in states) if f"<strong>{name}</strong>" in shown] == [
        "warned", "untold", "over", "left alone",
    ]  # fmt: skip
    assert shown.count("its webhook was not told, after 5 attempts") == 2
    assert shown.count("nobody has judged it since") == 1
    assert len(answer["alerts"]) == len(states)


def test_a_store_of_the_version_before_has_no_states(cluster: Any) -> None:
    """It is read all the same, and a state is refused with what to run."""
    engine = ServerEngine(cluster)
    with engine._connection.session() as session:
        session.execute("DROP TABLE @alert_state; UPDATE @store SET version = 1")
    console = Console(engine.path)
    answer = console.respond(Request("GET", "/api/alerts", host="localhost"))
    console.close()
    assert json.loads(answer.body) == {"alerts": []}
    writer = state_at(engine.path)
    with pytest.raises(Exception, match="weighbridge store upgrade"):
        writer.change_alert(None, AlertState("a", "ok", 0.0, "ok", "", 0.0, 0))
    writer.close()
    engine.close()
