"""TOML files, and INI files in the shape of ``newrelic.ini``."""

from __future__ import annotations

from pathlib import Path

import pytest

from weighbridge.transactions.configuration.loading import Configuration, load

TOML = """\
[weighbridge]
app_name = "Shop"
apdex_t = 0.25
error_statuses = [500, "502-504"]

[weighbridge.transaction_apdex_t]
"WebTransaction/Route/GET /export" = 3.0

[weighbridge.applications."All shops"]
apdex_t = 1

[weighbridge.applications."All shops".transaction_apdex_t]
"WebTransaction/Uri/slow" = 9

[weighbridge.environments.production]
apdex_t = 0.5
"""

INI = """\
[newrelic]
license_key = s3cret
app_name = Shop;All shops
monitor_mode = true
log_level = info
transaction_tracer.enabled = true
error_collector.ignore_errors = django.http.response:Http404
error_collector.ignore_status_codes = 100-102 200-208 226 300-308 404 !403 501
ignored_params = maiden_name

[newrelic:development]
monitor_mode = false

[newrelic:production]
monitor_mode = on
log_level = warning

[import-hook:django]
instrumentations.scripts.django_admin = stdout

[application:Shop]
apdex_t = 2
transaction_apdex_t =
    WebTransaction/Route/GET /export = 3
    WebTransaction/Uri/x = 4
"""


def read(tmp_path: Path, name: str, text: str, environment: str | None = None) -> Configuration:
    (tmp_path / name).write_text(text)
    return load(tmp_path / name, environment)


def test_toml(tmp_path: Path) -> None:
    found = read(tmp_path, "weighbridge.toml", TOML)
    assert found.problems == ()
    assert found.settings.app_name == "Shop"
    assert found.settings.error_statuses == {500, 502, 503, 504}
    assert found.settings.transaction_apdex_t == {"WebTransaction/Route/GET /export": 3.0}
    assert str(found.origins["apdex_t"]).endswith("weighbridge.toml [weighbridge], line 3")


def test_what_an_application_does_not_say_holds_as_for_all(tmp_path: Path) -> None:
    settings = read(tmp_path, "weighbridge.toml", TOML).settings
    own = settings.for_application("All shops")
    assert own.apdex_t == 1.0
    assert own.transaction_apdex_t == {"WebTransaction/Uri/slow": 9.0}
    assert settings.for_application("Another").apdex_t == 0.25
    partly = load(arguments={"applications": {"A": {"apdex_t": 2}}, "transaction_apdex_t": {"a/b/c": 3}}).settings
    assert partly.for_application("A").transaction_apdex_t == {"a/b/c": 3.0}


def test_toml_environment(tmp_path: Path) -> None:
    assert read(tmp_path, "weighbridge.toml", TOML, "production").settings.apdex_t == 0.5
    (problem,) = read(tmp_path, "weighbridge.toml", TOML, "test").problems
    assert "has no environment 'test' (it has: production)" in str(problem)


def test_pyproject(tmp_path: Path) -> None:
    text = '[project]\nname = "shop"\n[tool.weighbridge]\napp_name = "Shop"\n[tool.newrelic]\nmonitor_mode = false\n'
    found = read(tmp_path, "pyproject.toml", text)
    assert found.problems == ()
    assert (found.settings.app_name, found.settings.enabled) == ("Shop", False)


def test_an_empty_table_is_fine(tmp_path: Path) -> None:
    assert read(tmp_path, "weighbridge.toml", "[weighbridge]\n").problems == ()


def test_ini(tmp_path: Path) -> None:
    found = read(tmp_path, "newrelic.ini", INI)
    settings = found.settings
    assert found.problems == ()
    assert (settings.app_name, settings.enabled, settings.log_level) == ("Shop;All shops", True, "info")
    assert settings.ignored_errors == {"django.http.response:Http404"}
    assert settings.error_statuses == set(range(500, 600)) - {501}
    assert settings.ignore_status_codes == load().settings.ignore_status_codes | {501}
    assert {"maiden_name", "password"} <= settings.denied_params


def test_ini_environment_is_laid_over_the_common_section(tmp_path: Path) -> None:
    assert read(tmp_path, "newrelic.ini", INI, "development").settings.enabled is False
    production = read(tmp_path, "newrelic.ini", INI, "production")
    assert production.settings.app_name == "Shop;All shops"
    assert production.settings.log_level == "warning"
    assert str(production.origins["enabled"]).endswith("newrelic.ini [newrelic:production], line 15")


@pytest.mark.parametrize("variable", ["WEIGHBRIDGE_ENVIRONMENT", "NEW_RELIC_ENVIRONMENT"])
def test_the_environment_may_be_named_by_a_variable(tmp_path: Path, variable: str) -> None:
    (tmp_path / "newrelic.ini").write_text(INI)
    found = load(tmp_path / "newrelic.ini", environ={variable: "development"})
    assert found.settings.enabled is False
    assert found.problems == ()


def test_ini_applications(tmp_path: Path) -> None:
    own = read(tmp_path, "newrelic.ini", INI).settings.for_application("Shop")
    assert own.apdex_t == 2.0
    assert own.transaction_apdex_t == {"WebTransaction/Route/GET /export": 3.0, "WebTransaction/Uri/x": 4.0}


def test_our_section_beats_the_agents(tmp_path: Path) -> None:
    text = "[weighbridge]\nenabled = yes\n[newrelic]\nmonitor_mode = no\n"
    assert read(tmp_path, "both.ini", text).settings.enabled is True


