"""Every Python block is run, and does what the text around it says."""

from __future__ import annotations

import asyncio
import json
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import httpx
import pytest

from weighbridge.testing import CapturedTransactions, capture_transactions
from weighbridge.transactions.handoff import handoff

from .pages import Block, blocks
from .test_servers import DEPLOYED
from .test_tutorials import WALKED

Namespace = dict[str, Any]
Check = Callable[[Namespace, CapturedTransactions], None]


def get(app: Any, path: str) -> str:
    """The text of a page of an ASGI application."""

    async def ask() -> str:
        async with httpx.AsyncClient(transport=httpx.ASGITransport(app), base_url="http://shop.example") as client:
            return (await client.get(path)).text

    return asyncio.run(ask())


def paths(ended: CapturedTransactions) -> list[str]:
    """What ended, in its order."""
    return [transaction.path for transaction in ended]


def flask(block: Namespace, ended: CapturedTransactions) -> None:
    block["app"].get("/users/<int:number>")(lambda number: f"user {number}")
    client = block["app"].test_client()
    assert client.get("/users/7").text == "user 7"
    assert client.get("/nowhere").status_code == 404
    assert paths(ended) == ["WebTransaction/Route/GET /users/<int:number>", "WebTransaction/StatusCode/404"]
    assert {transaction.application for transaction in ended} == {"Shop"}


def starlette(block: Namespace, ended: CapturedTransactions) -> None:
    assert get(block["app"], "/users/7") == "user 7"
    assert paths(ended) == ["WebTransaction/Route/GET /users/{number}"]


def function(block: Namespace, ended: CapturedTransactions) -> None:
    assert block["handler"]({}, None) == "done"
    assert paths(ended) == ["OtherTransaction/Function/__main__:handle"]


def fastapi(block: Namespace, ended: CapturedTransactions) -> None:
    block["app"].get("/users/{number}")(lambda number: {"user": number})
    assert get(block["app"], "/users/7") == '{"user":"7"}'
    assert paths(ended) == ["WebTransaction/Route/GET /users/{number}"]
    assert ended[0].application == "Shop"


def apologising(block: Namespace, ended: CapturedTransactions) -> None:
    with pytest.raises(RuntimeError, match="flooded"):
        get(block["served"], "/broken")
    assert [(transaction.path, transaction.status) for transaction in ended] == [
        ("WebTransaction/Route/GET /broken", 503)
    ]
    assert [error.message for error in ended[0].errors] == ["the cellar is flooded"]


class Greeting:
    """A resource of Falcon's."""

    def on_get(self, req: Any, resp: Any, name: str) -> None:
        """Greet."""
        resp.text = f"hello {name}"


def falcon(block: Namespace, ended: CapturedTransactions) -> None:
    block["app"].__wrapped__.add_route("/greetings/{name}", Greeting())
    with httpx.Client(transport=httpx.WSGITransport(block["app"]), base_url="http://shop.example") as client:
        assert client.get("/greetings/ann").text == "hello ann"
        assert client.get("/nowhere").status_code == 404
    assert paths(ended) == ["WebTransaction/Route/GET /greetings/{name}", "WebTransaction/StatusCode/404"]


def behind_an_adapter(block: Namespace, ended: CapturedTransactions) -> None:
    block["library"].route("/books/<number:int>", callback=lambda number: f"book {number}")
    assert get(block["app"], "/books/7") == "book 7"
    assert paths(ended) == ["WebTransaction/Route/GET /books/<number:int>"]


def job(block: Namespace, ended: CapturedTransactions) -> None:
    block["rebuild_index"]()
    assert [(transaction.application, transaction.path) for transaction in ended] == [
        ("Shop", "OtherTransaction/Function/__main__:rebuild_index")
    ]


def four_forms(block: Namespace, ended: CapturedTransactions) -> None:
    import shutil

    try:
        block["rebuild_index"]()
        block["clean_up"]("cache")
        block["send_letter"]("ann@example.com")
        block["send"]("ann@example.com")
        with pytest.raises(ValueError, match="unknown archive format"):
            shutil.make_archive("backup", "no such format")
    finally:
        shutil.make_archive = shutil.make_archive.__wrapped__  # type: ignore[attr-defined]
    assert paths(ended) == [
        "OtherTransaction/Function/__main__:rebuild_index",
        "OtherTransaction/Python/Cron/clean up cache",
        "OtherTransaction/Function/letter",
        "OtherTransaction/Function/shutil:make_archive",
    ]


def named(block: Namespace, ended: CapturedTransactions) -> None:
    assert paths(ended) == ["OtherTransaction/Python/Catalogue/import csv"]


