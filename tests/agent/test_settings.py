"""The settings as the agent shows them can be read and written, and what is written holds."""

from __future__ import annotations

import logging
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner

import weighbridge
from weighbridge import agent
from weighbridge.agent.default_settings import DEFAULTS
from weighbridge.cli import commands
from weighbridge.testing import CapturedTransactions
from weighbridge.transactions import configuration, log
from weighbridge.transactions.configuration.agent_settings import is_agent_setting
from weighbridge.transactions.model.process_state import process_state


@pytest.fixture(autouse=True)
def as_if_nothing_was_written() -> Any:
    configuration.reset()
    process_state.reset()
    yield
    configuration.reset()
    process_state.reset()


def config_says() -> str:
    """What ``weighbridge config`` prints in this process."""
    return CliRunner().invoke(commands.weighbridge, ["config"]).output


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("app_name", "Python Application"),
        ("monitor_mode", True),
        ("license_key", None),
        ("log_level", logging.INFO),
        ("transaction_tracer.enabled", True),
        ("transaction_tracer.record_sql", "obfuscated"),
        ("error_collector.ignore_classes", []),
        ("error_collector.enabled", True),
        ("attributes.exclude", set()),
        ("cloud.aws.account_id", None),
        ("browser_monitoring.content_type", ["text/html"]),
    ],
)
def test_defaults_are_read_as_there(name: str, value: object) -> None:
    found: Any = agent.global_settings()
    for part in name.split("."):
        found = getattr(found, part)
    assert found == value
    assert dict(agent.global_settings())[name] == value


def test_every_setting_of_the_agent_can_be_read() -> None:
    settings = dict(agent.global_settings())
    assert len(DEFAULTS) > 200
    assert set(settings) >= set(DEFAULTS)
    assert 404 in settings["error_collector.ignore_status_codes"]


@pytest.mark.parametrize("name", ["nonsense", "transaction_tracer.nonsense", "__wrapped__"])
def test_what_does_not_exist_raises(name: str) -> None:
    *path, last = name.split(".")
    found: Any = agent.global_settings()
    for part in path:
        found = getattr(found, part)
    with pytest.raises(AttributeError):
        getattr(found, last)


def test_ours_can_be_read_too() -> None:
    assert agent.global_settings().flush_interval == weighbridge.global_settings().flush_interval
    assert agent.global_settings().for_application("shop").apdex_t == 0.5


@pytest.mark.parametrize(
    ("name", "value", "ours", "expected"),
    [
        ("app_name", "Shop", "app_name", "Shop"),
        ("monitor_mode", False, "enabled", False),
        ("log_level", logging.DEBUG, "log_level", "debug"),
        ("capture_params", True, "capture_params", True),
        ("high_security", True, "high_security", True),
        ("strip_exception_messages.enabled", True, "strip_exception_messages", True),
        ("error_collector.enabled", False, "error_collector_enabled", False),
        ("error_collector.ignore_classes", ["shop:Refused"], "ignored_errors", {"shop:Refused"}),
        ("error_collector.expected_classes", ["shop:Refused"], "expected_errors", {"shop:Refused"}),
        ("error_collector.ignore_status_codes", {418}, "ignore_status_codes", {418}),
        ("attributes.exclude", {"card.*"}, "attributes_exclude", {"card.*"}),
        ("apdex_t", 0.2, "apdex_t", 0.2),
    ],
)
def test_what_has_a_counterpart_is_applied(name: str, value: object, ours: str, expected: object) -> None:
    *path, last = name.split(".")
    holder: Any = agent.global_settings()
    for part in path:
        holder = getattr(holder, part)
    setattr(holder, last, value)
    assert getattr(weighbridge.global_settings(), ours) == expected
    assert getattr(holder, last) == value
    assert f"{name} as the program wrote it" in config_says()


def test_what_is_written_holds_from_then_on(tmp_path: Path, captured_transactions: CapturedTransactions) -> None:
    settings = agent.global_settings()
    settings.app_name = "Shop;Backup"
    file = tmp_path / "newrelic.ini"
    file.write_text("[newrelic]\napp_name = Of the file\ncapture_params = true\nlicense_key = of the file\n")
    agent.initialize(str(file))
    assert (settings.app_name, settings.linked_applications) == ("Shop", ["Backup"])
    assert settings.capture_params
    assert settings.license_key == "of the file"
    settings.app_name = "Later"
    with agent.BackgroundTask(name="job"):
        pass
    assert [finished.application for finished in captured_transactions] == ["Later"]