@pytest.mark.parametrize(
    "text",
    [
        "[weighbridge]\napp_name = Ours\n[newrelic]\napp_name = Theirs\n",
        "[newrelic]\napp_name = Theirs\n[newrelic:production]\napp_name = Ours\n",
        "[weighbridge:production]\napp_name = Ours\n[newrelic:production]\napp_name = Theirs\n",
    ],
)
def test_which_section_beats_which(tmp_path: Path, text: str) -> None:
    assert read(tmp_path, "both.ini", text, "production").settings.app_name == "Ours"


def test_our_words_beat_the_agents_in_one_section(tmp_path: Path) -> None:
    text = "[newrelic]\nenabled = yes\nmonitor_mode = no\n"
    assert read(tmp_path, "newrelic.ini", text).settings.enabled is True


def test_a_list_of_a_later_section_replaces_the_earlier_one(tmp_path: Path) -> None:
    text = "[newrelic]\nerror_collector.ignore_classes = a:A\n[newrelic:test]\nerror_collector.ignore_classes = b:B\n"
    assert read(tmp_path, "newrelic.ini", text, "test").settings.ignored_errors == {"b:B"}


def test_the_agents_other_settings_are_listed_without_their_values(tmp_path: Path) -> None:
    found = read(tmp_path, "newrelic.ini", INI)
    assert [unused.setting for unused in found.unused] == [
        "[import-hook:django]",
        "license_key",
        "transaction_tracer.enabled",
    ]
    assert "s3cret" not in repr(found)


def test_the_agents_other_variables_are_listed_too() -> None:
    found = load(environ={"NEW_RELIC_LICENSE_KEY": "s3cret", "NEW_RELIC_NEVER_HEARD_OF": "1"})
    assert found.problems == ()
    assert [unused.setting for unused in found.unused] == ["license_key", "never_heard_of"]
    assert "s3cret" not in repr(found)


def test_the_agents_variables_act_on_their_counterparts() -> None:
    environ = {
        "NEW_RELIC_MONITOR_MODE": "off",
        "NEW_RELIC_LOG": "stderr",
        "NEW_RELIC_ERROR_COLLECTOR_EXPECTED_CLASSES": "builtins:KeyError builtins:OSError",
        "NEW_RELIC_ATTRIBUTES_EXCLUDE": "request.parameters.PIN request.headers.*",
    }
    found = load(environ=environ)
    assert found.problems == found.unused == ()
    assert found.settings.enabled is False
    assert found.settings.log_file == "stderr"
    assert found.settings.expected_errors == {"builtins:KeyError", "builtins:OSError"}
    assert found.settings.attributes_exclude == {"request.parameters.PIN", "request.headers.*"}


def test_a_misspelt_setting_in_the_agents_section_is_reported(tmp_path: Path) -> None:
    (problem,) = read(tmp_path, "newrelic.ini", "[newrelic]\n\napdext_t = 3\n").problems
    assert str(problem) == (
        f"{tmp_path}/newrelic.ini [newrelic], line 3: there is no setting apdext_t; did you mean apdex_t?"
    )


def test_a_setting_that_no_application_may_have_is_reported(tmp_path: Path) -> None:
    text = "[weighbridge]\n[application:Shop]\nstore = x\napdex_t = never\n"
    problems = [str(problem) for problem in read(tmp_path, "weighbridge.ini", text).problems]
    assert 'there is no setting applications."Shop".store; valid are apdex_t, transaction_apdex_t' in problems[0]
    assert "applications.\"Shop\".apdex_t = 'never' is not valid; it must be a number of seconds" in problems[1]


@pytest.mark.parametrize(
    ("name", "content", "message"),
    [
        ("broken.toml", b"[weighbridge\n", "cannot be parsed"),
        ("broken.ini", b"no section\n", "cannot be parsed"),
        ("twice.ini", b"[newrelic]\na = 1\na = 2\n", "cannot be parsed"),
        ("latin.toml", b'[weighbridge]\napp_name = "caf\xe9"\n', "cannot be parsed"),
        ("other.toml", b"[project]\n", "neither [weighbridge] nor [tool.weighbridge] (found: project)"),
        ("flat.toml", b"weighbridge = 3\n", "neither [weighbridge] nor [tool.weighbridge] (found: weighbridge)"),
        ("other.ini", b"[uwsgi]\nhttp = 80\n", "neither [weighbridge] nor [newrelic] (found: uwsgi)"),
        ("empty.ini", b"", "neither [weighbridge] nor [newrelic] (found: nothing)"),
    ],
)
def test_a_file_that_says_nothing_is_one_problem(tmp_path: Path, name: str, content: bytes, message: str) -> None:
    file = tmp_path / name
    file.write_bytes(content)
    (problem,) = load(file, environ={"WEIGHBRIDGE_APDEX_T": "2"}).problems
    assert str(problem).startswith(f"{file}: ")
    assert message in str(problem)
    assert "\n" not in str(problem)


def test_the_rest_holds_when_the_file_cannot_be_read(tmp_path: Path) -> None:
    found = load(tmp_path / "nowhere.toml", environ={"WEIGHBRIDGE_APDEX_T": "2"})
    assert str(found.problems[0]).endswith("nowhere.toml: cannot be read: No such file or directory")
    assert found.settings.apdex_t == 2.0
    assert "cannot be read: Is a directory" in str(load(tmp_path).problems[0])
    assert "embedded null byte" in str(load("a\0b").problems[0])


def test_a_byte_order_mark_and_line_ends_of_another_system(tmp_path: Path) -> None:
    file = tmp_path / "weighbridge.toml"
    file.write_bytes(b'\xef\xbb\xbf[weighbridge]\r\napp_name = "Shop"\r\n')
    assert load(file).settings.app_name == "Shop"
