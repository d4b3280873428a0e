"""`[[weighbridge.alerts]]`: what is read, and what is said of whatever is wrong."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner

from weighbridge.cli.commands import weighbridge
from weighbridge.transactions.configuration.alerts import Alert
from weighbridge.transactions.configuration.limits import Limit
from weighbridge.transactions.configuration.loading import Configuration, load

SECRET = "https://hooks.example.com/services/T0/B0/s3cr3t"


@pytest.fixture
def read(tmp_path: Path) -> Any:
    def of(*tables: str) -> Configuration:
        file = tmp_path / "weighbridge.toml"
        file.write_text("[weighbridge]\n" + "".join(f"[[weighbridge.alerts]]\n{table}\n" for table in tables))
        return load(file)

    return of


def test_all_keys(read: Any, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.chdir(tmp_path)
    found = read(
        'name = "slow"\napplication = "shop"\ntransaction = "WebTransaction/Route/GET /"\np95 = "800ms,2s"\n'
        f'since = "10m"\nfor = "2m"\nmin_calls = 5\nwebhook = "{SECRET}"\nformat = "slack"\n'
        'webhook_token_file = "token"',
        'name = "scores"\ntype = "web"\napdex = 0.85',
    )
    assert found.problems == ()
    assert found.settings.alerts == (
        Alert(
            "slow", Limit("p95", 0.8, 2.0), "shop", "WebTransaction/Route/GET /", None, 600.0, 120.0, 5, SECRET,
            "slack", str(tmp_path / "token"),
        ),
        Alert("scores", Limit("apdex", None, 0.85), kind="web"),
    )  # fmt: skip


@pytest.mark.parametrize(
    ("table", "words"),
    [
        ("p95 = '1s'", ("alert 1", "no name")),
        ("name = ''\np95 = '1s'", ("name = ''",)),
        ("name = 'a'", ("alert 1, 'a'", "no limit", "error_rate, p95")),
        ("name = 'a'\np95 = '1s'\napdex = 0.8", ("2 limits (p95, apdex)",)),
        ("name = 'a'\np95 = '800'", ("p95 = '800'", "no unit", "800ms")),
        ("name = 'a'\np95 = 0.8", ("p95 = '0.8'", "no unit")),
        ("name = 'a'\nerror_rate = '5%,2%'", ("'5%,2%'", "must not be above")),
        ("name = 'a'\napdex = true", ("apdex = True",)),
        ("name = 'a'\nerror_rat = '5%'", ("error_rat", "did you mean error_rate?")),
        ("name = 'a'\np95 = '1s'\ncolour = 'red'", ("'colour'", "valid are name, application")),
        ("name = 'a'\np95 = '1s'\nsince = '5'", ("since = '5'", "length of time")),
        ("name = 'a'\np95 = '1s'\nfor = 5", ("for = 5", "text")),
        ("name = 'a'\np95 = '1s'\nmin_calls = -1", ("min_calls = -1", "whole number")),
        ("name = 'a'\np95 = '1s'\ntype = 'cron'", ("type = 'cron'", "web or background")),
        ("name = 'a'\np95 = '1s'\ntransaction = 'GET /'", ("transaction = 'GET /'", "WebTransaction/")),
        ("name = 'a'\np95 = '1s'\nwebhook = 'ftp://host/s3cr3t'", ("webhook = ...", "https://")),
        ("name = 'a'\np95 = '1s'\nwebhook = 'https://u:s3cr3t@host/'", ("webhook_token_file",)),
        ("name = 'a'\np95 = '1s'\nwebhook = 'https://host/s3cr3t path'", ("percent-encoded",)),
        ("name = 'a'\np95 = '1s'\nwebhook = 'https://host:port/s3cr3t'", ("webhook = ... is no URL",)),
        ("name = 'a'\np95 = '1s'\nformat = 'slack'", ("format needs a webhook",)),
        (f"name = 'a'\np95 = '1s'\nwebhook = '{SECRET}'\nformat = 'xml'", ("'xml'", "json, slack, alertmanager")),
    ],
)
def test_what_is_wrong_is_named_with_its_place(read: Any, table: str, words: tuple[str, ...]) -> None:
    found = read(table)
    (problem,) = found.problems
    assert found.settings.alerts == ()
    for word in ("weighbridge.toml", "[[weighbridge.alerts]]", *words):
        assert word in str(problem)
    assert "s3cr3t" not in str(problem)


def test_two_of_one_name(read: Any) -> None:
    (problem,) = read("name = 'a'\np95 = '1s'", "name = 'a'\np95 = '2s'").problems
    assert "alert 2, 'a': another one has the same name" in str(problem)


def test_elsewhere_than_in_a_toml_file() -> None:
    (problem,) = load(environ={"WEIGHBRIDGE_ALERTS": SECRET}).problems
    assert "can only be written in a TOML file" in str(problem)
    assert "s3cr3t" not in str(problem)


def test_a_webhook_is_shown_nowhere(read: Any, tmp_path: Path) -> None:
    found = read(f"name = 'errors of the shop'\np95 = '1s'\nwebhook = '{SECRET}'")
    shown = CliRunner(env={"WEIGHBRIDGE_CONFIG_FILE": str(tmp_path / "weighbridge.toml")}).invoke(
        weighbridge, ["config"]
    )
    assert "errors of the shop" in shown.output
    for text in (shown.output, repr(found), repr(found.settings), repr(found.settings.alerts), str(found.entries)):
        assert "s3cr3t" not in text


@pytest.mark.parametrize("command", [["serve", "--port", "0"], ["collect", "--once"]])
def test_a_mistake_ends_what_would_judge(read: Any, tmp_path: Path, command: list[str]) -> None:
    read("name = 'a'\np95 = '800'")
    env = {"WEIGHBRIDGE_CONFIG_FILE": str(tmp_path / "weighbridge.toml"), "WEIGHBRIDGE_STORE": str(tmp_path / "a.db")}
    done = CliRunner(env=env).invoke(weighbridge, command)
    assert done.exit_code == 2
    assert "p95 = '800'" in done.output


@pytest.mark.parametrize(
    ("address", "words"),
    [
        ("https://host/${s3cr3t", ("${ in it without a name",)),
        ("https://host/${}/s3cr3t", ("${ in it without a name",)),
        ("https://${HOST}/s3cr3t", ("not in the host",)),
        ("https://host:${PORT}/s3cr3t", ("is no URL",)),
        ("https://host${PART}", ("not in the host",)),
        ("${SCHEME}://host/s3cr3t", ("https://",)),
        ("https://host/${webhook_token_file}", ("there is no webhook_token_file",)),
        ("${webhook_token_file}", ("https://",)),
    ],
)
def test_names_where_none_may_be(read: Any, address: str, words: tuple[str, ...]) -> None:
    (problem,) = read(f"name = 'a'\np95 = '1s'\nwebhook = '{address}'").problems
    for word in ("[[weighbridge.alerts]]", "webhook = ...", *words):
        assert word in str(problem)
    assert "s3cr3t" not in str(problem)


def test_a_program_needs_no_secrets(read: Any) -> None:
    found = read("name = 'a'\np95 = '1s'\nwebhook = '${NOT_SET_HERE}'")
    assert found.problems == ()


@pytest.mark.parametrize(
    ("address", "value", "words"),
    [
        ("${HOOK}", None, "needs the environment variable HOOK, which is not set"),
        ("https://host/${HOOK}", " ", "needs the environment variable HOOK, which is not set"),
        ("${HOOK}", "s3cr3t", "${HOOK}, an environment variable: ... must begin with https://"),
        ("${HOOK}", "https://u:s3cr3t@host/", "${HOOK}, an environment variable: ... must have no user"),
    ],
)
def test_a_secret_that_is_not_there_ends_what_would_judge(
    read: Any, tmp_path: Path, address: str, value: str | None, words: str
) -> None:
    read(f"name = 'a'\np95 = '1s'\nwebhook = '{address}'")
    env = {"WEIGHBRIDGE_CONFIG_FILE": str(tmp_path / "weighbridge.toml"), "WEIGHBRIDGE_STORE": str(tmp_path / "a.db")}
    done = CliRunner(env={**env, "HOOK": value}).invoke(weighbridge, ["serve", "--port", "0"])
    assert done.exit_code == 2, done.output
    assert f"alert 'a': webhook = {words}" in done.output
    assert "s3cr3t" not in done.output
