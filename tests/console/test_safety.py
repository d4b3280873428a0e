"""Hostile names, hosts, parameters and visitors; and nothing is ever written."""

from __future__ import annotations

import csv
import hashlib
import hmac
import io
import json
import os
from html import escape
from html.parser import HTMLParser
from pathlib import Path
from urllib.parse import urlencode

import pytest

from tests.console.conftest import NOW, PAYLOAD, Ask, Call, asking, write
from weighbridge.console import Console
from weighbridge.reporting.first_steps import FIRST_STEPS
from weighbridge.transactions.recording.snapshot import RunningTransaction, Series

PAGES = ("summary", "transactions", "transaction", "sample", "samples", "errors", "applications", "running")
HOSTILE = Series(f"app{PAYLOAD}", "web", f"group{PAYLOAD}", f"=cmd|' /C calc'!A0 {PAYLOAD}")
OWN_SCRIPTS = {"figures.js", "morph.js", "scatter.js", "charts.js", "theme.js", "uplot.js", "page.js"}
TOKEN = "a token of more than sixteen signs"


@pytest.fixture
def hostile(tmp_path: Path) -> Ask:
    path = tmp_path / "hostile.db"
    call = Call(HOSTILE, 0.7, True, error=f"Error{PAYLOAD}", attributes={f"key{PAYLOAD}": PAYLOAD})
    write(path, [call], [RunningTransaction(HOSTILE, NOW - 10)])
    return asking(Console(path, clock=lambda: NOW))


def query(**more: object) -> str:
    told = {"app": HOSTILE.application, "group": HOSTILE.group, "name": HOSTILE.name, "sample": 1, "search": "", **more}
    return urlencode(told)


class Elements(HTMLParser):
    """Every element and attribute of a page."""

    def __init__(self, page: bytes) -> None:
        super().__init__()
        self.found: list[tuple[str, dict[str, str | None]]] = []
        self.text = ""
        self.feed(page.decode())

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.found.append((tag, dict(attrs)))

    def handle_data(self, data: str) -> None:
        self.text += data


@pytest.mark.parametrize("page", PAGES)
def test_hostile_text_stays_text(hostile: Ask, page: str) -> None:
    answer = hostile(f"/{page}?{query()}")
    assert answer.status == 200
    elements = Elements(answer.body)
    assert PAYLOAD in elements.text  # written as it is, nothing in it computed
    scripts = [attributes["src"] or "" for tag, attributes in elements.found if tag == "script"]
    assert {source.rpartition("/")[2].partition("?")[0] for source in scripts} == OWN_SCRIPTS
    for _, attributes in elements.found:
        assert not any(name.startswith("on") or name == "style" for name in attributes)
    assert not [attributes for tag, attributes in elements.found if tag == "img" and attributes["src"] == "x"]


@pytest.mark.parametrize("page", PAGES)
def test_hostile_text_is_whole_in_json(hostile: Ask, page: str) -> None:
    answer = hostile(f"/api/{page}?{query()}")
    assert answer.content_type == "application/json; charset=utf-8"
    assert PAYLOAD in json.dumps(json.loads(answer.body), ensure_ascii=False).replace('\\"', '"')


CONTROLS = "[b]\x1b]0;owned\x07\x9b2J\u202eevil  two blanks"
CONTROLS_SHOWN = r"[b]\x1b]0;owned\x07\x9b2J\u202eevil  two blanks"


@pytest.fixture
def controls(tmp_path: Path) -> Ask:
    series = Series(f"app {CONTROLS}", "web", f"group {CONTROLS}", f"name {CONTROLS}")
    call = Call(series, 0.7, True, error=CONTROLS, attributes={f"key {CONTROLS}": CONTROLS})
    write(tmp_path / "controls.db", [call], [RunningTransaction(series, NOW - 10)])
    return asking(Console(tmp_path / "controls.db", clock=lambda: NOW))


@pytest.mark.parametrize("page", PAGES)
def test_control_characters_can_be_seen_and_do_nothing(controls: Ask, page: str) -> None:
    parameters = {"app": f"app {CONTROLS}", "group": f"group {CONTROLS}", "name": f"name {CONTROLS}", "sample": 1}
    answer = controls(f"/{page}?{urlencode(parameters)}")
    elements = Elements(answer.body)
    assert CONTROLS_SHOWN in elements.text
    assert not [sign for sign in elements.text if sign in CONTROLS and not sign.isprintable()]
    for tag, attributes in elements.found:
        for name, value in attributes.items():
            if value and not value.isprintable():  # what a form gives back has to be the name itself
                assert (tag, name) in {("input", "value"), ("option", "value")}
                assert CONTROLS in value


