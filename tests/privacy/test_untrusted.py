"""Numbers that strangers send, in headers and status lines."""

from __future__ import annotations

import io
import time
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

import weighbridge
from weighbridge import FinishedTransaction, WebTransaction
from weighbridge.console import wsgi_application
from weighbridge.middleware import WSGITransactionMiddleware
from weighbridge.testing import capture_transactions
from weighbridge.transactions.configuration.in_force import in_force
from weighbridge.transactions.model.numbers import whole_number
from weighbridge.transactions.model.process_state import process_state
from weighbridge.transactions.model.queue_time import queue_time_in, queue_time_of

Ended = list[FinishedTransaction]

NO_NUMBERS = ["²", "\uff11\uff12", "\u0663", "1_0", " 1", "1 ", "+1", "-1", "1.0", "0x1", "", "1" * 5000, "NaN", "1\0"]


@pytest.fixture(autouse=True)
def _prepared(own_settings: None) -> None:
    process_state.load()


def waited(*headers: str) -> float | None:
    with (
        capture_transactions() as ended,
        WebTransaction(name="page", headers=[("X-Request-Start", value) for value in headers]),
    ):
        pass
    found = ended[0].attributes.get("request.queue_time")
    return found if found is None else float(found)


# Queue time


def ago(seconds: float) -> str:
    return f"t={time.time() - seconds:.3f}"


@pytest.mark.parametrize(("seconds", "counted"), [(0, True), (250, True), (350, False), (1e9, False)])
def test_a_queue_time_of_more_than_the_bound_is_none(seconds: float, counted: bool) -> None:
    assert (waited(ago(seconds)) is not None) is counted


@pytest.mark.parametrize("value", ["t=946684800", "946684800000", "t=946684800000000"])
def test_the_year_2000_poisons_nothing(value: str) -> None:
    assert waited(value) is None


def test_the_bound_is_a_setting(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("WEIGHBRIDGE_MAX_QUEUE_TIME", "10")
    weighbridge.initialize(ignore_errors=False)
    process_state.load()
    assert waited(ago(5)) == pytest.approx(5, abs=2)
    assert waited(ago(20)) is None


@pytest.mark.parametrize("seconds", [0.5, 60, 86_400, 1e9, 2e10])
def test_the_future_is_no_time_at_all(seconds: float) -> None:
    assert waited(ago(-seconds)) == 0


@pytest.mark.parametrize(
    "value",
    [
        *NO_NUMBERS,
        "t=²",
        "t=nan",
        "t=inf",
        "t=1e9",
        "t=\uff11\uff17\uff10\uff10\uff10\uff10\uff10\uff10\uff10\uff10",
        "t=t=1",
        "t=-1",
    ],
)
def test_what_is_no_time_is_none(value: str) -> None:
    assert queue_time_of(value) is None


def test_of_one_header_twice_the_last_counts_unless_it_is_no_time() -> None:
    assert queue_time_of(f"{ago(200)}, {ago(5)}") == pytest.approx(5, abs=2)
    assert queue_time_of(f"{ago(5)}, t=946684800") == pytest.approx(5, abs=2)
    assert queue_time_of("t=946684800, t=1") is None


def test_the_next_header_counts_where_the_first_is_out_of_bounds() -> None:
    assert queue_time_in(["t=946684800", None, "", ago(5)]) == pytest.approx(5, abs=2)


@given(st.text())
@example("t=" + "9" * 100_000)
@example("," * 100_000)
@example("t=99999999999999999999.9")
def test_any_value_is_a_time_within_the_bound_or_none(value: str) -> None:
    found = queue_time_of(value)
    assert found is None or 0 <= found <= in_force.settings.max_queue_time


@given(st.integers(-(10**20), 10**20), st.sampled_from(["{}", "t={}", "t={}.5", " {} "]))
def test_so_is_any_number(number: int, form: str) -> None:
    found = queue_time_of(form.format(number))
    assert found is None or 0 <= found <= in_force.settings.max_queue_time


# Whole numbers


@pytest.mark.parametrize("text", NO_NUMBERS)
def test_what_is_no_number_in_ascii_digits_is_none(text: str) -> None:
    assert whole_number(text) is None
    assert whole_number(text.encode()) is None


@given(st.integers(0, 10**18 - 1))
def test_a_number_is_what_it_says(number: int) -> None:
    assert whole_number(str(number)) == whole_number(b"%d" % number) == number


def answered(status: str, headers: list[tuple[str, str]] | None = None, body: Iterable[bytes] = (b"hello",)) -> Ended:
    """What is recorded of a response."""

    def app(_: Any, start: Any) -> Iterable[bytes]:
        start(status, headers or [])
        return body

    with capture_transactions() as ended:
        served: Any = WSGITransactionMiddleware(app)(
            {"REQUEST_METHOD": "GET", "PATH_INFO": "/"},
            lambda *_: lambda _: None,  # type: ignore[arg-type]
        )
        if hasattr(served, "close"):
            next(iter(served))
            served.close()
    return ended


@pytest.mark.parametrize(
    "status", ["²²² OK", "\uff11\uff12\uff13 OK", "-50 OK", "OK", "", " 20 OK", "\u0662\u0660\u0660 OK", "2_0 OK"]
)
def test_a_status_line_without_a_status(status: str) -> None:
    (only,) = answered(status)
    assert (only.status, only.failed) == (None, False)


@pytest.mark.parametrize("size", NO_NUMBERS)
def test_a_length_that_is_none(size: str) -> None:
    (only,) = answered("200 OK", [("Content-Length", size)])
    assert only.attributes.get("response.size", 0) == 0
    (halfway,) = answered("200 OK", [("Content-Length", size)], iter([b"hello", b"again"]))
    assert halfway.disconnected
    assert halfway.attributes["response.size"] == 5


# The page behind WSGI


@pytest.mark.parametrize("length", [*NO_NUMBERS, "10", "99999"])
def test_the_page_takes_a_length_of_any_kind(length: str, tmp_path: Path) -> None:
    page = wsgi_application(tmp_path / "none.db", token="x" * 16)
    environ: dict[str, Any] = {
        "REQUEST_METHOD": "POST",
        "PATH_INFO": "/login",
        "CONTENT_LENGTH": length,
        "wsgi.input": io.BytesIO(b"token=" + b"y" * 20),
        "HTTP_HOST": "localhost",
    }
    statuses: list[str] = []
    start: Callable[..., Any] = lambda status, headers, exc_info=None: statuses.append(status)  # noqa: E731
    assert b"".join(page(environ, start))
    assert statuses[0].startswith(("200", "401", "403"))


def test_the_page_takes_a_path_of_any_kind(tmp_path: Path) -> None:
    page = wsgi_application(tmp_path / "none.db")
    environ: dict[str, Any] = {"REQUEST_METHOD": "GET", "PATH_INFO": "/\u2603", "HTTP_HOST": "localhost"}
    assert b"".join(page(environ, lambda *_: lambda _: None))
