"""Who enqueued a task: what a header says, what is counted of it, and what becomes of nonsense."""

from __future__ import annotations

import json
from typing import Any

import flask
import pytest
from starlette.applications import Starlette
from starlette.responses import PlainTextResponse
from starlette.routing import Mount, Route
from starlette.testclient import TestClient
from werkzeug.test import Client

import weighbridge
from weighbridge.jobs.runs import begin_run, enqueuer_here, record_run
from weighbridge.testing import capture_transactions
from weighbridge.transactions.model.naming import LONGEST_HEADER, LONGEST_NAME
from weighbridge.transactions.recording.buckets import _MAX_ENQUEUERS
from weighbridge.transactions.recording.enqueuers import header_of, series_in
from weighbridge.transactions.recording.snapshot import Series
from weighbridge.transactions.store.reader import Selection

from .conftest import Stored, lately

ORDER = Series("shop", "web", "Route", "GET /order")
HEADER = '["shop","web","Route","GET /order"]'


def counted(stored: Stored) -> dict[tuple[str, str, Series | None], int]:
    """How many tasks were enqueued by whom, by the application and the name of the task."""
    assert weighbridge.flush()
    with stored.reader() as reader:
        found = reader.enqueued(lately(), Selection(kind="background"))
        return {(one.task.application, one.task.name, one.by): one.count for one in found}


# What is counted


def test_each_task_is_counted_once_whatever_way_it_takes(stored: Stored) -> None:
    """The first ones are handed over whole, most others by a buffer, and some are told by another process."""
    for number in range(300):
        begin_run("Queue", "mail", enqueuer=HEADER).end(LookupError() if number % 3 else None)
    record_run("Queue", "mail", "killed", enqueuer=HEADER)
    begin_run("Queue", "mail").end()
    assert {key[1:]: count for key, count in counted(stored).items()} == {("mail", ORDER): 301}
    assert stored.lost() == {}


def test_it_is_counted_for_all_that_the_task_is_counted_for(stored: Stored) -> None:
    handle = begin_run("Queue", "mail", enqueuer=HEADER)
    weighbridge.set_transaction_name("letters", "Post")
    handle.end()
    ((_, name, by),) = counted(stored)
    assert (name, by) == ("letters", ORDER)


def test_what_is_ignored_or_a_part_of_a_request_is_not_counted(stored: Stored) -> None:
    handle = begin_run("Queue", "ignored", enqueuer=HEADER)
    weighbridge.ignore_transaction()
    handle.end()
    with weighbridge.WebTransaction(name="request"):
        begin_run("Queue", "eager", enqueuer=HEADER).end()
    assert counted(stored) == {}


@pytest.mark.parametrize(
    "header",
    ["", "GET /order", "[]", '["shop","web","Route"]', '["shop","web","Route",1]', '["shop","post","Route","x"]',
     '["","web","Route","x"]', "[" * 900, "x" * (LONGEST_HEADER + 1), 7, ["shop", "web", "Route", "x"],
     json.dumps(["shop", "web", "Route", "x" * (LONGEST_NAME + 1)])],
)  # fmt: skip
def test_what_names_nothing_is_dropped_and_counted(stored: Stored, header: object) -> None:
    begin_run("Queue", "mail", enqueuer=header).end()
    assert counted(stored) == {}
    assert stored.calls() == {"mail": 1}
    assert stored.lost() == {"enqueuers": 1}


def test_surplus_ones_are_counted_together(stored: Stored) -> None:
    for number in range(_MAX_ENQUEUERS + 25):
        begin_run("Queue", "mail", enqueuer=HEADER.replace("order", str(number))).end()
    ((key, surplus),) = ((key, count) for key, count in counted(stored).items() if count > 1)
    assert (key[1:], surplus) == (("mail", None), 25)


# What a header says


def test_a_header_says_what_runs_here() -> None:
    assert enqueuer_here() is None
    with weighbridge.BackgroundTask(name="nightly", application="cron"):
        assert enqueuer_here(("Queue", "before")) == '["cron","background","Function","nightly"]'
        assert enqueuer_here() == '["cron","background","Function","nightly"]'


@pytest.mark.parametrize("name", ["/\udc80\0", "/ü" * 20, '/"quoted"\\', "/a b\n"])
def test_it_can_be_carried_by_anything_and_comes_back(name: str) -> None:
    series = Series("shop", "web", "Uri", name)
    header = header_of(series)
    assert header is not None
    assert header.isascii()
    assert header.isprintable()
    assert series_in(header) == series


def test_one_that_would_be_too_long_is_not_sent(stored: Stored) -> None:
    with weighbridge.WebTransaction(name="ü" * LONGEST_NAME):
        assert enqueuer_here() is None
    assert weighbridge.flush()
    assert stored.lost() == {"enqueuers": 1}


def flask_client(said: list[str | None]) -> Any:
    app = flask.Flask("shop")

    @app.route("/order/<int:number>")
    def order(number: int) -> str:
        said.append(enqueuer_here())
        return "done"

    app.register_error_handler(404, lambda problem: (said.append(enqueuer_here()), ("none", 404))[1])
    return Client(weighbridge.WSGITransactionMiddleware(app))


def starlette_client(said: list[str | None]) -> Any:
    def in_a_thread(request: Any) -> PlainTextResponse:
        said.append(enqueuer_here())
        return PlainTextResponse("done")

    app = Starlette(routes=[Mount("/order", routes=[Route("/{number}", in_a_thread)])])
    return TestClient(weighbridge.ASGITransactionMiddleware(app))


@pytest.mark.parametrize(
    ("make", "path", "named"),
    [
        (flask_client, "/order/7", "Route/GET /order/<int:number>"),
        (starlette_client, "/order/7", "Route/GET /order/{number}"),
        (flask_client, "/none", "StatusCode/404"),
    ],
    ids=["flask", "starlette", "no route"],
)
def test_a_request_has_its_route_and_keeps_its_name(make: Any, path: str, named: str) -> None:
    said: list[str | None] = []
    client = make(said)
    with capture_transactions() as captured:
        client.get(path)
    (only,) = captured
    assert only.path == f"WebTransaction/{named}"
    (header,) = said
    assert header is not None
    series = series_in(header)
    assert series is not None
    assert f"{series.group}/{series.name}" == (named if "StatusCode" not in named else "Uri//none")
