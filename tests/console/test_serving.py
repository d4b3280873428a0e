"""``weighbridge serve`` and ``weighbridge demo --keep`` as a user runs them."""

from __future__ import annotations

import os
import re
import signal
import socket
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from importlib.resources import files
from pathlib import Path

import httpx
import pytest
from click.testing import CliRunner

from weighbridge.cli.commands import weighbridge

from ..waiting import TIMEOUT, eventually

TOKEN = "a token of more than sixteen signs"


FIRST_PAGE = """
import os, signal, sys, threading, urllib.request
from weighbridge.console import Console
from weighbridge.console.serving import listen, serve

compiled = []
sys.addaudithook(lambda event, arguments: compiled.append(str(arguments[1])) if event == "compile" else None)

def visit(url):
    for path in ("static/page.css", "summary"):
        urllib.request.urlopen(url + path).read()
        print(sum(name.endswith(".html") for name in compiled))
    os.kill(os.getpid(), signal.SIGINT)

serve(Console(sys.argv[1]), listen("127.0.0.1", 0), lambda url: threading.Thread(target=visit, args=[url]).start())
"""


@contextmanager
def running(*arguments: object, log: Path) -> Iterator[httpx.Client]:
    """The command on a free port, told to stop at the end of the block; gives a client for its address."""
    command = [sys.executable, "-m", "weighbridge.cli", *map(str, arguments), "--port", "0"]
    with log.open("w") as output:
        process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
        try:
            assert process.stdout
            line = process.stdout.readline()
            address = re.search(r"http://\S+", line)
            assert address, line
            with httpx.Client(base_url=address[0], trust_env=False, timeout=TIMEOUT) as client:
                yield client
        finally:
            process.send_signal(signal.SIGINT)
            output.write(process.communicate()[0])
    assert process.returncode == 0
    assert "Traceback" not in log.read_text()


@pytest.mark.parametrize("host", ["0.0.0.0", "::", "192.0.2.1"])
def test_other_machines_are_let_in_with_a_token_only(store: Path, host: str) -> None:
    result = CliRunner().invoke(weighbridge, ["serve", "--host", host, "--store", str(store)])
    assert result.exit_code == 2
    assert "--token-file" in result.output


@pytest.mark.parametrize("content", [None, "", "short"])
def test_a_bad_token_file_is_named(store: Path, tmp_path: Path, content: str | None) -> None:
    file = tmp_path / "token"
    if content is not None:
        file.write_text(content)
    result = CliRunner().invoke(weighbridge, ["serve", "--token-file", str(file), "--store", str(store)])
    assert (result.exit_code, str(file) in result.output) == (2, True)


def test_it_serves_until_it_is_told_to_stop(store: Path, tmp_path: Path) -> None:
    with running("serve", "--store", store, log=tmp_path / "log") as client:
        assert client.get("/summary", params={"app": "shop", "range": "30d"}).status_code == 200
        assert client.get("/summary", headers={"host": "evil.example"}).status_code == 421


def test_the_first_page_finds_its_templates_compiled(store: Path) -> None:
    command = [sys.executable, "-c", FIRST_PAGE, str(store)]
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    before, after = map(int, done.stdout.split())
    assert before == after == len(list((files("weighbridge.console") / "templates").iterdir()))


INTERRUPTED = """
import os
import signal
import sys

from weighbridge.console import Console
from weighbridge.console.serving import listen, serve

serve(Console(sys.argv[1]), listen("127.0.0.1", 0), lambda url: os.kill(os.getpid(), signal.SIGINT))
print(signal.getsignal(signal.SIGINT) is signal.default_int_handler)
"""


def test_who_is_interrupted_before_it_serves_ends_in_order(store: Path) -> None:
    done = subprocess.run([sys.executable, "-c", INTERRUPTED, str(store)], capture_output=True, text=True, check=True)
    assert (done.stdout, done.stderr) == ("True\n", "")


@pytest.mark.skipif(os.name != "posix", reason="the browser is a shell script")
def test_it_opens_the_viewers_browser(store: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    browser, opened = tmp_path / "browser", tmp_path / "opened"
    browser.write_text(f"#!/bin/sh\necho $1 > {opened}.part && mv {opened}.part {opened}\n")
    browser.chmod(0o755)
    monkeypatch.setenv("BROWSER", f"{browser} %s")
    with running("serve", "--store", store, "--open", log=tmp_path / "log") as client:
        eventually(opened.exists)
        assert opened.read_text().strip() == str(client.base_url)


def test_the_token_is_in_no_log(store: Path, tmp_path: Path) -> None:
    file, log = tmp_path / "token", tmp_path / "log"
    file.write_text(f"{TOKEN}\n")
    with running("serve", "--store", store, "--host", "0.0.0.0", "--token-file", file, log=log) as client:
        assert client.get("/summary").status_code == 401
        answer = client.post("/login", data={"token": TOKEN, "page": "summary"})
        assert (answer.status_code, answer.headers["location"]) == (303, "/summary")
        assert client.get("/summary").status_code == 200
    assert "sixteen" not in log.read_text()


def test_a_taken_port_is_named(store: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = str(taken.getsockname()[1])
        result = CliRunner().invoke(weighbridge, ["serve", "--port", port, "--store", str(store)])
    assert (result.exit_code, port in result.output) == (2, True)


@pytest.mark.skipif(os.name != "posix", reason="the demo needs gunicorn")
def test_the_demo_keeps_running_with_the_page(tmp_path: Path) -> None:
    def applications() -> set[str]:
        return {one["application"] for one in client.get("/api/applications").json()["applications"]}

    with running("demo", "--keep", log=tmp_path / "log") as client:
        eventually(lambda: applications() >= {"Bookshop", "Bookshop API", "Bookshop worker"})
