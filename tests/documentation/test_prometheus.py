"""The page on Prometheus: its commands, its configuration and its expressions."""

from __future__ import annotations

import re
import shlex
import shutil
import subprocess
import sys
from contextlib import closing
from pathlib import Path

import pytest
import yaml

from weighbridge.console import Request
from weighbridge.exporting.prometheus import MetricsEndpoint

from ..exporting.everything import NOW, write_everything
from .pages import text_of
from .test_servers import PROMETHEUS as PAGE
from .test_servers import commands_of, files_of

FILES = files_of(PAGE)


def metrics(folder: Path) -> str:
    """What is served of a store with one of everything."""
    write_everything(folder / "store.db")
    with closing(MetricsEndpoint(folder / "store.db", clock=lambda: NOW + 10)) as endpoint:
        return endpoint.respond(Request("GET", "/", host="localhost")).body.decode()


def test_the_commands_write_what_the_configuration_names(tmp_path: Path) -> None:
    _, serve, write = commands_of(PAGE)
    (tmp_path / "metrics-token.txt").write_text("0123456789abcdef")
    (tmp_path / "prometheus.yml").write_text(FILES["prometheus.yml"])
    asked = [sys.executable, "-m", "weighbridge.cli", *shlex.split(write)[1:]]
    done = subprocess.run(asked, cwd=tmp_path, capture_output=True, text=True, check=True)
    assert sorted(done.stdout.split()) == sorted(str(path.relative_to(tmp_path)) for path in tmp_path.glob("*/*"))
    assert len(list(tmp_path.glob(yaml.safe_load(FILES["prometheus.yml"])["rule_files"][0]))) == 2
    help_ = subprocess.run(
        [sys.executable, "-m", "weighbridge.cli", *shlex.split(serve)[1:], "--help"], capture_output=True, check=True
    )
    assert b"--metrics-token-file" in help_.stdout
    promtool = shutil.which("promtool")
    if promtool:
        subprocess.run([promtool, "check", "config", "prometheus.yml"], cwd=tmp_path, check=True, capture_output=True)


def test_grafana_reads_the_folder() -> None:
    (provider,) = yaml.safe_load(FILES["provisioning/dashboards/weighbridge.yml"])["providers"]
    assert provider["options"]["path"].endswith(shlex.split(commands_of(PAGE)[-1])[-1])


def test_files_that_differ_are_kept(tmp_path: Path) -> None:
    command = [sys.executable, "-m", "weighbridge.cli", "metrics", "files", str(tmp_path)]
    subprocess.run(command, check=True, capture_output=True)
    changed = tmp_path / "weighbridge-alerts.yml"
    changed.write_text("groups: []")
    refused = subprocess.run(command, capture_output=True, text=True, check=False)
    assert (refused.returncode, str(changed) in refused.stderr) == (2, True)
    assert changed.read_text() == "groups: []"
    subprocess.run([*command, "--force"], check=True, capture_output=True)
    assert changed.read_text() != "groups: []"


def test_the_metrics_that_it_lists_are_all_there_are(tmp_path: Path) -> None:
    served = {
        name.removeprefix("weighbridge_") for name in re.findall(r"^# TYPE (\S+)", metrics(tmp_path), re.MULTILINE)
    }
    table = text_of(PAGE).partition("## What there is")[2].partition("```")[0]
    listed = set(re.findall(r"`([a-z_]+(?:\.\.\.)?)`", table))
    groups = tuple(name.removesuffix("...") for name in listed if name.endswith("..."))
    missing = {name for name in served - listed if not name.startswith(groups)}
    assert missing == {"build_info"}


@pytest.mark.parametrize("line", FILES["PromQL"].splitlines())
def test_an_expression_names_metrics_that_exist(line: str, tmp_path: Path) -> None:
    text = metrics(tmp_path)
    names = re.findall(r"weighbridge_\w+", line)
    assert names
    for name in names:
        assert re.search(rf"^{name}(_count)?\{{", text, re.MULTILINE), name