def test_an_application_of_a_strange_name_can_be_chosen(controls: Ask) -> None:
    found = Elements(controls("/transactions").body).found
    (value,) = (attributes["value"] for tag, attributes in found if tag == "option" and "app" in str(attributes))
    assert value == f"app {CONTROLS}"
    assert controls(f"/summary?{urlencode({'app': value})}").status == 200


@pytest.mark.parametrize("start", ["=", "+", "-", "@", "\t=", "\r=", " =", "|", "%"])
def test_no_cell_of_the_csv_is_a_formula_whatever_it_starts_with(tmp_path: Path, start: str) -> None:
    text = f"{start}1+1"
    series = Series(text, "web", text, text)
    write(tmp_path / "hostile.db", [Call(series, 0.1)])
    ask = asking(Console(tmp_path / "hostile.db", clock=lambda: NOW))
    (row,) = csv.DictReader(io.StringIO(ask(f"/transactions.csv?{urlencode({'app': text})}").body.decode()))
    assert [row[field][0] for field in ("application", "group", "name")] == ["'"] * 3


def test_no_cell_of_the_csv_is_a_formula(hostile: Ask) -> None:
    (row,) = csv.DictReader(io.StringIO(hostile(f"/transactions.csv?{query(group='', name='')}").body.decode()))
    assert row["name"].startswith("'=cmd")


def test_hostile_searches_and_addresses_stay_text(hostile: Ask) -> None:
    for address in (f"/transactions?{query(search=PAYLOAD)}", f"/summary?{urlencode({'app': PAYLOAD})}", f"/{PAYLOAD}"):
        for tag, attributes in Elements(hostile(address).body).found:
            assert not any(name.startswith("on") for name in attributes), tag


@pytest.mark.parametrize(
    ("parameters", "name"),
    [
        ("range=2y", "range"),
        ("kind=cron", "kind"),
        ("sort=colour", "sort"),
        ("t=0", "t"),
        ("t=nan", "t"),
        ("t=soon", "t"),
        ("since=yesterday", "since"),
        ("since=inf", "since"),
        ("since=-5", "since"),
        ("since=200&until=100", "since"),
        ("until=100", "until"),
        ("since=0&until=1000000000", "since"),
        ("compare=year", "compare"),
        ("refresh=0", "refresh"),
        ("refresh=off", "refresh"),
        ("paused=maybe", "paused"),
        ("sample=0", "sample"),
        ("sample=-1", "sample"),
        ("sample=first", "sample"),
        ("sample=" + "9" * 30, "sample"),
        ("range=30m&range=1h", "range"),
        ("colour=red", "colour"),
        ("app=" + "x" * 1001, "app"),
    ],
)
def test_what_is_not_valid_is_named(ask: Ask, parameters: str, name: str) -> None:
    answer = ask(f"/api/summary?{parameters}")
    assert (answer.status, json.loads(answer.body)["parameter"]) == (400, name)
    page = ask(f"/summary?{parameters}")
    assert page.status == 400
    assert f"parameter &#39;{name}&#39;".encode() in page.body


def test_a_transaction_needs_its_name(ask: Ask) -> None:
    answer = ask("/api/transaction?app=shop")
    assert (answer.status, json.loads(answer.body)["parameter"]) == (400, "group")


DATA = [f"/api/{page}" for page in PAGES]
NAVIGATED = [f"/{page}" for page in PAGES] + ["/", "/transactions.csv", "/samples.csv"]


@pytest.mark.parametrize("path", DATA + NAVIGATED)
@pytest.mark.parametrize("kind", ["web", "background"])
def test_an_application_that_does_not_exist_is_not_found(ask: Ask, store: Path, path: str, kind: str) -> None:
    answer = ask(f"{path}?app=Shoop&kind={kind}&group=Route&name=GET+/search&sample=1")
    assert answer.status == 404
    message = f"there is no application 'Shoop' in {store}; there are: shop"
    if path in DATA:
        assert json.loads(answer.body) == {"error": f"{message}."}
    else:
        elements = Elements(answer.body)
        assert message in elements.text
        assert "/summary?app=shop" in [attributes.get("href") for _, attributes in elements.found]


