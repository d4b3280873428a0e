"""The endpoint without Prometheus: formats, negotiation, access, and the two kinds of applications."""

from __future__ import annotations

import struct
from collections.abc import Callable, Iterator
from contextlib import closing
from pathlib import Path
from typing import Any
from wsgiref.util import setup_testing_defaults
from wsgiref.validate import validator

import httpx
import pytest
from click.testing import CliRunner
from hypothesis import given
from hypothesis import strategies as st
from prometheus_client.openmetrics.parser import text_string_to_metric_families as parse_openmetrics
from prometheus_client.parser import text_string_to_metric_families as parse_text
from starlette.applications import Starlette
from starlette.routing import Mount

from tests.console.conftest import served
from tests.console.test_serving import running
from tests.exporting.everything import DURATIONS, ODD, write_everything
from tests.store.maker import NOW
from weighbridge.cli.commands import weighbridge
from weighbridge.console import Request, Response
from weighbridge.exporting.families import Family, Sample, Sum
from weighbridge.exporting.measurements import families_of
from weighbridge.exporting.prometheus import MetricsEndpoint, asgi_application, wsgi_application
from weighbridge.exporting.prometheus_names import CONTENT_TYPES, asked_for
from weighbridge.exporting.prometheus_text import as_openmetrics, as_text
from weighbridge.middleware import ASGITransactionMiddleware
from weighbridge.testing import capture_transactions
from weighbridge.transactions.recording.histogram import BOUNDS, FIRST_POWER
from weighbridge.transactions.store.reader import StoreReader

TOKEN = "a token of more than sixteen signs"
PROTOBUF = "application/vnd.google.protobuf;proto=io.prometheus.client.MetricFamily;encoding=delimited"


@pytest.fixture
def store(tmp_path: Path) -> Path:
    write_everything(tmp_path / "store.db")
    return tmp_path / "store.db"


Scrape = Callable[..., Response]


@pytest.fixture
def scrape(store: Path) -> Iterator[Scrape]:
    with closing(MetricsEndpoint(store, clock=lambda: NOW + 10)) as endpoint:
        yield lambda accept="", **more: endpoint.respond(
            Request(**{"method": "GET", "path": "/", "host": "localhost", "accept": accept, **more})
        )


def values(body: str, parse: Callable[[str], Any] = parse_text) -> dict[tuple[str, frozenset[str]], float]:
    """What was scraped, by name and values of labels."""
    return {
        (sample.name, frozenset(sample.labels.values())): sample.value
        for family in parse(body)
        for sample in family.samples
    }


PAGE = {"shop", "web", "Route", "GET /page"}
JOB = {"shop", "background", "Function", "shop.jobs:rebuild"}
EXPECTED = {
    ("weighbridge_transaction_duration_seconds_count", *PAGE): 8,
    ("weighbridge_transaction_duration_seconds_sum", *PAGE): sum(DURATIONS),
    ("weighbridge_transaction_duration_seconds_bucket", *PAGE, "0.25"): 3,
    ("weighbridge_transaction_duration_seconds_bucket", *PAGE, "4.0"): 7,
    ("weighbridge_transaction_duration_seconds_bucket", *PAGE, "+Inf"): 8,
    ("weighbridge_transactions_total", *PAGE, "succeeded"): 6,
    ("weighbridge_transactions_total", *PAGE, "failed"): 2,
    ("weighbridge_transactions_total", *JOB, "retried"): 2,
    ("weighbridge_transactions_total", *JOB, "failed"): 0,
    ("weighbridge_transaction_queue_time_seconds_count", *JOB): 2,
    ("weighbridge_transaction_queue_time_seconds_sum", *JOB): 3.5,
    ("weighbridge_transaction_apdex_total", *PAGE, "satisfied"): 4,
    ("weighbridge_transaction_apdex_threshold_seconds", *PAGE): 0.5,
    ("weighbridge_application_transaction_duration_seconds_count", "shop", "web"): 9,
    ("weighbridge_host_transactions_total", "shop", "background", "host", "killed"): 1,
    ("weighbridge_version_transactions_total", "shop", "web", "1.4", "failed"): 2,
    ("weighbridge_queue_transaction_queue_time_seconds_count", "shop", "background", "mail"): 2,
    ("weighbridge_errors_total", "shop", "web", "shop:Broken", "false"): 2,
    ("weighbridge_errors_total", "shop", "web", "shop:Broken", "true"): 1,
    ("weighbridge_http_responses_total", "shop", "500"): 2,
    ("weighbridge_http_disconnects_total", "shop"): 1,
    ("weighbridge_http_response_start_seconds_count", "shop"): 8,
    ("weighbridge_custom_sum", "shop", "cart"): 7,
    ("weighbridge_custom_events_total", "shop", "sale"): 5,
    ("weighbridge_running", "shop", "background"): 1,
    ("weighbridge_running_oldest_seconds", "shop", "background"): 100,
    ("weighbridge_processes", "host"): 1,
    ("weighbridge_dropped_last_hour", "transactions"): 3,
    ("weighbridge_store_last_write_timestamp_seconds",): NOW,
    ("weighbridge_transaction_duration_seconds_count", "shop", "web", "Route", ODD): 1,
}


