"""What is recorded of a web request, what never is, and what makes it a failure (WSGI and ASGI in turn)."""

from __future__ import annotations

import socket
import time
from collections.abc import Callable
from typing import Any

import anyio
import pytest

import weighbridge
from weighbridge import (
    FinishedTransaction,
    add_custom_attribute,
    capture_request_params,
    notice_error,
    set_background_task,
    suppress_apdex_metric,
)
from weighbridge.middleware import ASGITransactionMiddleware, WSGITransactionMiddleware

from . import asgi_helpers, wsgi_helpers
from .store_helpers import rows, samples

Ended = list[FinishedTransaction]
Headers = dict[str, str]


def nothing() -> None: ...


class Middleware:
    """One way in, for requests with headers."""

    def __init__(self, kind: str) -> None:
        self.kind = kind

    def __call__(self, handler: Callable[[], Any] = nothing, status: int = 200, **options: Any) -> Callable[..., None]:
        return (self._wsgi if self.kind == "wsgi" else self._asgi)(handler, status, options)

    @staticmethod
    def _wsgi(handler: Callable[[], Any], status: int, options: Any) -> Callable[..., None]:
        def app(environ: Any, start: Any) -> Any:
            handler()
            start(f"{status} Whatever", [*wsgi_helpers.PLAIN, ("Content-Length", "5")])
            return [b"hello"]

        middleware = WSGITransactionMiddleware(app, **options)

        def get(path: str = "/books", query: str = "", method: str = "GET", **headers: str) -> None:
            environ = {name if name == "content_length" else f"http_{name}": value for name, value in headers.items()}
            upper = {name.upper(): value for name, value in environ.items()}
            wsgi_helpers.attempt(middleware, path, REQUEST_METHOD=method, QUERY_STRING=query, **upper)

        return get

    @staticmethod
    def _asgi(handler: Callable[[], Any], status: int, options: Any) -> Callable[..., None]:
        async def app(scope: Any, receive: Any, send: Any) -> None:
            handler()
            await send(asgi_helpers.start(status, headers=[*asgi_helpers.PLAIN, (b"content-length", b"5")]))
            await send(asgi_helpers.body(b"hello"))

        middleware = ASGITransactionMiddleware(app, **options)

        def get(path: str = "/books", query: str = "", method: str = "GET", **headers: str) -> None:
            pairs = [(name.replace("_", "-").encode(), value.encode()) for name, value in headers.items()]
            more = {"method": method, "query_string": query.encode(), "headers": pairs}
            anyio.run(lambda: asgi_helpers.attempt(middleware, path, **more))

        return get


@pytest.fixture(params=["wsgi", "asgi"])
def middleware(request: pytest.FixtureRequest) -> Middleware:
    return Middleware(request.param)


@pytest.fixture
def settings(monkeypatch: pytest.MonkeyPatch) -> Callable[..., None]:
    """Puts settings into force."""

    def put(**values: str) -> None:
        for name, value in values.items():
            monkeypatch.setenv(f"WEIGHBRIDGE_{name.upper()}", value)
        weighbridge.initialize(ignore_errors=False)

    return put


# Facts


@pytest.mark.application_blocks
def test_method_status_path_and_times(middleware: Middleware, ended: Ended) -> None:
    before, began = time.time(), time.monotonic()
    middleware(lambda: time.sleep(0.02), status=404)("/books/7", "page=2", "DELETE")
    (only,) = ended
    assert (only.status, only.failed) == (404, False)
    assert only.attributes["request.method"] == "DELETE"
    assert only.attributes["request.path"] == "/books/7"
    started = only.attributes["response.start"]
    assert isinstance(started, float)
    assert 0.02 <= started <= only.duration <= time.monotonic() - began
    assert before - 1 < only.started < time.time() + 1


SECRETS = {
    "cookie": "session=SECRET1",
    "authorization": "Bearer SECRET2",
    "proxy_authorization": "Basic SECRET3",
    "x_api_key": "SECRET4",
}