@pytest.mark.parametrize("path", ["/transaction", "/sample", "/api/transaction", "/api/sample"])
@pytest.mark.parametrize(
    ("kind", "group", "name", "shown"),
    [("web", "Route", "GET /serch", "web transaction 'Route/GET /serch'"),
     ("background", "Route", "GET /search", "non-web transaction 'Route/GET /search'"),
     ("web", "Uri", "/search", "web transaction 'Uri/search'")],
)  # fmt: skip
def test_a_transaction_that_does_not_exist_is_not_found(
    ask: Ask, path: str, kind: str, group: str, name: str, shown: str
) -> None:
    parameters = {"app": "shop", "kind": kind, "group": group, "name": name, "sample": 1}
    answer = ask(f"{path}?{urlencode(parameters)}")
    assert answer.status == 404
    message = f"there is no {shown} of the application 'shop'"
    assert message in (json.loads(answer.body)["error"] if "/api/" in path else Elements(answer.body).text)


def test_an_application_without_calls_in_this_time_is_found(ask: Ask) -> None:
    for parameters in ("kind=background&range=30m&since=1000&until=2000", f"since={NOW - 90000}&until={NOW - 86400}"):
        for page in ("summary", "transactions", "errors", "applications", "running"):
            assert ask(f"/{page}?app=shop&{parameters}").status == 200
            told = ask(f"/api/{page}?app=shop&{parameters}")
            assert told.status == 200
        assert json.loads(ask(f"/api/summary?app=shop&{parameters}").body)["figures"]["calls"] == 0


def test_one_of_which_only_an_open_transaction_is_known_is_found(tmp_path: Path) -> None:
    path = tmp_path / "open.db"
    write(path, [], [RunningTransaction(Series("loop", "background", "Function", "watch"), NOW - 10)])
    ask = asking(Console(path, clock=lambda: NOW))
    assert ask("/summary?app=loop&kind=background").status == 200
    assert ask("/transaction?app=loop&kind=background&group=Function&name=watch").status == 200
    assert ask("/running?app=loop").status == 200


@pytest.mark.parametrize("address", ["/", "/summary", "/nowhere", "/static/page.js", "/api/summary?range=x"])
def test_every_answer_forbids_what_it_can(ask: Ask, address: str) -> None:
    headers = dict(ask(address).headers)
    policy = headers["content-security-policy"]
    assert "default-src 'none'" in policy
    assert "unsafe" not in policy
    assert "frame-ancestors 'none'" in policy
    assert (headers["x-content-type-options"], headers["x-frame-options"]) == ("nosniff", "DENY")


@pytest.mark.parametrize("path", ["../views.py", "..%2fviews.py", "/etc/passwd", "", ".", "nothing.js"])
def test_only_static_files_are_served(ask: Ask, path: str) -> None:
    assert ask(f"/static/{path}").status == 404


@pytest.mark.parametrize("host", ["evil.example", "", "localhost.evil.example", "127.0.0.1.evil.example:80"])
def test_another_host_is_turned_away(ask: Ask, host: str) -> None:
    for address in ("/summary", "/api/summary", "/static/page.js", "/login"):
        assert ask(address, host=host).status == 421


@pytest.mark.parametrize("host", ["localhost", "127.0.0.1:8610", "[::1]:8610", "LOCALHOST.:80"])
def test_this_machine_is_answered(ask: Ask, host: str) -> None:
    assert ask("/summary", host=host).status == 200


@pytest.mark.parametrize("method", ["POST", "PUT", "DELETE", "PATCH", "OPTIONS"])
def test_nothing_but_reading_is_answered(ask: Ask, store: Path, method: str) -> None:
    assert ask("/summary", method).status == 405


def test_no_request_changes_the_store(ask: Ask, store: Path) -> None:
    before = hashlib.sha256(store.read_bytes()).digest()
    for page in PAGES:
        ask(f"/{page}?app=shop&group=Route&name=GET+/search")
    assert hashlib.sha256(store.read_bytes()).digest() == before


@pytest.mark.skipif(not Path("/proc/self/fdinfo").exists(), reason="tells how files are open")
def test_the_store_is_opened_for_reading_only(ask: Ask, store: Path) -> None:
    ask("/summary?app=shop")
    opened = [link for link in Path("/proc/self/fd").iterdir() if link.exists() and link.resolve() == store.resolve()]
    flags = [Path(f"/proc/self/fdinfo/{link.name}").read_text().split("flags:")[1].split()[0] for link in opened]
    assert {int(flag, 8) & os.O_ACCMODE for flag in flags} == {os.O_RDONLY}


def test_a_head_has_no_body(ask: Ask) -> None:
    assert (ask("/summary", "HEAD").status, ask("/summary", "HEAD").body) == (200, b"")