def test_text_has_all_that_is_counted(scrape: Scrape) -> None:
    answer = scrape()
    assert (answer.status, answer.content_type) == (200, "text/plain; version=0.0.4; charset=utf-8")
    found = values(answer.body.decode())
    assert {key: found.get((key[0], frozenset(key[1:]))) for key in EXPECTED} == EXPECTED


def test_openmetrics_has_the_same_and_is_strict(scrape: Scrape) -> None:
    answer = scrape("application/openmetrics-text; version=1.0.0")
    assert answer.content_type.startswith("application/openmetrics-text; version=1.0.0")
    text, openmetrics = scrape().body.decode(), answer.body.decode()
    assert openmetrics.endswith("# EOF\n")
    assert values(openmetrics, parse_openmetrics) == values(text)


@pytest.mark.parametrize("total", [-2.5, float("nan"), float("-inf"), float("inf")])
def test_a_sum_that_is_negative_is_read_in_all_formats(total: float) -> None:
    samples = [Sample((("metric", "temperature"),), Sum(3, total)), Sample((("metric", "cart"),), Sum(1, 7.0))]
    families = [Family("weighbridge.custom", "summary", "1", "Custom", samples)]
    found = values(as_openmetrics(families).decode(), parse_openmetrics)
    assert found == pytest.approx(values(as_text(families).decode()), nan_ok=True)


