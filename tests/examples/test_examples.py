"""Each example, run as a user runs it: real sockets, and the figures read back from the store."""

from __future__ import annotations

import json
import signal
import socket
import subprocess
import sys
from collections.abc import Iterator
from contextlib import closing, contextmanager
from http.client import HTTPResponse
from pathlib import Path
from typing import Any

import httpx
import pytest
from redis import Redis

from ..waiting import TIMEOUT, eventually
from ..workers.helpers import worker
from ..workers.redis_helpers import needs_redis, redis, url_of

__all__ = ["redis"]

EXAMPLES = Path(__file__).parents[2] / "examples"


def free_port() -> int:
    """A port that nobody listens on."""
    with closing(socket.socket()) as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


@pytest.fixture
def store(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Path:
    """The store of one test's processes."""
    path = tmp_path / "store.sqlite"
    monkeypatch.setenv("WEIGHBRIDGE_STORE", str(path))
    monkeypatch.setenv("PYTHONSAFEPATH", "1")
    return path


class UntilItHangsUp(httpx.BaseTransport):
    """A connection for each request, which the server ends: when it has, it is done with the request."""

    def handle_request(self, request: httpx.Request) -> httpx.Response:
        address, target = (request.url.host, request.url.port or 80), request.url.raw_path.decode()
        lines = [f"{request.method} {target} HTTP/1.1", "Host: localhost", "Content-Length: 0", "Connection: close"]
        with socket.create_connection(address, timeout=TIMEOUT) as connection:
            connection.sendall("\r\n".join([*lines, "", ""]).encode())
            with HTTPResponse(connection, method=request.method) as response:
                response.begin()
                answer = httpx.Response(response.status, headers=response.headers.items(), content=response.read())
            assert connection.recv(1) == b""
        return answer


@contextmanager
def served(example: str, end: signal.Signals = signal.SIGINT) -> Iterator[httpx.Client]:
    """The example's server, until it is told to end, by Ctrl-C or otherwise; it must do so quietly."""
    port = free_port()
    command = [sys.executable, str(EXAMPLES / example), str(port)]
    process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
    try:
        eventually(lambda: process.poll() is not None or listened_on(port))
        with httpx.Client(base_url=f"http://127.0.0.1:{port}", transport=UntilItHangsUp()) as client:
            yield client
    finally:
        process.send_signal(end)
        try:
            said, complained = process.communicate()
        finally:
            process.kill()
    assert f"http://127.0.0.1:{port}/" in said
    assert "KeyboardInterrupt" not in complained
    assert "failed inside" not in complained


def listened_on(port: int) -> bool:
    try:
        socket.create_connection(("127.0.0.1", port)).close()
    except OSError:
        return False
    return True


def counted(store: Path) -> dict[tuple[str, str], int]:
    """How often each transaction was counted, by application and path."""
    command = [sys.executable, "-m", "weighbridge.cli", "report", "--json", "--store", str(store)]
    report = json.loads(subprocess.run(command, check=True, capture_output=True, text=True).stdout)
    return {(row["application"], path_of(row)): row["calls"] for row in report["transactions"]}


def path_of(row: dict[str, Any]) -> str:
    """A transaction's path, of a report's row."""
    kind = {"web": "WebTransaction", "background": "OtherTransaction"}[row["type"]]
    return f"{kind}/{row['group']}/{row['name'].removeprefix('/')}"


def run(example: str, *arguments: str, jobs: str = "") -> str:
    """What an example without a server says, given lines on its standard input."""
    command = [sys.executable, str(EXAMPLES / example), *arguments]
    done = subprocess.run(command, input=jobs, capture_output=True, text=True, check=True)
    assert done.stderr == ""
    return done.stdout


APPLICATION = "Python Application"


def of_default_application(paths: dict[str, int]) -> dict[tuple[str, str], int]:
    """As `counted` gives it."""
    return {(APPLICATION, path): calls for path, calls in paths.items()}


def test_every_example_is_run_here() -> None:
    source = Path(__file__).read_text("utf-8")
    assert [example.name for example in EXAMPLES.glob("*.py") if f'"{example.name}"' not in source] == []


@pytest.mark.parametrize(
    ("example", "route"), [("flask_app.py", "/users/<int:number>"), ("starlette_app.py", "/users/{number}")]
)
def test_a_user_and_a_broken_page(store: Path, example: str, route: str) -> None:
    with served(example) as client:
        assert [client.get(f"/users/{number}").text for number in (7, 8)] == ["user 7", "user 8"]
        assert client.get("/broken").status_code == 500
    web = {f"WebTransaction/Route/GET {route}": 2, "WebTransaction/Route/GET /broken": 1}
    assert counted(store) == of_default_application(web)


def test_a_server_that_dies_of_being_told_to_stop_has_written_all(store: Path) -> None:
    with served("starlette_app.py", signal.SIGTERM) as client:
        assert client.get("/users/7").text == "user 7"
    assert counted(store) == of_default_application({"WebTransaction/Route/GET /users/{number}": 1})


def test_so_has_one_without_a_lifespan(store: Path) -> None:
    with served("django_asgi.py", signal.SIGTERM) as client:
        assert client.get("/users/7/").text == "user 7"
    assert counted(store) == of_default_application({"WebTransaction/Route/GET /users/<int:number>/": 1})


def test_django_under_wsgi(store: Path) -> None:
    with served("django_wsgi.py") as client:
        assert client.get("/users/7/").text == "user 7"
        assert client.get("/nowhere/").status_code == 404
    web = {"WebTransaction/Route/GET /users/<int:number>/": 1, "WebTransaction/StatusCode/404": 1}
    assert counted(store) == of_default_application(web)


def test_django_under_asgi(store: Path) -> None:
    with served("django_asgi.py") as client:
        assert client.get("/users/7/").text == "user 7"
        assert client.get("/ticks/").text == "".join(f"tick {number}\n" for number in range(5))
    web = {"WebTransaction/Route/GET /users/<int:number>/": 1, "WebTransaction/Route/GET /ticks/": 1}
    assert counted(store) == of_default_application(web)


def test_fastapi_and_what_it_does_after_the_response(store: Path) -> None:
    with served("fastapi_app.py") as client:
        assert client.get("/users/7").json() == {"user": 7}
        assert client.post("/users/7/welcome").json() == {"letter": "on its way"}
    assert counted(store) == of_default_application(
        {
            "WebTransaction/Route/GET /users/{number}": 1,
            "WebTransaction/Route/POST /users/{number}/welcome": 1,
            "OtherTransaction/Function/__main__:write_letter": 1,
        }
    )


def test_keys_per_request(store: Path) -> None:
    with served("request_keys.py") as client:
        for url in ("/health", "/cron/cleanup", "/partners/stock", "/export", "/pricing", "/pricing?from=monitoring"):
            assert client.get(url).status_code == 200
    assert counted(store) == {
        (APPLICATION, "WebTransaction/Route/GET /<path:page>"): 2,
        (APPLICATION, "OtherTransaction/Route/GET /<path:page>"): 1,
        ("Partners", "WebTransaction/Route/GET /<path:page>"): 1,
    }


def test_the_four_forms(store: Path) -> None:
    assert "weighbridge report" in run("background_tasks.py")
    assert counted(store) == of_default_application(
        {
            "OtherTransaction/Function/__main__:rebuild_index": 1,
            "OtherTransaction/Python/Cron/clean up cache": 1,
            "OtherTransaction/Python/Cron/clean up sessions": 1,
            "OtherTransaction/Function/letter to example.com": 1,
            "OtherTransaction/Python/Backup/shutil:make_archive": 1,
        }
    )


def test_a_worker(store: Path) -> None:
    said = run("worker.py", jobs="resize cover.png\nmail ann@example.com\nmail nobody\n")
    assert said.splitlines() == ["done: resize cover.png", "done: mail ann@example.com", "failed: no address: nobody"]
    jobs = {"OtherTransaction/Python/Job/resize": 1, "OtherTransaction/Python/Job/mail": 2}
    assert counted(store) == of_default_application(jobs)


def test_celery(store: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TMPDIR", str(tmp_path))  # where the example's broker is
    run("celery_app.py", "ann@example.com", "bob@example.com", "nobody")
    command = ["-m", "celery", "-A", "celery_app", "worker", "--concurrency", "2", "-l", "INFO", "--without-mingle"]
    with worker(*command, folder=tmp_path, PYTHONPATH=str(EXAMPLES)) as said:
        eventually(lambda: said.read_text("utf-8").count("sent a letter to") == 2)
        eventually(lambda: "no address: nobody" in said.read_text("utf-8"))
    assert counted(store) == of_default_application({"OtherTransaction/Celery/celery_app.send_letter": 3})


@needs_redis
def test_rq(store: Path, tmp_path: Path, redis: Redis, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("RQ_REDIS_URL", url_of(redis))
    run("rq_app.py", "one", "two words", "")
    command = ["-m", "rq.cli", "worker", "--worker-class", "weighbridge.jobs.rq.Worker"]
    with worker(*command, folder=tmp_path, PYTHONPATH=str(EXAMPLES)) as said:
        eventually(lambda: said.read_text("utf-8").count("Job OK") == 2)
        eventually(lambda: "an empty text" in said.read_text("utf-8"))
    assert counted(store) == of_default_application({"OtherTransaction/RQ/rq_app.count_words": 3})


def test_code_that_was_written_for_the_agent(store: Path) -> None:
    with served("moving_from_newrelic.py") as client:
        assert client.get("/").text == client.get("/jobs/rebuild").text == "it still works\n"
    both = {"WebTransaction/Python/WSGI/shop": 1, "OtherTransaction/Python/Job/rebuild": 1}
    assert counted(store) == of_default_application(both)
