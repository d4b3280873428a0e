"""The settings that say what may be kept: in every place, under the agent's names and our own."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from weighbridge.transactions.configuration.agent_settings import is_agent_setting
from weighbridge.transactions.configuration.loading import Configuration, load
from weighbridge.transactions.configuration.settings import DEFAULTS, SETTINGS
from weighbridge.transactions.configuration.values import SWITCH

AGENTS = [
    ("strip_exception_messages.enabled", "true", "strip_exception_messages", True),
    ("strip_exception_messages.allowlist", "a:B c:D", "strip_exception_messages_allowlist", {"a:B", "c:D"}),
    ("high_security", "true", "high_security", True),
    ("attributes.enabled", "false", "attributes_enabled", False),
    ("attributes.include", "request.parameters.* a", "attributes_include", {"request.parameters.*", "a"}),
    ("attributes.exclude", "card.*, Pin", "attributes_exclude", {"card.*", "Pin"}),
    ("error_collector.enabled", "off", "error_collector_enabled", False),
    ("error_collector.ignore_status_codes", "418 500-502 !404", "ignore_status_codes",
     (DEFAULTS.ignore_status_codes | {418, 500, 501, 502}) - {404}),
    ("error_collector.expected_status_codes", "418", "expected_status_codes", {418}),
    ("transaction_tracer.attributes.exclude", "card.*", "attributes_exclude", {"card.*"}),
    ("transaction_events.attributes.include", "card.*", "attributes_include", {"card.*"}),
    ("error_collector.attributes.enabled", "no", "attributes_enabled", False),
]  # fmt: skip

PLACES = [
    "newrelic.ini",
    "weighbridge.ini",
    "pyproject.toml",
    "dotted.toml",
    "weighbridge.toml",
    "NEW_RELIC_",
    "WEIGHBRIDGE_",
]


def written(place: str, folder: Path, name: str, value: str) -> Configuration:
    """The configuration where one setting stands in a place."""
    if place.endswith("_"):
        return load(environ={place + name.replace(".", "_").upper(): value})
    table, _, last = name.rpartition(".")
    text = {
        "newrelic.ini": f"[newrelic]\n{name} = {value}\n",
        "weighbridge.ini": f"[weighbridge]\n{name} = {value}\n",
        "pyproject.toml": f'[{".".join(filter(None, ["tool.newrelic", table]))}]\n{last} = "{value}"\n',
        "dotted.toml": f'[tool.newrelic]\n{name} = "{value}"\n',
        "weighbridge.toml": f'[{".".join(filter(None, ["weighbridge", table]))}]\n{last} = "{value}"\n',
    }[place]
    (folder / place).write_text(text)
    return load(folder / place)


@pytest.mark.parametrize("place", PLACES)
@pytest.mark.parametrize(("name", "value", "setting", "expected"), AGENTS)
def test_the_agents_names_hold_everywhere(
    tmp_path: Path, place: str, name: str, value: str, setting: str, expected: Any
) -> None:
    found = written(place, tmp_path, name, value)
    assert found.problems == found.unused == ()
    assert getattr(found.settings, setting) == expected
    assert found.origins[setting].source == ("environment" if place.endswith("_") else "file")


@pytest.mark.parametrize("place", PLACES)
def test_a_bad_value_is_told_of_everywhere(tmp_path: Path, place: str) -> None:
    (problem,) = written(place, tmp_path, "strip_exception_messages.enabled", "ture").problems
    assert "strip_exception_messages.enabled = 'ture' is not valid; it must be true or false" in str(problem)


@pytest.mark.parametrize("place", PLACES)
@pytest.mark.parametrize(
    ("name", "meant"),
    [
        ("strip_exception_messages.enable", "strip_exception_messages.enabled"),
        ("attributes.excluded", "attributes.exclude"),
        ("error_collector.enable", "error_collector.enabled"),
        ("transaction_tracer.attributes.excluded", "transaction_tracer.attributes.exclude"),
    ],
)
def test_a_misspelt_name_is_told_of_and_not_taken_for_one_without_a_meaning(
    tmp_path: Path, place: str, name: str, meant: str
) -> None:
    found = written(place, tmp_path, name, "true")
    if place == "NEW_RELIC_" and name.startswith("transaction_tracer"):  # the agent has many variables of that family
        assert len(found.unused) == 1
        return
    (problem,) = found.problems
    assert f"did you mean {meant}?".replace(".", "_") in str(problem).replace(".", "_")


@pytest.mark.parametrize(
    "name", [name for name, info in SETTINGS.items() if info.ours_alone and name not in ("host", "alerts")]
)
@pytest.mark.parametrize("place", ["newrelic.ini", "dotted.toml", "NEW_RELIC_"])
def test_what_is_ours_alone_is_not_read_where_the_agents_settings_stand(tmp_path: Path, place: str, name: str) -> None:
    of_kind = "true" if SETTINGS[name].kind is SWITCH else "7"
    value = {"own_code": "shop", "tracebacks": "off", "log_link": "https://logs.example/{request.id}"}.get(
        name, of_kind
    )
    found = written(place, tmp_path, name, value)
    assert found.settings == DEFAULTS
    (problem,) = found.problems
    assert f"{name} is not read here; write WEIGHBRIDGE_{name.upper()}, or {name} in [weighbridge]" in str(problem)
    assert written("WEIGHBRIDGE_", tmp_path, name, value).problems == ()
    assert written("weighbridge.ini", tmp_path, name, value).problems == ()


def test_store_and_what_is_new_is_ours_alone() -> None:
    assert {name for name, info in SETTINGS.items() if info.ours_alone} == {
        "alerts",
        "store",
        "inbox_rows",
        "max_buckets",
        "host",
        "version",
        "max_queue_time",
        "own_code",
        "tracebacks",
        "log_link",
        "otlp_metrics",
        "otlp_samples",
    }


@pytest.mark.parametrize("place", ["newrelic.ini", "dotted.toml", "NEW_RELIC_"])
def test_the_agents_host_means_nothing_and_is_only_listed(tmp_path: Path, place: str) -> None:
    found = written(place, tmp_path, "host", "collector.example")
    assert found.problems == ()
    assert [unused.setting for unused in found.unused] == ["host"]
    assert found.settings.host is None


def test_the_agents_name_for_a_host_is_the_host(tmp_path: Path) -> None:
    assert written("newrelic.ini", tmp_path, "process_host.display_name", "pod-7").settings.host == "pod-7"
    assert written("WEIGHBRIDGE_", tmp_path, "host", "pod-8").settings.host == "pod-8"


@pytest.mark.parametrize("value", ["two\nlines", "x" * 101])
def test_a_host_is_a_short_text_in_one_line(tmp_path: Path, value: str) -> None:
    (problem,) = written("WEIGHBRIDGE_", tmp_path, "host", value).problems
    assert "a text of 1 to 100 characters, in one line" in str(problem)


# High security


@pytest.mark.parametrize(
    ("name", "value", "setting"),
    [
        ("WEIGHBRIDGE_STRIP_EXCEPTION_MESSAGES", "false", "strip_exception_messages"),
        ("WEIGHBRIDGE_STRIP_EXCEPTION_MESSAGES_ENABLED", "false", "strip_exception_messages"),
        ("WEIGHBRIDGE_STRIP_EXCEPTION_MESSAGES_ALLOWLIST", "a:B", "strip_exception_messages_allowlist"),
        ("WEIGHBRIDGE_CAPTURE_PARAMS", "true", "capture_params"),
        ("WEIGHBRIDGE_ATTRIBUTES_INCLUDE", "request.parameters.*", "attributes_include"),
        ("NEW_RELIC_TRANSACTION_TRACER_ATTRIBUTES_INCLUDE", "request.parameters.*", "attributes_include"),
    ],
)
def test_no_other_setting_lowers_high_security(tmp_path: Path, name: str, value: str, setting: str) -> None:
    file = tmp_path / "newrelic.ini"
    file.write_text("[newrelic]\nhigh_security = true\n")
    alone, beside = load(file), load(file, environ={name: value})
    assert getattr(beside.settings, setting) == getattr(alone.settings, setting)
    assert beside.settings == alone.settings
    assert beside.origins[setting] == alone.origins[setting]
    assert str(beside.origins[setting]) == f"high_security, {file} [newrelic], line 2"


def test_a_higher_place_may_switch_high_security_off_itself(tmp_path: Path) -> None:
    file = tmp_path / "newrelic.ini"
    file.write_text("[newrelic]\nhigh_security = true\n[newrelic:development]\nhigh_security = false\n")
    assert load(file).settings.strip_exception_messages is True
    assert load(file, "development").settings == DEFAULTS
    assert load(file, environ={"NEW_RELIC_HIGH_SECURITY": "off"}).settings == DEFAULTS


# What holds besides


def test_what_one_destination_leaves_out_is_left_out_whatever_else_is_said(tmp_path: Path) -> None:
    file = tmp_path / "newrelic.ini"
    file.write_text(
        "[newrelic]\nerror_collector.attributes.exclude = a\ntransaction_tracer.attributes.enabled = false\n"
    )
    environ = {"WEIGHBRIDGE_ATTRIBUTES_EXCLUDE": "b", "WEIGHBRIDGE_ATTRIBUTES_ENABLED": "true"}
    settings = load(file, environ=environ).settings
    assert settings.attributes_exclude == {"a", "b"}
    assert settings.attributes_enabled is False


def test_a_higher_place_replaces_a_list_under_whichever_name(tmp_path: Path) -> None:
    file = tmp_path / "both.ini"
    file.write_text("[newrelic]\nattributes.exclude = a\n[weighbridge]\nattributes_exclude = b\n")
    assert load(file).settings.attributes_exclude == {"b"}
    assert load(file, environ={"NEW_RELIC_ATTRIBUTES_EXCLUDE": "c"}).settings.attributes_exclude == {"c"}
    assert load(file, environ={"WEIGHBRIDGE_ATTRIBUTES_EXCLUDE": "d"}).settings.attributes_exclude == {"d"}


@pytest.mark.parametrize("name", ["weighbridge_high_security", "Weighbridge_High_Security"])
def test_a_variable_that_is_not_in_capitals_is_told_of(name: str) -> None:
    (problem,) = load(environ={name: "true"}).problems
    assert str(problem) == f"environment variable {name}: is not read; its name must be WEIGHBRIDGE_HIGH_SECURITY"


# Statuses


def test_statuses_that_do_not_count_fail_no_request() -> None:
    found = load(environ={"NEW_RELIC_ERROR_COLLECTOR_IGNORE_STATUS_CODES": "503"})
    assert found.settings.error_statuses == DEFAULTS.error_statuses - {503}
    assert "IGNORE_STATUS_CODES" in str(found.origins["error_statuses"])
    assert load(arguments={"expected_status_codes": "504"}).settings.error_statuses == DEFAULTS.error_statuses - {504}


def test_unless_it_is_said_which_do() -> None:
    arguments = {"error_statuses": "404 500-599", "ignore_status_codes": "503"}
    assert load(arguments=arguments).settings.error_statuses == {404, *range(500, 600)}


@pytest.mark.parametrize("value", ["4xx", "100-", "!", "!x", "²00", "404 !4040", "200-100", "\uff15\uff10\uff10"])
def test_what_is_no_status_is_told_of(value: str) -> None:
    (problem,) = load(environ={"WEIGHBRIDGE_IGNORE_STATUS_CODES": value}).problems
    assert "statuses from 100 to 999, and ranges, which are added" in str(problem)


# A file as the agent's own generator writes it


GENERATED = """\
# Lines of comments with = signs, [brackets] and apostrophes' ends.
[newrelic]
license_key = 0123456789abcdef0123456789abcdef01234567
app_name = Python Application
monitor_mode = true
log_file = stdout
log_level = info
high_security = false
transaction_tracer.enabled = true
transaction_tracer.transaction_threshold = apdex_f
transaction_tracer.record_sql = obfuscated
transaction_tracer.stack_trace_threshold = 0.5
transaction_tracer.explain_enabled = true
transaction_tracer.explain_threshold = 0.5
transaction_tracer.function_trace =
error_collector.enabled = true
error_collector.ignore_classes =
error_collector.expected_classes =
browser_monitoring.auto_instrument = true
thread_profiler.enabled = true
distributed_tracing.enabled = true

