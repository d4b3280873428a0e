"""Configuration files that are none: read within bounds, and said to be what they are."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from weighbridge.transactions.configuration.loading import load


def problem_of(file: Path | str) -> str:
    """What is wrong with a file; the settings are not concerned."""
    found = load(file, environ={"WEIGHBRIDGE_APDEX_T": "2"})
    (problem,) = found.problems
    assert found.settings.apdex_t == 2.0
    return str(problem)


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="a pipe with a name")
@pytest.mark.parametrize("name", ["pipe.toml", "pipe.ini"])
def test_a_pipe(tmp_path: Path, name: str) -> None:
    os.mkfifo(tmp_path / name)
    assert problem_of(tmp_path / name).endswith("cannot be read: it is no regular file")


@pytest.mark.parametrize("device", ["/dev/zero", "/dev/null", "/dev/tty"])
def test_a_device(device: str) -> None:
    if Path(device).exists():
        assert "cannot be read: " in problem_of(device)


@pytest.mark.parametrize("name", ["huge.toml", "huge.ini"])
def test_a_huge_file(tmp_path: Path, name: str) -> None:
    with (tmp_path / name).open("wb") as file:
        file.write(b"[weighbridge]\n")
        file.truncate(100_000_000)
    assert problem_of(tmp_path / name).endswith("cannot be read: it has more than 250000 bytes")


@pytest.mark.parametrize("text", ["a = " + "[" * 100_000, "a." * 50_000 + "b = 1"])
def test_a_line_that_takes_a_parser_very_long(tmp_path: Path, text: str) -> None:
    (tmp_path / "long.toml").write_text(f"[weighbridge]\n{text}\n")
    assert "it has a line of more than 20000 characters" in problem_of(tmp_path / "long.toml")


def test_a_file_that_is_nested_without_end(tmp_path: Path) -> None:
    (tmp_path / "deep.toml").write_text("[weighbridge]\na = " + "[\n" * 10_000)
    assert "cannot be parsed" in problem_of(tmp_path / "deep.toml")


@pytest.mark.parametrize(
    ("content", "why"),
    [
        ("[weighbridge]\napp_name = café\n".encode("latin-1"), "it is not written in UTF-8 (line 2)"),
        ("[weighbridge]\n".encode("utf-16"), "it is not written in UTF-8 (line 1)"),
        (b"app_name = Shop\n", "it is neither [section] nor name = value (line 1)"),
        (b"[weighbridge]\napp_name = Shop\napp_name\n", "it is neither [section] nor name = value (line 3)"),
        (b"[weighbridge]\nstore = a\nstore = b\n", "store is there twice in [weighbridge] (line 3)"),
        (b"[weighbridge]\n[weighbridge]\n", "[weighbridge] is there twice (line 2)"),
    ],
)
def test_why_a_file_cannot_be_parsed(tmp_path: Path, content: bytes, why: str) -> None:
    (tmp_path / "settings.ini").write_bytes(content)
    assert problem_of(tmp_path / "settings.ini").endswith(f"cannot be parsed: {why}")


@pytest.mark.parametrize("line_end", [b"\n", b"\r\n", b"\r"])
@pytest.mark.parametrize("mark", [b"", b"\xef\xbb\xbf"])
@pytest.mark.parametrize(
    ("name", "text"), [("a.toml", b'[weighbridge]|app_name = "Shop"|'), ("a.ini", b"[weighbridge]|app_name = Shop|")]
)
def test_line_ends_and_marks_of_other_systems(
    tmp_path: Path, name: str, text: bytes, mark: bytes, line_end: bytes
) -> None:
    (tmp_path / name).write_bytes(mark + text.replace(b"|", line_end))
    found = load(tmp_path / name)
    assert found.problems == ()
    assert found.settings.app_name == "Shop"


@pytest.mark.parametrize(
    ("name", "text", "meant"),
    [
        ("a.ini", "[weighbrigde]\nhigh_security = on\n[newrelic]\n", "did you mean [weighbridge]?"),
        ("b.ini", "[newrelic]\n[NewRelic:test]\n", "[NewRelic:test] is not read; did you mean [newrelic:test]?"),
        ("c.toml", "[weighbridge]\n[tool.weighbrige]\n", "did you mean [tool.weighbridge]?"),
        ("d.toml", "[weighbridge]\n[new-relic]\n", "did you mean [newrelic]?"),
    ],
)  # fmt: skip
def test_a_misspelt_section_is_not_passed_over(tmp_path: Path, name: str, text: str, meant: str) -> None:
    (tmp_path / name).write_text(text)
    assert problem_of(tmp_path / name).endswith(meant)


def test_of_very_many_wrong_settings_the_rest_is_counted(tmp_path: Path) -> None:
    lines = "".join(f"setting{number} = 1\n" for number in range(10_000))
    (tmp_path / "other.ini").write_text(f"[weighbridge]\n{lines}")
    problems = load(tmp_path / "other.ini").problems
    assert len(problems) == 51
    assert str(problems[-1]) == "configuration: 9950 more settings do not exist or are not valid"


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("[weighbridge]\napp_name = {a = 1}\n", "there is no setting app_name.a"),
        ("[weighbridge]\napp_name = ['Shop']\n", "app_name = ['Shop'] is not valid"),
        ("[weighbridge]\napp_name = 2026-01-31\n", "app_name = datetime.date(2026, 1, 31) is not valid"),
        ("[weighbridge]\nhigh_security = [true]\n", "high_security = [True] is not valid"),
        ("[weighbridge]\nmax_names = inf\n", "max_names = inf is not valid"),
        ("[weighbridge]\nattributes = 3\n", "there is no setting attributes"),
        ("[weighbridge]\nattributes.exclude = [3]\n", "attributes.exclude = [3] is not valid"),
        ("[weighbridge]\nenvironments = 3\n", "there is no setting environments"),
        ("[weighbridge]\n[[weighbridge.applications]]\napdex_t = 3\n", "applications = [{'apdex_t': 3}] is not valid"),
        ("[[weighbridge]]\napp_name = 'Shop'\n", "has neither [weighbridge] nor [tool.weighbridge]"),
    ],
)
def test_toml_of_another_shape_is_told_of(tmp_path: Path, text: str, said: str) -> None:
    (tmp_path / "settings.toml").write_text(text)
    assert said in problem_of(tmp_path / "settings.toml")


def test_a_path_that_is_no_text() -> None:
    assert "config_file is the path of a file, and cannot be a int" in problem_of(5)  # type: ignore[arg-type]
    assert "cannot be read: No such file or directory" in str(load(b"/nowhere.ini").problems[0])  # type: ignore[arg-type]