def test_a_missing_store_is_explained_and_picked_up_later(tmp_path: Path) -> None:
    path = tmp_path / "later.db"
    ask = asking(Console(path, clock=lambda: NOW))
    for address in ("/", "/summary", "/summary?app=shop", "/running"):
        answer = ask(address)
        assert answer.status == 503
        text = Elements(answer.body).text
        assert "Nothing has been recorded yet" in text
        for told in (str(path), "weighbridge demo --keep", *(line for step in FIRST_STEPS for line in step.lines)):
            assert told in text
        assert b"data-waiting" in answer.body
    error = json.loads(ask("/api/summary").body)["error"]
    assert error.startswith("Nothing has been recorded yet: ")
    assert str(path) in error
    write(path, [Call(Series("shop", "web", "Route", "GET /"), 0.1)])
    assert ask("/summary").status == 200


class TestToken:
    @pytest.fixture
    def ask(self, store: Path) -> Ask:
        return asking(Console(store, TOKEN, clock=lambda: NOW))

    def login(
        self, ask: Ask, token: str, page: str = "summary?app=shop", secure: bool = False
    ) -> tuple[int, dict[str, str]]:
        body = urlencode({"token": token, "page": page}).encode()
        answer = ask("/login", "POST", body=body, secure=secure)
        return answer.status, dict(answer.headers)

    @pytest.mark.parametrize("address", ["/", "/summary", "/api/summary", "/transactions.csv", "/api", "/nowhere"])
    def test_without_it_nothing_is_told(self, ask: Ask, address: str) -> None:
        answer = ask(address, cookie="weighbridge=wrong; other=1")
        assert answer.status == 401
        assert b"GET /search" not in answer.body

    @pytest.mark.parametrize("given", ["", TOKEN[:-1], TOKEN + "x", "\ud800"])
    def test_another_one_is_refused(self, ask: Ask, given: str) -> None:
        assert ask("/api/summary", authorization=f"Bearer {given}").status == 401

    def test_who_mistypes_it_is_still_led_to_what_was_asked_for(self, ask: Ask) -> None:
        asked = 'summary?app=a&name="<b>'
        body = urlencode({"token": "wrong", "page": asked}).encode()
        form = ask("/login", "POST", body=body).body.decode()
        assert f'name="page" value="{escape(asked).replace("&quot;", "&#34;")}"' in form

    def test_it_is_taken_as_a_header(self, ask: Ask) -> None:
        assert ask("/api/summary", authorization=f"Bearer {TOKEN}").status == 200

    def test_it_is_compared_in_constant_time_wherever_it_comes_from(
        self, ask: Ask, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        compared: list[object] = []

        def compare(one: bytes, other: bytes) -> bool:
            compared.append(one)
            return one == other

        monkeypatch.setattr(hmac, "compare_digest", compare)
        ask("/summary", authorization=f"Bearer {TOKEN}x")
        ask("/summary", cookie="weighbridge=abc")
        self.login(ask, "guess")
        assert compared == [f"{TOKEN}x".encode(), b"abc", b"guess"]

    def test_it_is_exchanged_for_a_cookie(self, ask: Ask) -> None:
        status, headers = self.login(ask, TOKEN)
        assert (status, headers["location"]) == (303, "/summary?app=shop")
        cookie, *flags = headers["set-cookie"].split("; ")
        assert TOKEN not in cookie
        assert {"HttpOnly", "SameSite=Strict"} <= set(flags)
        assert ask("/summary", cookie=cookie).status == 200

    def test_the_cookie_stays_on_https(self, ask: Ask) -> None:
        assert self.login(ask, TOKEN, secure=True)[1]["set-cookie"].endswith("; Secure")

    def test_a_wrong_one_gives_none(self, ask: Ask) -> None:
        status, headers = self.login(ask, "wrong")
        assert (status, "set-cookie" in headers) == (401, False)

    @pytest.mark.parametrize("page", ["//evil.example", "\\\\evil.example", "https://evil.example", "/\r\nx: y"])
    def test_the_way_back_leads_nowhere_else(self, ask: Ask, page: str) -> None:
        location = self.login(ask, TOKEN, page)[1]["location"]
        assert location.startswith("/")
        assert not location.startswith("//")
        assert not {"\\", "\r", "\n"} & set(location)

    def test_a_short_one_is_refused_at_once(self, store: Path) -> None:
        with pytest.raises(ValueError, match="16"):
            Console(store, "short")