def out_of_stock(block: Namespace, ended: CapturedTransactions) -> None:
    assert [(error.message, error.expected) for error in ended[0].errors] == [("Moby Dick", True)]
    assert not ended[0].failed


def ruled(block: Namespace, ended: CapturedTransactions) -> None:
    assert len(block["transactions"]) == 3  # the block itself says what they are


def not_monitored(block: Namespace, ended: CapturedTransactions) -> None:
    client = block["app"].test_client()
    assert client.get("/pricing").text == client.get("/pricing?from=monitoring").text
    assert paths(ended) == ["WebTransaction/Route/GET /pricing"]


def celery(block: Namespace, ended: CapturedTransactions) -> None:
    assert block["send_letter"].apply(args=["ann"]).get() == "sent to ann"
    assert paths(ended) == ["OtherTransaction/Celery/shop.send_letter"]


def celery_application(block: Namespace, ended: CapturedTransactions) -> None:
    @block["app"].task(name="shop.send_letter")
    def send_letter() -> None: ...

    send_letter.apply()
    assert paths(ended) == ["OtherTransaction/Celery/shop.send_letter"]


def due_at_night(block: Namespace, ended: CapturedTransactions) -> None:
    assert block["rebuild_index"]() == 17
    assert paths(ended) == ["OtherTransaction/Function/__main__:rebuild_index"]


def any_other(block: Namespace, ended: CapturedTransactions) -> None:
    message: dict[str, Any] = {}
    block["before"](message, time.time() - 60)
    block["after"](message, ConnectionError("no connection"), True)
    assert paths(ended) == ["OtherTransaction/Queue/shop.send_letter"]
    assert (ended[0].outcome, ended[0].failed, ended[0].queue) == ("retried", False, "letters")
    assert 60 <= (ended[0].queue_time or 0) < 120


def while_it_runs(block: Namespace, ended: CapturedTransactions) -> None:
    assert paths(ended) == ["OtherTransaction/Python/Catalogue/import"]
    assert ended[0].attributes["file"] == "spring.csv"
    assert [error.message for error in ended[0].errors] == ["line 7 has no price"]


def keys(block: Namespace, ended: CapturedTransactions) -> None:
    assert get(block["app"], "/cron/cleanup") == "cleaned up"
    assert paths(ended) == ["OtherTransaction/Route/GET /cron/cleanup"]


def mounted(block: Namespace, ended: CapturedTransactions) -> None:
    assert "This page asks for the token" in get(block["app"], "/apm/summary")
    assert paths(ended) == []


def scraped(block: Namespace, ended: CapturedTransactions) -> None:
    assert "The token is missing or wrong" in get(block["app"], "/metrics/")
    assert paths(ended) == []


def moving(block: Namespace, ended: CapturedTransactions) -> None:
    assert paths(ended) == ["OtherTransaction/Python/Job/rebuild"]
    assert ended[0].attributes == {"rows": 7}


def values_of_your_own(block: Namespace, ended: CapturedTransactions) -> None:
    metrics, events = handoff.custom.take()
    assert [(metric.name, metric.total) for metric in metrics] == [("Custom/Queue/Waiting", 12)]
    assert events[0].last[0].attributes == {"total": 39.9, "currency": "EUR"}


def own_tests(block: Namespace, ended: CapturedTransactions) -> None:
    assert paths(ended) == ["OtherTransaction/Function/__main__:rebuild"]


# The lines for job systems are also run by real workers, in `tests/workers` and `tests/job_systems`.
CHECKS: dict[tuple[str, str, int], Check] = {
    ("README.md", "Flask, and any other WSGI application", 0): flask,
    ("README.md", "FastAPI, and any other ASGI application", 0): fastapi,
    ("README.md", "Jobs", 0): job,
    ("README.md", "Jobs", 1): celery_application,
    ("docs/explanation/one-rule.md", "One after the other", 0): ruled,
    ("docs/frameworks.md", "What requests are called, framework by framework", 0): falcon,
    ("docs/frameworks.md", "Copies", 0): behind_an_adapter,
    ("docs/how-to/background-tasks.md", "Measure background tasks", 0): four_forms,
    ("docs/how-to/current-transaction.md", "Say more about a transaction", 0): while_it_runs,
    ("docs/how-to/current-transaction.md", "Metrics and events of your own", 0): values_of_your_own,
    ("docs/how-to/errors.md", "Expected and ignored errors", 0): out_of_stock,
    ("docs/how-to/job-queues.md", "Celery", 0): celery,
    ("docs/how-to/job-queues.md", "Schedules", 0): due_at_night,
    ("docs/how-to/job-queues.md", "Any other system", 0): any_other,
    ("docs/how-to/naming.md", "Give a name yourself", 0): named,
    ("docs/how-to/new-relic.md", "Move from New Relic", 0): moving,
    ("docs/how-to/postgresql.md", "Serverless", 0): function,
    ("docs/how-to/request-keys.md", "From a middleware in front", 0): keys,
    ("docs/how-to/request-keys.md", "From the application", 0): not_monitored,
    ("docs/how-to/prometheus.md", "Inside an application of your own", 0): scraped,
    ("docs/how-to/serving.md", "Inside an application of your own", 0): mounted,
    ("docs/how-to/testing.md", "Test your own program", 0): own_tests,
    ("docs/tutorials/fastapi.md", "Starlette", 0): starlette,
    ("docs/tutorials/fastapi.md", "A handler for `Exception`", 0): apologising,
}
"""What is tried after a block has been run, by its page, its heading and its number under it."""

