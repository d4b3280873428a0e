"""No message, log line or output about settings shows a password."""

from __future__ import annotations

import pickle
from pathlib import Path
from urllib.parse import quote

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from weighbridge.transactions import configuration
from weighbridge.transactions.configuration.loading import load
from weighbridge.transactions.configuration.records import Origin, Problem, Unused
from weighbridge.transactions.configuration.redaction import redacted
from weighbridge.transactions.configuration.settings import SETTINGS

SECRET = "s3cret"

URLS = [
    "postgresql://shop:s3cret@db/shop",
    "redis://:s3cret@db:6379/0",
    "https://s3cret@db/shop",
    "jdbc:postgresql://shop:s3cret@db",
    "postgresql://shop:a@s3cret@db/shop",
    "postgresql://shop:a/b?s3cret#c@db/shop",
    "postgresql://shop:a s3cret b@db/shop",
    "postgresql://shop:a\ns3cret@db/shop",
    "postgresql://shop:s3cret@",
    "postgresql:///shop:s3cret@db",
    "postgresql:/shop:s3cret@db/shop",
    "postgresql:shop:s3cret@db/shop",
    "postgresql//shop:s3cret@db/shop",
    "postgresql;//shop:s3cret@db/shop",
    "postgresql:\\\\shop:s3cret@db/shop",
    "://shop:s3cret@db/shop",
    "//shop:s3cret@db/shop",
    "shop:s3cret@db/shop",
    "postgresql:shop:s3cret",
    "postgresql:shop:s3cret/shop",
    "postgresql://shop:s3cret",
    "postgresql://shop:s3cret/shop",
    "postgresql://db/shop?user=shop&password=s3cret",
    "postgresql://db/shop?sslpassword=s3cret",
    "host=db user=shop password=s3cret",
    "host=db user=shop password='my s3cret'",
    "sqlserver://db;user=shop;Password=s3cret",
    "xyz://one:s3cret@a, xyz://two:s3cret@b",
    "{'password': 's3cret'}",
]

WRITTEN = [
    *URLS,
    *map(repr, URLS),
    *(quote(url, safe="") for url in URLS),
    *(quote(url) for url in URLS),
    *(quote(quote(url, safe=""), safe="") for url in URLS),
    *(f"somebody wrote {url} here" for url in URLS),
]


@pytest.mark.parametrize("text", WRITTEN)
def test_a_password_is_hidden(text: str) -> None:
    assert SECRET not in redacted(text)


@pytest.mark.parametrize(
    "text",
    [
        "/var/lib/shop.db",
        "C:\\shop\\shop.db",
        "C:\\Users\\me@corp\\shop.db",
        "/home/me@corp/shop.db",
        "http://localhost:8610/apm",
        "http://[::1]:8610/apm",
        "postgresql://db:5432/shop",
        "denied_params = ['password', 'token'] is not valid; it must be names",
        "environment variable NEW_RELIC_SECURITY_POLICIES_TOKEN: there is no setting of that name",
        "50% of all 12:30 trains",
        "shop.jobs:Class.run",
        "team:shop:production",
        "shop.py:10:5: a",
        "2026-01-31T08:00:00",
        "shop.ini [newrelic:production], line 3: there is no setting a:b; did you mean b?",
    ],
)
def test_what_is_none_is_shown_as_it_is(text: str) -> None:
    assert redacted(text) == text


def test_of_what_cannot_be_searched_nothing_is_shown() -> None:
    assert redacted("postgresql://shop:s3cret" + "x" * 10_000) == "<10024 characters>"


_USER = st.text("abcdefgh", min_size=1)
_PASSWORD = st.text(st.characters(exclude_categories=["Cs"]), min_size=3)


@given(scheme=st.sampled_from(["postgresql", "xyz"]), user=_USER, password=_PASSWORD, encoded=st.integers(0, 3))
@example(scheme="xyz", user="a", password="@@@", encoded=3)
def test_any_password_is_hidden(scheme: str, user: str, password: str, encoded: int) -> None:
    url = f"{scheme}://{user}:{password}@db/shop"
    for _ in range(encoded):
        url = quote(url, safe="")
    assert redacted(url) == f"{scheme}://***@db/shop"


@pytest.mark.parametrize("url", URLS)
@pytest.mark.parametrize("name", SETTINGS)
def test_no_setting_shows_it(name: str, url: str) -> None:
    found = load(environ={f"WEIGHBRIDGE_{name.upper()}": url, f"NEW_RELIC_{name.upper()}": url})
    assert SECRET not in repr((found.problems, found.unused, found.origins, found.settings))


@pytest.mark.parametrize("url", URLS)
def test_no_name_shows_it(url: str) -> None:
    environ = {f"WEIGHBRIDGE_{url}": "1", f"NEW_RELIC_{url}": "1", f"weighbridge_{url}": "1"}
    found = load(url, url, environ)
    assert len(found.problems) >= 3
    assert SECRET not in repr((found.problems, found.unused))


@pytest.mark.parametrize(
    "text",
    [
        '[weighbridge]\nstore = "{}\n',
        '[weighbridge]\n"{}" = 1\n"{}" = 2\n',
        '[weighbridge]\nstore = {{url = "{}"}}\napp_name = ["{}"]\n',
        '[weighbridge."{}"]\nx = 1\n[weighbridge.applications."{}"]\napdex_t = "{}"\n',
        '["{}"]\nx = 1\n',
        "{}\n",
        "[{}]\nx = 1\n",
        "[weighbridge]\n{}\n",
        "[weighbridge]\nstore {}\n",
        "[weighbridge]\nstore = {}\nstore = {}\n",
        "[weighbridge]\n{} = 1\n{} = 1\n",
        "[newrelic]\n[newrelic:{}]\n",
    ],
)
@pytest.mark.parametrize("kind", ["toml", "ini"])
def test_no_file_shows_it(tmp_path: Path, kind: str, text: str) -> None:
    (tmp_path / f"settings.{kind}").write_text(text.replace("{}", URLS[0]).replace("{{", "{").replace("}}", "}"))
    found = load(tmp_path / f"settings.{kind}", "production")
    assert found.problems
    assert SECRET not in repr((found.problems, found.unused, found.origins, found.settings))


def test_what_is_cut_off_does_not_uncover_it() -> None:
    for url in ("postgresql://shop:s3cret{}@db", "shop:s3cret{}@db", "//s3cret{}@db"):
        (problem,) = load(arguments={"apdex_t": url.format("x" * 200)}).problems
        assert SECRET not in str(problem)


def test_no_log_line_shows_it(caplog: pytest.LogCaptureFixture) -> None:
    configuration.use(load(environ={"WEIGHBRIDGE_STORE": f"xyz:{URLS[0]}", "WEIGHBRIDGE_CONFIG_FILE": URLS[1]}))
    assert len(caplog.messages) == 2
    assert SECRET not in caplog.text
    assert SECRET not in repr(configuration.current())


def test_nothing_that_is_shown_obeys_a_terminal() -> None:
    found = load("\x1b[2Jnowhere.ini", environ={"WEIGHBRIDGE_\x1b[2J": "1"})
    assert len(found.problems) == 2
    assert all(r"\x1b[2J" in str(problem) and "\x1b" not in str(problem) for problem in found.problems)


def test_they_are_records_like_any_other() -> None:
    for record in (Problem("place", "message", "setting"), Origin("file", "place"), Unused("setting", "place")):
        assert pickle.loads(pickle.dumps(record)) == record