def test_details_for_samples_and_never_a_secret(middleware: Middleware, ended: Ended) -> None:
    middleware()(
        "/slow",
        "token=SECRET5",
        host="shop.example",
        user_agent="Browser/1",
        content_length="12",
        **SECRETS,
        x_request_id="r1",
        traceparent="00-1-2-01",
    )
    (only,) = ended
    assert (only.attributes["request.id"], only.attributes["traceparent"]) == ("r1", "00-1-2-01")
    assert only.attributes["request.host"] == "shop.example"
    assert only.attributes["request.user_agent"] == "Browser/1"
    assert int(only.attributes["request.size"]) == 12
    assert only.attributes["response.size"] == 5
    assert "SECRET" not in repr(only)
    (sample,) = [sample for sample in samples() if sample.transaction.name == "/slow"]
    assert sample.transaction.attributes == {**only.attributes, "host.name": socket.gethostname()}


def test_long_details_are_cut(middleware: Middleware, ended: Ended) -> None:
    middleware()(user_agent="x" * 10_000)
    assert len(str(ended[0].attributes["request.user_agent"])) == 255


@pytest.mark.parametrize("way", ["call", "setting"])
def test_query_parameters_are_kept_where_asked_for_less_the_denied(
    middleware: Middleware, way: str, settings: Callable[..., None], ended: Ended
) -> None:
    if way == "setting":
        settings(capture_params="on")
    middleware(capture_request_params if way == "call" else nothing)(
        "/search", "q=b%C3%BCcher&page=2&empty=&Password=SECRET&token=SECRET&API_KEY=SECRET&page=3", **SECRETS
    )
    (only,) = ended
    parameters = {
        name.removeprefix("request.parameters."): value
        for name, value in only.attributes.items()
        if name.startswith("request.parameters.")
    }
    assert set(parameters) == {"q", "page", "empty"}
    assert parameters["q"] == "bücher"
    assert "SECRET" not in repr(only)


def test_a_call_takes_back_what_the_setting_asks_for(
    middleware: Middleware, settings: Callable[..., None], ended: Ended
) -> None:
    settings(capture_params="on")
    middleware(lambda: capture_request_params(False))("/search", "q=1")
    assert "request.parameters.q" not in ended[0].attributes


def test_the_list_of_denied_parameters_is_a_setting(
    middleware: Middleware, settings: Callable[..., None], ended: Ended
) -> None:
    settings(capture_params="on", denied_params="q")
    middleware()("/search", "q=1&page=2")
    assert "request.parameters.q" not in ended[0].attributes
    assert ended[0].attributes["request.parameters.page"] == "2"


def test_custom_attributes_are_kept_beside_the_facts(middleware: Middleware, ended: Ended) -> None:
    middleware(lambda: add_custom_attribute("user", 7))()
    assert ended[0].attributes["user"] == 7


def written(form: str, seconds_ago: float) -> str:
    now = time.time() - seconds_ago
    return form.format(s=f"{now:.3f}", whole=int(now), ms=int(now * 1e3), us=int(now * 1e6), ms_dot=f"{now * 1e3:.3f}")


@pytest.mark.parametrize(
    "form", ["{s}", "t={s}", "t={whole}", "{ms}", "t={ms}", "t={us}", "{us}", " t={us} ", "{ms_dot}"]
)
@pytest.mark.parametrize("header", ["x_request_start", "x_queue_start"])
def test_every_form_of_the_queue_time(middleware: Middleware, form: str, header: str, ended: Ended) -> None:
    before = time.time()
    middleware()(**{header: written(form, 10)})
    waited = ended[0].attributes["request.queue_time"]
    assert isinstance(waited, float)
    assert 9.9 < waited < 11.1 + time.time() - before


@pytest.mark.parametrize("form", ["{s}", "t={ms}"])
def test_a_queue_time_in_the_future_is_none_at_all(middleware: Middleware, form: str, ended: Ended) -> None:
    middleware()(x_request_start=written(form, -60))
    assert ended[0].attributes["request.queue_time"] == 0