SETTINGS = {("README.md", "Django", 0), ("docs/tutorials/django.md", "Without the middleware", 0)}
"""Settings of a Django project: `test_django_settings` runs a project with them."""

PROGRAMS = {
    ("docs/how-to/processes.md", "Process pools: close and join", 0): {"Python/Pool/resize": 2},
    ("docs/how-to/processes.md", "Preload before forking", 0): {"Python/Forked/job": 1},
}
"""Run in a process of its own, with what is counted in the end."""


def numbered() -> dict[tuple[str, str, int], Block]:
    """The Python blocks that are no files, each by its page, its heading and its number under it."""
    found: dict[tuple[str, str, int], Block] = {}
    for block in blocks("python"):
        if not block.title:
            number = sum((page, heading) == (block.page, block.heading) for page, heading, _ in found)
            found[block.page, block.heading, number] = block
    return found


BLOCKS = numbered()


def test_every_block_is_tried() -> None:
    assert BLOCKS.keys() == CHECKS.keys() | SETTINGS | PROGRAMS.keys()


def test_every_file_is_on_a_page_that_is_followed() -> None:
    assert {block.page for block in blocks() if block.title} <= WALKED | DEPLOYED


@pytest.mark.usefixtures("own_celery_tasks")
@pytest.mark.parametrize("key", CHECKS, ids=lambda key: f"{key[0]}-{key[1]}-{key[2]}")
def test_block(key: tuple[str, str, int], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("WEIGHBRIDGE_STORE", ":memory:")
    block = BLOCKS[key]
    namespace: Namespace = {"__name__": "__main__"}
    with capture_transactions() as ended:
        exec(compile("\n" * block.line + block.code, block.page, "exec"), namespace)
        CHECKS[key](namespace, ended)


PROJECT = """
import sys
sys.path.insert(0, {folder!r})
import page_settings
from django.conf import settings
from django.http import HttpResponse
from django.urls import path

class Urls:
    urlpatterns = [path("users/<int:number>/", lambda request, number: HttpResponse(f"user {{number}}"))]

settings.configure(ALLOWED_HOSTS=["*"], ROOT_URLCONF=Urls, MIDDLEWARE=page_settings.MIDDLEWARE)
import django
django.setup()
from django.test import Client
from weighbridge.testing import capture_transactions
with capture_transactions() as ended:
    assert Client().get("/users/7/").content == b"user 7"
print([transaction.path for transaction in ended])
"""


@pytest.mark.parametrize("key", sorted(SETTINGS), ids=lambda key: key[0])
def test_django_settings(key: tuple[str, str, int], tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("WEIGHBRIDGE_STORE", ":memory:")
    (tmp_path / "page_settings.py").write_text(BLOCKS[key].code, "utf-8")
    command = [sys.executable, "-c", PROJECT.format(folder=str(tmp_path))]
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    assert done.stdout == "['WebTransaction/Route/GET /users/<int:number>/']\n"


@pytest.mark.parametrize("key", PROGRAMS, ids=lambda key: key[1])
def test_program(key: tuple[str, str, int], tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("WEIGHBRIDGE_STORE", str(tmp_path / "store.db"))
    (tmp_path / "program.py").write_text(BLOCKS[key].code, "utf-8")
    subprocess.run([sys.executable, str(tmp_path / "program.py")], check=True)
    command = [sys.executable, "-m", "weighbridge", "report", "--json"]
    report = json.loads(subprocess.run(command, capture_output=True, text=True, check=True).stdout)
    assert {f"{row['group']}/{row['name']}": row["calls"] for row in report["transactions"]} == PROGRAMS[key]
