"""Every Python block of the README is run, and does what the text around it says."""

from __future__ import annotations

import asyncio
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import httpx
import pytest

from weighbridge.testing import CapturedTransactions, capture_transactions

from .blocks import Block, blocks

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
    client = block["app"].test_client()
    assert client.get("/users/7").text == "user 7"
    assert client.get("/nowhere").status_code == 404
    assert paths(ended) == ["WebTransaction/Route/GET /users/<int:number>", "WebTransaction/StatusCode/404"]


def starlette(block: Namespace, ended: CapturedTransactions) -> None:
    assert get(block["app"], "/users/7") == "user 7"
    assert paths(ended) == ["WebTransaction/Route/GET /users/{number}"]


def fastapi(block: Namespace, ended: CapturedTransactions) -> None:
    assert get(block["app"], "/users/7") == '{"user":7}'
    assert paths(ended) == ["WebTransaction/Route/GET /users/{number}"]


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


def worker(block: Namespace, ended: CapturedTransactions) -> None:
    assert paths(ended) == ["OtherTransaction/Python/Job/resize", "OtherTransaction/Python/Job/mail"]


def celery(block: Namespace, ended: CapturedTransactions) -> None:
    from celery.signals import worker_process_shutdown

    assert block["send_letter"].apply(args=["ann"]).get() == "sent to ann"
    assert paths(ended) == ["OtherTransaction/Function/__main__:send_letter"]
    worker_process_shutdown.send(sender=None, pid=0, exitcode=0)
    worker_process_shutdown.disconnect(block["write_figures"])


def rq(block: Namespace, ended: CapturedTransactions) -> None:
    from rq import Worker

    assert block["count_words"]("two words") == 2
    assert issubclass(block["MeasuredWorker"], Worker)
    assert paths(ended) == ["OtherTransaction/Function/__main__:count_words"]


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


def moving(block: Namespace, ended: CapturedTransactions) -> None:
    assert paths(ended) == ["OtherTransaction/Python/Job/rebuild"]


def own_tests(block: Namespace, ended: CapturedTransactions) -> None:
    assert paths(ended) == ["OtherTransaction/Function/__main__:rebuild"]


# The recipes for Celery and RQ are also run by real workers, in `tests/workers`.
CHECKS: dict[tuple[str, int], Check] = {
    ("Flask", 0): flask,
    ("Starlette", 0): starlette,
    ("FastAPI", 0): fastapi,
    ("Background tasks", 0): four_forms,
    ("Workers", 0): worker,
    ("Workers", 1): celery,
    ("Workers", 2): rq,
    ("While a transaction runs", 0): while_it_runs,
    ("Keys of single requests", 0): keys,
    ("The page", 0): mounted,
    ("Moving over from `newrelic.agent`", 0): moving,
    ("Tests of your own program", 0): own_tests,
}
"""What is tried after a block has been run, by its heading and its number under it."""

ELSEWHERE = {("Django", 0)}
"""Settings of a Django project: `test_django_settings` runs a project with them."""


def numbered() -> dict[tuple[str, int], Block]:
    """The Python blocks, each by its heading and its number under it."""
    found: dict[tuple[str, int], Block] = {}
    for block in blocks("python"):
        number = sum(heading == block.heading for heading, _ in found)
        found[block.heading, number] = block
    return found


BLOCKS = numbered()


def test_every_block_is_tried() -> None:
    assert BLOCKS.keys() == CHECKS.keys() | ELSEWHERE


@pytest.mark.parametrize("key", CHECKS, ids=lambda key: f"{key[0]}-{key[1]}")
def test_block(key: tuple[str, int], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("WEIGHBRIDGE_STORE", ":memory:")
    block = BLOCKS[key]
    namespace: Namespace = {"__name__": "__main__"}
    with capture_transactions() as ended:
        exec(compile("\n" * block.line + block.code, "README.md", "exec"), namespace)
        CHECKS[key](namespace, ended)


PROJECT = """
import sys
sys.path.insert(0, {folder!r})
import readme_settings
from django.conf import settings
from django.http import HttpResponse
from django.urls import path

class Urls:
    urlpatterns = [path("users/<int:number>/", lambda request, number: HttpResponse(f"user {{number}}"))]

settings.configure(ALLOWED_HOSTS=["*"], ROOT_URLCONF=Urls, MIDDLEWARE=readme_settings.MIDDLEWARE)
import django
django.setup()
from django.test import Client
from weighbridge.testing import capture_transactions
with capture_transactions() as ended:
    assert Client().get("/users/7/").content == b"user 7"
print([transaction.path for transaction in ended])
"""


def test_django_settings(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("WEIGHBRIDGE_STORE", ":memory:")
    (tmp_path / "readme_settings.py").write_text(BLOCKS["Django", 0].code, "utf-8")
    command = [sys.executable, "-c", PROJECT.format(folder=str(tmp_path))]
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    assert done.stdout == "['WebTransaction/Route/GET /users/<int:number>/']\n"