[newrelic:development]
monitor_mode = false

[newrelic:test]
monitor_mode = false

[newrelic:staging]
app_name = Python Application (Staging)
monitor_mode = true

[newrelic:production]
monitor_mode = true
"""


@pytest.mark.parametrize("environment", [None, "development", "test", "staging", "production"])
@pytest.mark.parametrize("line_end", ["\n", "\r\n"])
def test_the_file_that_the_agents_generator_writes_is_understood(
    tmp_path: Path, environment: str | None, line_end: str
) -> None:
    (tmp_path / "newrelic.ini").write_bytes(GENERATED.replace("\n", line_end).encode())
    found = load(tmp_path / "newrelic.ini", environment)
    assert found.problems == ()
    assert found.settings.enabled is (environment not in {"development", "test"})
    assert found.settings.app_name.endswith("(Staging)") is (environment == "staging")
    assert (found.settings.log_file, found.settings.log_level) == ("stdout", "info")
    assert {unused.setting for unused in found.unused} == {
        name for name in (line.partition(" =")[0] for line in GENERATED.splitlines()) if is_agent_setting(name)
    } - {"monitor_mode", "error_collector.ignore_classes", "error_collector.expected_classes"}


def test_the_agents_toml_names_its_environments_env(tmp_path: Path) -> None:
    text = '[tool.newrelic]\napp_name = "Shop"\n[tool.newrelic.env.production]\napp_name = "Shop (production)"\n'
    (tmp_path / "pyproject.toml").write_text(f"{text}[tool.newrelic.env.production.attributes]\nenabled = false\n")
    assert load(tmp_path / "pyproject.toml").settings.app_name == "Shop"
    found = load(tmp_path / "pyproject.toml", "production")
    assert found.problems == found.unused == ()
    assert (found.settings.app_name, found.settings.attributes_enabled) == ("Shop (production)", False)
    assert str(found.origins["app_name"]).endswith("[tool.newrelic.env.production], line 4")
    (problem,) = load(tmp_path / "pyproject.toml", "test").problems
    assert "has no environment 'test' (it has: production)" in str(problem)
