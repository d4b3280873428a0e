"""What a request says, what is recorded of it, and how it fails: under WSGI and ASGI, alone or behind a middleware."""

from __future__ import annotations

import time
from typing import Any

import pytest
from django.test import override_settings

import weighbridge
from weighbridge import FinishedTransaction

from . import site
from .helpers import ASGI, WSGI, Side

Ended = list[FinishedTransaction]


class TestKeys:
    """The keys of a request, wherever they are set."""

    @pytest.mark.parametrize("behind_middleware", [False, True])
    def test_a_view_may_set_them_in_meta(self, side: Side, ended: Ended, behind_middleware: bool) -> None:
        (side(side.middleware) if behind_middleware else side()).get("/keys/")
        assert site.seen == ["OtherTransaction/Route/GET /keys/"]
        assert [(transaction.kind, transaction.apdex) for transaction in ended] == [("background", None)]

    def test_they_are_heard_before_the_next_call(self, side: Side, ended: Ended) -> None:
        side().get("/keys/")
        assert site.seen == ["OtherTransaction/Route/GET /keys/"]

    @pytest.mark.parametrize("value", [True, 1, "yes", b"on"])
    def test_so_may_what_stands_in_front(self, side: Side, ended: Ended, value: Any) -> None:
        side().get("/users/7/", **{"newrelic.set_background_task": value, "newrelic.app_name": "Partners;All"})
        assert [transaction.kind for transaction in ended] == ["background"]
        assert (ended[0].application, ended[0].linked_applications) == ("Partners", ("All",))

    def test_a_request_can_be_left_out(self, side: Side, ended: Ended) -> None:
        served = side()
        assert served.get("/users/7/", **{"newrelic.enabled": "off"}).content == b"user 7"
        assert side(side.middleware).get("/users/7/", **{"newrelic.enabled": False}).content == b"user 7"
        assert ended == []

    def test_or_be_the_only_one(self, side: Side, ended: Ended, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setenv("WEIGHBRIDGE_ENABLED", "false")
        weighbridge.initialize()
        served = side()
        served.get("/users/7/")
        served.get("/users/8/", **{"newrelic.enabled": True})
        assert [transaction.attributes["request.path"] for transaction in ended] == ["/users/8/"]

    @pytest.mark.parametrize("behind_middleware", [False, True])
    def test_no_bad_value_fails_a_request(self, side: Side, ended: Ended, behind_middleware: bool) -> None:
        served = side(side.middleware) if behind_middleware else side()
        answer = served.get("/users/7/", **{"newrelic.set_background_task": "banana", "newrelic.app_name": [1]})
        assert answer.content == b"user 7"
        assert [(transaction.kind, transaction.application) for transaction in ended] == [("web", "site")]


class TestErrors:
    """Which requests have failed, and by what."""

    @pytest.mark.parametrize("url", ["/broken/", "/broken-async/"])
    @pytest.mark.parametrize("behind_middleware", [False, True])
    def test_an_exception_that_became_a_page(self, side: Side, ended: Ended, url: str, behind_middleware: bool) -> None:
        answer = (side(side.middleware) if behind_middleware else side()).get(url)
        assert answer.status == 500
        assert [(transaction.status, transaction.failed, transaction.apdex) for transaction in ended] == [
            (500, True, "frustrated")
        ]
        assert [(error.type, error.message) for error in ended[0].errors] == [("builtins:LookupError", "nothing there")]
        assert ended[0].path == f"WebTransaction/Route/GET {url}"

    def test_a_status_alone(self, side: Side, ended: Ended) -> None:
        side().get("/unavailable/")
        assert [(transaction.failed, transaction.errors) for transaction in ended] == [(True, ())]

    @pytest.mark.parametrize(("url", "status"), [("/missing/", 404), ("/forbidden/", 403), ("/post-only/", 405)])
    def test_a_page_that_is_refused_is_no_error(self, side: Side, ended: Ended, url: str, status: int) -> None:
        side().get(url)
        assert [(transaction.status, transaction.failed, transaction.errors) for transaction in ended] == [
            (status, False, ())
        ]


class TestBackground:
    """Background tasks in views: the rule of every other middleware."""

    @pytest.mark.parametrize("behind_middleware", [False, True])
    def test_a_task_in_a_view_makes_the_request_one(self, side: Side, ended: Ended, behind_middleware: bool) -> None:
        (side(side.middleware) if behind_middleware else side()).get("/job/")
        assert [transaction.path for transaction in ended] == ["OtherTransaction/Python/Job/rebuild"]

    def test_a_job_that_runs_a_site_does_not_swallow_its_requests(self, side: Side, ended: Ended) -> None:
        with weighbridge.BackgroundTask(name="server"):
            side().get("/users/7/")
        assert [transaction.path for transaction in ended] == [
            "WebTransaction/Route/GET /users/<int:number>/",
            "OtherTransaction/Function/server",
        ]


class TestFacts:
    """What is recorded of a request."""

    def test_method_path_times_and_details(self, side: Side, ended: Ended) -> None:
        headers: dict[str, Any] = {"HTTP_HOST": "shop.example", "HTTP_USER_AGENT": "test", "HTTP_COOKIE": "id=secret"}
        if side is ASGI:
            pairs = [(key[5:].replace("_", "-").lower().encode(), value.encode()) for key, value in headers.items()]
            headers = {"headers": pairs}
        side().get("/unavailable/?token=secret", **headers)
        known = ended[0].attributes
        assert known["request.method"] == "GET"
        assert known["request.path"] == "/unavailable/"
        assert known["request.host"] == "shop.example"
        assert known["request.user_agent"] == "test"
        assert 0 < float(known["response.start"]) <= ended[0].duration
        assert "secret" not in repr(known)

    def test_the_time_in_front_of_us(self, ended: Ended) -> None:
        WSGI().get("/users/7/", HTTP_X_REQUEST_START=f"t={time.time() - 60}")
        assert 60 <= float(ended[0].attributes["request.queue_time"]) < 300

    def test_parameters_are_kept_only_where_asked_for(self, side: Side, ended: Ended) -> None:
        side().get("/unavailable/?page=2&token=secret", **{"newrelic.capture_request_params": True})
        known = ended[0].attributes
        assert [value for key, value in known.items() if key.endswith("page")] == ["2"]
        assert "secret" not in repr(known)


def test_the_response_is_the_same_with_and_without_us(side: Side, ended: Ended) -> None:
    urls = ["/users/7/", "/async/7/", "/broken/", "/missing/", "/nowhere/", "/users/7", "/unavailable/"]
    measured = [vars(side().get(url)) for url in urls]
    with override_settings(MIDDLEWARE=["django.middleware.common.CommonMiddleware"]):
        plain = [vars(side().get(url)) for url in urls]
    for ours, theirs in zip(measured, plain, strict=True):
        assert {**ours, "body": None} == {**theirs, "body": None}
    assert len(ended) == len(urls)