def test_monitoring_can_be_switched_off_and_on(captured_transactions: CapturedTransactions) -> None:
    settings = agent.global_settings()
    for flag in (False, True):
        settings.monitor_mode = flag
        with agent.BackgroundTask(name=str(flag)) as task:
            assert task.enabled is flag
            task.add_custom_attribute("a", 1)
    assert [finished.name for finished in captured_transactions] == ["True"]


def test_the_rest_is_kept_and_listed_but_never_shown() -> None:
    settings = agent.global_settings()
    settings.license_key = "a secret"
    settings.developer_mode = True
    settings.transaction_tracer.transaction_threshold = 0
    settings.something_of_my_own = "mine"
    assert (settings.license_key, settings.developer_mode) == ("a secret", True)
    assert settings.transaction_tracer.transaction_threshold == 0
    assert settings.something_of_my_own == "mine"
    said = config_says()
    for name in ("license_key", "developer_mode", "transaction_tracer.transaction_threshold", "something_of_my_own"):
        assert f"{name}  (no meaning here)" in said
    assert "a secret" not in said + repr(settings) + repr(configuration.current())


def test_collections_can_be_added_to() -> None:
    settings = agent.global_settings()
    settings.error_collector.ignore_classes.append("shop:Refused")
    settings.error_collector.ignore_status_codes.add(418)
    settings.error_collector.ignore_status_codes.discard(404)
    settings.attributes.exclude.update(["card.*"])
    settings.labels.extend(["team:shop"])
    ours = weighbridge.global_settings()
    assert ours.ignored_errors == {"shop:Refused"}
    assert 418 in ours.ignore_status_codes
    assert 404 not in ours.ignore_status_codes
    assert ours.attributes_exclude == {"card.*"}
    assert settings.labels == ["team:shop"]


def test_a_bad_value_is_said_and_changes_nothing(caplog: pytest.LogCaptureFixture) -> None:
    log._logged.clear()
    agent.global_settings().log_level = "loud"
    assert agent.global_settings().log_level == logging.INFO
    (record,) = caplog.records
    assert "log_level = 'loud' is not valid" in record.getMessage()


def test_values_of_a_file_have_the_agents_types(tmp_path: Path) -> None:
    file = tmp_path / "newrelic.ini"
    file.write_text("[newrelic]\nslow_sql.enabled = off\nproxy_port = 8080\nlabels = a b\nproxy_host = here\n")
    agent.initialize(str(file))
    settings = agent.global_settings()
    assert (settings.slow_sql.enabled, settings.proxy_port, settings.labels) == (False, 8080, ["a", "b"])
    assert settings.proxy_host == "here"


def test_writing_over_and_over_keeps_one() -> None:
    for number in range(5):
        agent.global_settings().api_key = str(number)
    assert [entry.value for entry in configuration.current().entries if entry.name == "api_key"] == ["4"]


def test_settings_of_an_application() -> None:
    with agent.BackgroundTask(name="job") as job:
        assert job.settings.app_name == agent.application_settings().app_name == "Python Application"
        assert dir(job.settings.cloud.aws) == ["account_id"]


@pytest.mark.parametrize("name", DEFAULTS)
def test_what_the_agent_has_is_known_to_be_the_agents(name: str) -> None:
    told_by_its_collector = name in TOLD
    assert is_agent_setting(name) or name in OURS or told_by_its_collector


OURS = {
    *("apdex_t", "app_name", "attributes.enabled", "attributes.exclude", "attributes.include", "capture_params"),
    *("enabled", "error_collector.enabled", "error_collector.expected_status_codes", "high_security"),
    *("log_file", "log_level", "shutdown_timeout", "strip_exception_messages.allowlist"),
    "strip_exception_messages.enabled",
}
TOLD = {
    *("agent_run_id", "attribute_filter", "beacon", "browser_key", "encoding_key", "entity_guid", "episodes_url"),
    *("error_beacon", "js_agent_file", "js_agent_loader", "metric_name_rules", "request_headers_map"),
    *("sampling_rate", "sampling_target", "sampling_target_period_in_seconds", "transaction_name_rules"),
    *("transaction_segment_terms", "trusted_account_ids", "url_rules"),
    *(f"collect_{what}" for what in ("analytics_events", "custom_events", "error_events", "errors")),
    *("collect_span_events", "collect_traces"),
}