@pytest.mark.parametrize("value", ["", "t=", "yesterday", "0", "-1", "nan", "inf", "12345", "1e400", "t=\xff"])
def test_what_is_no_time_is_no_queue_time(middleware: Middleware, value: str, ended: Ended) -> None:
    middleware()(x_request_start=value)
    assert "request.queue_time" not in ended[0].attributes


def test_the_first_header_that_is_a_time_counts(middleware: Middleware, ended: Ended) -> None:
    serve = middleware()
    serve("/a", x_queue_start=written("{s}", 100), x_request_start=written("{s}", 200))
    serve("/b", x_queue_start=written("{s}", 100), x_request_start="yesterday")
    waited = {t.name: round(float(t.attributes["request.queue_time"]) / 100) for t in ended}
    assert waited == {"/a": 2, "/b": 1}


def test_the_queue_time_is_a_setting(middleware: Middleware, settings: Callable[..., None], ended: Ended) -> None:
    settings(queue_time="off")
    middleware()(x_request_start=written("{s}", 10))
    assert "request.queue_time" not in ended[0].attributes


# Errors


@pytest.mark.parametrize(
    ("status", "failed"), [(200, False), (304, False), (404, False), (499, False), (500, True), (599, True)]
)
def test_a_5xx_is_a_failure(middleware: Middleware, status: int, failed: bool, ended: Ended) -> None:
    middleware(status=status)()
    (only,) = ended
    assert (only.status, only.failed, only.errors) == (status, failed, ())
    assert (only.apdex == "frustrated") == failed


def test_which_statuses_fail_is_a_setting(middleware: Middleware, settings: Callable[..., None], ended: Ended) -> None:
    settings(error_statuses="400-404 503")
    for status in (400, 404, 405, 500, 503):
        middleware(status=status)()
    assert [(t.status, t.failed) for t in ended] == [(400, True), (404, True), (405, False), (500, False), (503, True)]


def raising(*errors: BaseException, **options: Any) -> Callable[[], None]:
    def handler() -> None:
        for error in errors:
            notice_error(error, **options)

    return handler


def test_a_noticed_error_fails_the_request(middleware: Middleware, ended: Ended) -> None:
    middleware(raising(KeyError("shelf")))()
    (only,) = ended
    assert (only.failed, only.status, only.apdex) == (True, 200, "frustrated")
    assert [(error.type, error.message, error.expected) for error in only.errors] == [
        ("builtins:KeyError", "'shelf'", False)
    ]


def test_an_expected_error_is_kept_and_does_not_count(middleware: Middleware, ended: Ended) -> None:
    middleware(raising(KeyError("shelf"), expected=True))()
    (only,) = ended
    assert (only.failed, only.apdex, [error.expected for error in only.errors]) == (False, "satisfied", [True])


def test_an_ignored_error_is_not_kept(middleware: Middleware, ended: Ended) -> None:
    middleware(raising(KeyError("shelf"), ignore=True))()
    assert [(t.failed, t.errors) for t in ended] == [(False, ())]


def test_expected_and_ignored_classes_are_settings(
    middleware: Middleware, settings: Callable[..., None], ended: Ended
) -> None:
    settings(expected_errors="builtins:KeyError", ignored_errors="builtins:OSError")
    middleware(raising(KeyError("kept"), FileNotFoundError("dropped")))()
    (only,) = ended
    assert (only.failed, [error.message for error in only.errors]) == (False, ["'kept'"])


def test_an_exception_of_an_expected_class_that_escapes_is_still_a_500(
    middleware: Middleware, settings: Callable[..., None], ended: Ended
) -> None:
    def handler() -> None:
        raise KeyError("shelf")

    settings(expected_errors="builtins:KeyError")
    middleware(handler)()
    assert [(t.status, t.failed, t.errors[0].expected) for t in ended] == [(500, True, True)]


def test_at_most_five_distinct_errors_are_kept(middleware: Middleware, ended: Ended) -> None:
    middleware(raising(*[ValueError(number % 7) for number in range(21)]))()
    assert [error.message for error in ended[0].errors] == ["0", "1", "2", "3", "4"]


