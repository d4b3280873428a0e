"""What the settings keep out of samples, out of the list of errors, and out of the store."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any

import httpx
import pytest

import weighbridge
from weighbridge import (
    BackgroundTask,
    FinishedTransaction,
    add_custom_attribute,
    add_custom_attributes,
    capture_request_params,
    notice_error,
)
from weighbridge.console import wsgi_application
from weighbridge.middleware import WSGITransactionMiddleware
from weighbridge.transactions.handoff import handoff
from weighbridge.transactions.store.reader import StoreReader
from weighbridge.transactions.store.statistics import Window

Ended = list[FinishedTransaction]
Settings = Callable[..., None]
Kept = Callable[[], bytes]

SECRET = "IBAN DE89 3704"


class Declined(Exception):
    """Of the host program, with a message that nobody else is to read."""


def request(handler: Callable[[], Any] = lambda: None, query: str = "", status: str = "200 OK", **environ: str) -> None:
    """Send one request to a measured application."""

    def app(_: Any, start: Any) -> Iterable[bytes]:
        handler()
        start(status, [("Content-Length", "5")])
        return [b"hello"]

    facts = {"REQUEST_METHOD": "GET", "SCRIPT_NAME": "", "PATH_INFO": "/books", "QUERY_STRING": query, **environ}
    list(WSGITransactionMiddleware(app)(facts, lambda *_: lambda _: None))  # type: ignore[arg-type]


def fail(message: str = SECRET) -> None:
    raise Declined(message)


def failing(cause: Callable[[], None] = fail) -> None:
    """A job that fails, and one that notices the same."""
    with pytest.raises(Declined), BackgroundTask(name="pay"):
        cause()
    with BackgroundTask(name="notices"):
        try:
            cause()
        except Declined:
            notice_error(attributes={"card": "4111-1111-CARD"})


# Messages


def test_messages_are_kept_unless_it_is_asked_for(ended: Ended, kept: Kept) -> None:
    failing()
    assert [error.message for transaction in ended for error in transaction.errors] == [SECRET, SECRET]
    assert SECRET.encode() in kept()


@pytest.mark.parametrize("setting", ["strip_exception_messages", "high_security"])
def test_messages_are_stripped(setting: str, settings: Settings, ended: Ended, kept: Kept) -> None:
    settings(**{setting: "on"})
    failing()
    request(lambda: notice_error(Declined(SECRET)))
    errors = [error for transaction in ended for error in transaction.errors]
    assert {(error.type.rpartition(":")[2], error.message) for error in errors} == {("Declined", "<stripped>")}
    assert all(transaction.failed for transaction in ended)
    assert SECRET.encode() not in kept()


def test_stripped_messages_make_one_error(settings: Settings, ended: Ended) -> None:
    settings(strip_exception_messages="on")
    with BackgroundTask(name="pay"):
        for number in range(10):
            notice_error(Declined(f"order {number}"))
    assert len(ended[0].errors) == 1


def test_a_message_that_is_not_kept_is_not_even_made(settings: Settings, ended: Ended) -> None:
    class Costly(Exception):
        def __str__(self) -> str:
            raise AssertionError

    settings(strip_exception_messages="on")
    with BackgroundTask(name="pay"):
        notice_error(Costly())
    assert [error.message for error in ended[0].errors] == ["<stripped>"]


def test_messages_of_listed_classes_are_kept(settings: Settings, ended: Ended) -> None:
    class OutOfStock(Declined):
        """A class of its own: what a class is listed for holds for no other."""

    listed = f"{__name__}:{Declined.__qualname__}"
    settings(strip_exception_messages="on", strip_exception_messages_allowlist=f"builtins:KeyError {listed}")
    with BackgroundTask(name="pay"):
        notice_error(Declined("listed"))
        notice_error(OutOfStock("not listed"))
        notice_error(ValueError("not listed"))
    assert [error.message for error in ended[0].errors] == ["listed", "<stripped>", "<stripped>"]


def test_high_security_knows_no_exceptions(settings: Settings, ended: Ended) -> None:
    listed = f"{__name__}:{Declined.__qualname__}"
    settings(high_security="on", strip_exception_messages="off", strip_exception_messages_allowlist=listed)
    failing()
    assert {error.message for transaction in ended for error in transaction.errors} == {"<stripped>"}


# Errors


def test_of_errors_nothing_is_kept_but_that_they_were(
    settings: Settings, ended: Ended, kept: Kept, store: Path
) -> None:
    settings(error_collector_enabled="off")
    failing()
    request(lambda: notice_error(Declined(SECRET)))
    request(status="503 Unavailable")
    assert [(transaction.failed, transaction.errors) for transaction in ended] == [(True, ())] * 4
    everything = kept()
    assert SECRET.encode() not in everything
    assert b"Declined" not in everything
    with StoreReader.open(store) as reader:
        window = Window(ended[0].started - 60, ended[0].started + 60)
        assert sum(found.statistics.errors for found in reader.transactions(window)) == 4
        assert reader.errors(window) == []


def test_so_it_is_for_those_that_only_come_as_figures(settings: Settings, kept: Kept, store: Path) -> None:
    settings(error_collector_enabled="off")
    for _ in range(50):
        with pytest.raises(Declined), BackgroundTask(name="pay"):
            fail()
    assert b"Declined" not in kept()
    with StoreReader.open(store) as reader:
        (application,) = reader.applications(Window(0, 4e9))
        assert (application.statistics.calls, application.statistics.errors) == (50, 50)


def test_what_is_expected_or_ignored_does_not_count_then_either(settings: Settings, ended: Ended) -> None:
    settings(error_collector_enabled="off", expected_errors="builtins:KeyError", ignored_errors="builtins:OSError")
    with BackgroundTask(name="pay"):
        notice_error(KeyError("a"))
        notice_error(FileNotFoundError("b"))
        notice_error(Declined("c"), expected=True)
    assert [(transaction.failed, transaction.errors) for transaction in ended] == [(False, ())]


# Attributes


def attributed() -> None:
    """A request with attributes of every kind."""

    def handler() -> None:
        add_custom_attribute("card.number", "4111-1111-CARD")
        add_custom_attributes({"card.holder": "Ann", "cart": 3})
        capture_request_params()
        notice_error(Declined("no"), attributes={"card.note": "x"}, status_code=500)

    request(
        handler,
        "page=2&sort=up",
        HTTP_HOST="shop.example",
        HTTP_USER_AGENT="Browser",
        CONTENT_LENGTH="3",
        HTTP_X_REQUEST_ID="r1",
        HTTP_TRACEPARENT="00-1-2-01",
    )


CUSTOM = {"card.number", "card.holder", "card.note", "cart"}
PARAMETERS = {"request.parameters.page", "request.parameters.sort"}
HEADERS = {"request.host", "request.user_agent", "request.size", "request.id", "traceparent"}
FACTS = {"request.path", "request.method"} | HEADERS
REST = {"response.size", "response.start", "error.status"}
EVERYTHING = CUSTOM | PARAMETERS | FACTS | REST


@pytest.mark.parametrize(
    ("values", "left"),
    [
        ({}, EVERYTHING),
        ({"attributes_enabled": "off"}, set()),
        ({"high_security": "on"}, FACTS | REST),
        ({"attributes_exclude": "card.*"}, EVERYTHING - {"card.number", "card.holder", "card.note"}),
        ({"attributes_exclude": "CARD.NUMBER cart"}, EVERYTHING - {"card.number", "cart"}),
        ({"attributes_exclude": "*"}, set()),
        ({"attributes_exclude": "*", "attributes_include": "cart"}, {"cart"}),
        ({"attributes_exclude": "card.*", "attributes_include": "card.h*"}, EVERYTHING - {"card.number", "card.note"}),
        ({"attributes_exclude": "cart", "attributes_include": "cart"}, EVERYTHING - {"cart"}),
        ({"attributes_exclude": "*.number"}, EVERYTHING - {"card.number"}),
        ({"attributes_exclude": "request.parameters.*"}, EVERYTHING - PARAMETERS),
        ({"attributes_exclude": "request.parameters.p*"}, EVERYTHING - {"request.parameters.page"}),
        ({"attributes_exclude": "request.headers.*"}, EVERYTHING - HEADERS),
        ({"attributes_exclude": "request.headers.userAgent request.uri response.headers.contentLength"},
         EVERYTHING - {"request.user_agent", "request.path", "response.size"}),
        ({"attributes_exclude": "[a-z]* card"}, EVERYTHING),
    ],
)  # fmt: skip
def test_which_attributes_are_left(
    values: dict[str, str], left: set[str], settings: Settings, ended: Ended, kept: Kept
) -> None:
    settings(**values)
    attributed()
    assert set(ended[0].attributes) == left
    assert (b"4111-1111-CARD" in kept()) is ("card.number" in left)


@pytest.mark.parametrize("setting", [{"high_security": "on"}, {"attributes_enabled": "off"}])
def test_custom_attributes_are_not_taken_and_not_told_as_lost(setting: dict[str, str], settings: Settings) -> None:
    settings(**setting)
    handoff.take_dropped()
    with BackgroundTask(name="job"):
        assert add_custom_attribute("a", 1) is False
        assert add_custom_attributes({"a": 1}) is False
    assert handoff.take_dropped() == {}


# Parameters


def parameters(transaction: FinishedTransaction) -> set[str]:
    """The names of the parameters that were kept."""
    names = map(str, transaction.attributes)
    return {name.removeprefix("request.parameters.") for name in names if name.startswith("request.parameters.")}


@pytest.mark.parametrize(
    ("values", "left"),
    [
        ({}, set()),
        ({"capture_params": "on"}, {"page", "sort"}),
        ({"attributes_include": "request.parameters.*"}, {"page", "sort"}),
        ({"attributes_include": "request.parameters.page"}, {"page"}),
        ({"attributes_include": "request.parameters.* request.parameters.token"}, {"page", "sort"}),
        ({"capture_params": "on", "attributes_exclude": "request.parameters.s*"}, {"page"}),
        ({"capture_params": "on", "high_security": "on"}, set()),
        ({"attributes_include": "request.parameters.*", "high_security": "on"}, set()),
        ({"capture_params": "on", "attributes_enabled": "off"}, set()),
        ({"attributes_include": "cart"}, set()),
    ],
)
def test_which_parameters_are_left(values: dict[str, str], left: set[str], settings: Settings, ended: Ended) -> None:
    settings(**values)
    request(query="page=2&sort=up&token=x")
    assert parameters(ended[0]) == left


@pytest.mark.parametrize("way", ["call", "key"])
def test_a_request_cannot_ask_for_what_high_security_forbids(way: str, settings: Settings, ended: Ended) -> None:
    settings(high_security="on")
    if way == "call":
        request(capture_request_params, "page=2")
    else:
        request(query="page=2", **{"newrelic.capture_request_params": "on"})
    assert parameters(ended[0]) == set()


@pytest.mark.parametrize(
    "query",
    [
        "next=/back%3Ftoken%3DSECRET",
        "next=https://shop.example/%3Fa%3Db%26api_key%3DSECRET",
        "next=%2Fback%23access_token%3DSECRET",
        "q=book;token=SECRET",
        "next=/back%3Fpin%3DSECRET",
        "next=%2Fback%3Fa%3D1%26userPin%3DSECRET",
        "q=book;otp=SECRET",
        "url=https://ann:SECRET@shop.example/",
        "url=https%253A%252F%252Fann%253ASECRET%2540shop.example",
        "filter=%7B%22password%22%3A%22SECRET%22%7D",
        "dsn=host%3Ddb+password%3DSECRET",
    ],
)
def test_a_secret_within_a_value_is_not_kept(query: str, settings: Settings, ended: Ended, kept: Kept) -> None:
    settings(capture_params="on")
    request(query=query)
    assert b"SECRET" not in kept()
    assert "SECRET" not in repr(ended)


@pytest.mark.parametrize("query", ["a" * 100_000, "a=" + "//@" * 50_000, "&" * 100_000, "%" * 1000, "a=\udce9"])
def test_a_query_of_any_kind_is_read_in_no_time(query: str, settings: Settings, ended: Ended) -> None:
    settings(capture_params="on")
    request(query=query)
    assert len(ended) == 1


# The page


def test_the_page_shows_a_sample_that_has_nothing_to_show(settings: Settings, kept: Kept, store: Path) -> None:
    settings(attributes_enabled="off", error_collector_enabled="off")
    request(lambda: notice_error(Declined(SECRET)))
    assert b"books" in kept()
    with httpx.Client(
        transport=httpx.WSGITransport(app=wsgi_application(store)), base_url="http://localhost"
    ) as client:
        question = {"app": "Python Application", "group": "Uri", "name": "/books"}
        assert client.get("/sample", params={**question, "sample": _sample(store)}).status_code == 200
        assert client.get("/errors", params={"app": "Python Application"}).status_code == 200


def _sample(store: Path) -> int:
    with StoreReader.open(store) as reader:
        (sample,) = reader.samples(Window(0, 4e9))
    return sample.id


def test_a_page_is_not_opened_on_what_is_no_store() -> None:
    with pytest.raises(ValueError, match="the name of the database is missing") as caught:
        wsgi_application("postgresql://shop:s3cret@db")
    assert "s3cret" not in str(caught.value)


def test_the_settings_that_hold_can_be_shown(settings: Settings) -> None:
    settings(app_name="https://ann:s3cret@shop.example")
    assert repr(weighbridge.global_settings()).startswith("Settings(app_name='https://***@shop.example', store=")