@given(st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\0"), max_size=20))
def test_any_label_is_read_as_it_was(value: str) -> None:
    families = [Family("x.y", "counter", "", value, [Sample((("name", value),), 1)])]
    (family,) = parse_openmetrics(as_openmetrics(families).decode())
    assert family.samples[0].labels == {"name": value}
    assert f'{{name="{value}"}} 1\n' in as_text(families).decode() or any(one in value for one in '\\"\n')


# ---- Protobuf, read by its general rules alone.


def fields(data: bytes) -> dict[int, list[Any]]:
    """The fields of a message, by number."""
    found: dict[int, list[Any]] = {}
    place = 0
    while place < len(data):
        key, place = varint(data, place)
        if key & 7 == 0:
            value, place = varint(data, place)
        elif key & 7 == 1:
            value, place = struct.unpack("<d", data[place : place + 8])[0], place + 8
        else:
            length, place = varint(data, place)
            value, place = data[place : place + length], place + length
        found.setdefault(key >> 3, []).append(value)
    return found


def varint(data: bytes, place: int) -> tuple[int, int]:
    value = shift = 0
    while True:
        value |= (data[place] & 0x7F) << shift
        shift, place = shift + 7, place + 1
        if not data[place - 1] & 0x80:
            return value, place


def signed(value: int) -> int:
    return value >> 1 ^ -(value & 1)


def varints(data: bytes) -> Iterator[int]:
    place = 0
    while place < len(data):
        value, place = varint(data, place)
        yield value


def messages(data: bytes) -> Iterator[dict[int, list[Any]]]:
    place = 0
    while place < len(data):
        length, place = varint(data, place)
        yield fields(data[place : place + length])
        place += length


def native_bins(histogram: dict[int, list[Any]]) -> dict[int, int]:
    """Counts by index of a native histogram."""
    deltas = varints(histogram[13][0])
    found, index, count = {}, 0, 0
    for run in map(fields, histogram.get(12, [])):
        index += signed(run[1][0])
        for _ in range(run[2][0]):
            count += signed(next(deltas))
            found[index] = count
            index += 1
    assert list(deltas) == []
    return found


def test_protobuf_has_each_bin_of_a_histogram(store: Path, scrape: Scrape) -> None:
    answer = scrape(PROTOBUF)
    assert answer.content_type == CONTENT_TYPES["protobuf"]
    found = {one[1][0].decode(): one for one in messages(answer.body)}
    with closing(StoreReader.open(store)) as reader:
        families = families_of(reader, NOW + 10)
    assert len(found) == len(families)
    for family in (family for family in families if family.kind == "histogram"):
        metrics = found[f"{family.name.replace('.', '_')}_seconds"][4]
        for (labels, value, _), metric in zip(family.samples, map(fields, metrics), strict=True):
            assert [(fields(one)[1][0].decode(), fields(one)[2][0].decode()) for one in metric[1]] == list(labels)
            histogram = fields(metric[7][0])
            assert (histogram[1][0], histogram[2][0], signed(histogram[5][0])) == (value.count, value.sum, 5)
            assert (histogram[6][0], histogram[7][0]) == (BOUNDS[0], value.bins.get(0, 0))
            assert native_bins(histogram) == {
                number + FIRST_POWER: count for number, count in value.bins.items() if number
            }


def test_all_formats_tell_the_same_numbers(scrape: Scrape) -> None:
    found = {}
    for one in messages(scrape(PROTOBUF).body):
        for metric in map(fields, one[4]):
            for number in metric.keys() & {2, 3}:
                labels = frozenset(fields(label)[2][0].decode() for label in metric.get(1, []))
                found[one[1][0].decode(), labels] = fields(metric[number][0])[1][0]
    text = values(scrape().body.decode())
    assert len(found) > 20
    assert found == {key: text[key] for key in found}


# ---- Negotiation


@pytest.mark.parametrize(
    ("accept", "expected"),
    [
        ("", "text"),
        ("*/*", "text"),
        ("text/html,application/xhtml+xml,*/*;q=0.8", "text"),
        ("text/plain;version=0.0.4;q=0.5", "text"),
        ("application/openmetrics-text;version=1.0.0,text/plain;version=0.0.4;q=0.5,*/*;q=0.1", "openmetrics"),
        (f"{PROTOBUF};q=0.8,application/openmetrics-text;version=1.0.0;q=0.7,text/plain;q=0.5", "protobuf"),
        (f"{PROTOBUF};q=0.3,application/openmetrics-text;version=1.0.0;q=0.7", "openmetrics"),
        (f"{PROTOBUF};q=0,text/plain;q=0.1", "text"),
        ("application/vnd.google.protobuf;proto=some.other.Message;encoding=delimited", "text"),
        ("application/openmetrics-text;q=nonsense;;,", "text"),
    ],
)
def test_the_client_says_which_format_it_prefers(accept: str, expected: str) -> None:
    assert asked_for(accept) == expected


# ---- Access


def test_without_a_token_it_answers_on_loopback_names_only(scrape: Scrape) -> None:
    assert scrape(host="evil.example").status == 421
    assert scrape(method="POST").status == 405
    assert scrape(path="/other").status == 404


@pytest.mark.parametrize("accept", ["", PROTOBUF])
def test_a_head_has_the_length_of_what_a_get_gives(scrape: Scrape, accept: str) -> None:
    head, whole = scrape(accept, method="HEAD"), scrape(accept)
    assert (head.status, head.body) == (200, b"")
    assert head.headers == whole.headers
    assert dict(head.headers)["content-length"] == str(len(whole.body)) != "0"


def test_with_a_token_it_asks_for_it(store: Path) -> None:
    with closing(MetricsEndpoint(store, TOKEN)) as endpoint:
        refused = endpoint.respond(Request("GET", "/", host="metrics.example"))
        assert (refused.status, dict(refused.headers)["www-authenticate"]) == (401, "Bearer")
        assert endpoint.respond(Request("GET", "/", authorization=f"Bearer {TOKEN}")).status == 200
        assert endpoint.respond(Request("GET", "/", authorization=f"Bearer {TOKEN}x")).status == 401


def test_a_store_that_cannot_be_read_is_named(tmp_path: Path) -> None:
    with closing(MetricsEndpoint(tmp_path / "none.db")) as endpoint:
        answer = endpoint.respond(Request("GET", "/", host="localhost"))
    assert (answer.status, str(tmp_path) in answer.body.decode()) == (503, True)


def test_at_least_one_name_is_told_apart(store: Path) -> None:
    with pytest.raises(ValueError, match="max_names is 0"):
        MetricsEndpoint(store, max_names=0)
    with closing(MetricsEndpoint(store, max_names=1, clock=lambda: NOW)) as endpoint:
        found = values(endpoint.respond(Request("GET", "/", host="localhost")).body.decode())
    counts = {key: value for key, value in found.items() if key[0] == "weighbridge_transaction_duration_seconds_count"}
    assert sum(counts.values()) == 13
    assert sum("<other>" not in labels for _, labels in counts) == 1


# ---- Applications


def test_it_is_mounted_into_asgi_and_not_measured(store: Path) -> None:
    shop = ASGITransactionMiddleware(Starlette(routes=[Mount("/metrics", asgi_application(store))]))
    with capture_transactions() as captured, served(shop) as url, httpx.Client(trust_env=False) as client:
        answer = client.get(f"{url}/metrics", follow_redirects=True)
        assert "weighbridge_transactions_total" in answer.text
        assert answer.headers["content-encoding"] == "gzip"
    assert [one.name for one in captured if one.status == 200] == []


def test_a_head_is_answered_with_a_length(store: Path) -> None:
    with served(asgi_application(store)) as url, httpx.Client(trust_env=False) as client:
        plain = {"accept-encoding": "identity"}
        head, whole = client.head(url, headers=plain), client.get(url, headers=plain)
        assert head.content == b""
        assert int(head.headers["content-length"]) > 1000
        assert abs(int(head.headers["content-length"]) - len(whole.content)) < 100, "more than the time has changed"


@pytest.mark.parametrize("method", ["GET", "HEAD"])
def test_it_is_mounted_into_wsgi(store: Path, method: str) -> None:
    environ: dict[str, Any] = {"HTTP_ACCEPT": PROTOBUF, "HTTP_HOST": "localhost", "SCRIPT_NAME": "/metrics"}
    environ["REQUEST_METHOD"] = method
    environ |= {"PATH_INFO": "", "QUERY_STRING": ""}
    setup_testing_defaults(environ)
    told: list[Any] = []
    body = validator(wsgi_application(store))(environ, lambda *arguments: told.extend(arguments))
    with closing(body):  # type: ignore[arg-type]
        sent = b"".join(body)
    assert (b"weighbridge_transactions_total" in sent) == (method == "GET")
    assert (told[0], dict(told[1])["content-type"]) == ("200 OK", CONTENT_TYPES["protobuf"])
    assert int(dict(told[1])["content-length"]) > 1000


def test_serve_has_it_with_a_token_of_its_own(store: Path, tmp_path: Path) -> None:
    page, metrics = tmp_path / "page", tmp_path / "metrics"
    page.write_text(f"{TOKEN}\n")
    metrics.write_text("another token of its own")
    arguments = ["--store", store, "--token-file", page, "--metrics-token-file", metrics, "--metrics-names", 1]
    with running("serve", *arguments, log=tmp_path / "log") as client:
        for token, expected in ((TOKEN, (200, 401)), ("another token of its own", (401, 200))):
            headers = {"authorization": f"Bearer {token}"}
            answers = [client.get(path, headers=headers) for path in ("/api/applications", "/metrics")]
            assert tuple(one.status_code for one in answers) == expected
        assert 'name="<other>"' in answers[1].text


def test_serve_gives_the_token_of_the_page_to_both(store: Path, tmp_path: Path) -> None:
    file = tmp_path / "token"
    file.write_text(TOKEN)
    with running("serve", "--store", store, "--token-file", file, log=tmp_path / "log") as client:
        assert client.get("/metrics").status_code == 401
        assert client.get("/metrics", headers={"authorization": f"Bearer {TOKEN}"}).status_code == 200


@pytest.mark.parametrize("option", ["--token-file", "--metrics-token-file"])
@pytest.mark.parametrize(
    ("written", "says"),
    [
        (b"short", ": the token must have at least 16 characters"),
        (b"", ": the token must have at least 16 characters"),
        (b"\xef\xbb\xbf" + TOKEN.encode(), ": the token begins with a byte order mark: write it without one"),
        (f"{TOKEN}\n{TOKEN}\n".encode(), ": the token must be one line; there are 2"),
        ("ein Schl\u00fcssel f\u00fcr alle Tage".encode(), ": the token must have printable ASCII characters only"),
        (b"a token with a\tstop in the middle", ": the token must have printable ASCII characters only"),
        (TOKEN.encode("utf-16"), " cannot be read: "),
    ],
)
def test_a_bad_token_file_is_named(store: Path, tmp_path: Path, option: str, written: bytes, says: str) -> None:
    file = tmp_path / "token"
    file.write_bytes(written)
    result = CliRunner().invoke(weighbridge, ["serve", option, str(file), "--port", "0", "--store", str(store)])
    assert (result.exit_code, f"{option} {file}{says}" in result.output) == (2, True), result.output
    assert TOKEN not in result.output


def test_a_bad_token_of_an_application_is_refused(store: Path) -> None:
    with pytest.raises(ValueError, match="printable ASCII"):
        asgi_application(store, token=f"\u00fc{TOKEN}")