def test_an_unprintable_error_is_kept_by_its_class(middleware: Middleware, ended: Ended) -> None:
    class Unprintable(Exception):
        def __str__(self) -> str:
            raise RuntimeError("no")

    middleware(raising(Unprintable()))()
    assert ended[0].failed
    assert ended[0].errors[0].type.endswith("Unprintable")


@pytest.mark.parametrize("error", [KeyboardInterrupt, SystemExit, GeneratorExit])
def test_an_exit_is_no_error(error: type[BaseException], ended: Ended) -> None:
    def app(environ: Any, start: Any) -> Any:
        raise error

    with pytest.raises(error):
        wsgi_helpers.get(WSGITransactionMiddleware(app))
    assert [(t.failed, t.errors) for t in ended] == [(False, ())]


def test_an_exit_with_a_status_is_an_error(ended: Ended) -> None:
    def app(environ: Any, start: Any) -> Any:
        raise SystemExit(3)

    with pytest.raises(SystemExit):
        wsgi_helpers.get(WSGITransactionMiddleware(app))
    assert [t.failed for t in ended] == [True]


# Apdex


T = 0.05


def zone(duration: float) -> str:
    """Of a request that took so many seconds: on a busy machine that is more than was meant."""
    return "satisfied" if duration <= T else "tolerating" if duration <= 4 * T else "frustrated"


@pytest.mark.application_blocks
@pytest.mark.parametrize("seconds", [0.0, 0.06, 0.25])
def test_the_zones_of_apdex(
    middleware: Middleware, seconds: float, settings: Callable[..., None], ended: Ended
) -> None:
    settings(apdex_t=str(T))
    middleware(lambda: time.sleep(seconds))()
    assert ended[0].apdex == zone(ended[0].duration)


def test_the_threshold_is_half_a_second_by_default() -> None:
    assert weighbridge.application_settings().apdex_t == 0.5


@pytest.mark.application_blocks
def test_a_threshold_of_an_application_and_of_a_name(
    middleware: Middleware, tmp_path: Any, settings: Callable[..., None], ended: Ended
) -> None:
    file = tmp_path / "weighbridge.toml"
    file.write_text(
        '[weighbridge]\nstore = ":memory:"\napdex_t = 3600\n'
        '[weighbridge.applications."impatient"]\napdex_t = 0.001\n'
        '[weighbridge.transaction_apdex_t]\n"WebTransaction/Uri/quick" = 0.001\n'
    )
    settings(config_file=str(file))
    middleware(lambda: time.sleep(0.01), application="impatient")("/any")
    middleware(lambda: time.sleep(0.01))("/quick")
    middleware(lambda: time.sleep(0.01))("/any")
    assert [t.apdex for t in ended] == ["frustrated", "frustrated", "satisfied"]


@pytest.mark.parametrize("handler", [suppress_apdex_metric, set_background_task])
def test_suppressed_and_background_transactions_have_none(
    middleware: Middleware, handler: Callable[[], None], ended: Ended
) -> None:
    middleware(handler, application="no apdex")()
    assert [t.apdex for t in ended] == [None]
    (statistics,) = [row.statistics for row in rows() if row.series.application == "no apdex"]
    assert statistics.apdex is None


@pytest.mark.application_blocks
def test_the_score_is_satisfied_plus_half_of_the_tolerating(
    middleware: Middleware, settings: Callable[..., None], ended: Ended
) -> None:
    settings(apdex_t=str(T))
    for seconds in (0, 0, 0.06, 0.3):
        middleware(lambda pause=seconds: time.sleep(pause), application="score")()
    (statistics,) = [row.statistics for row in rows() if row.series.application == "score"]
    worth = {"satisfied": 1.0, "tolerating": 0.5, "frustrated": 0.0}
    assert statistics.apdex == pytest.approx(sum(worth[zone(one.duration)] for one in ended) / 4)
