"""The reference says what the code says, and names all of it."""

from __future__ import annotations

import re
import subprocess
import sys

import pytest

import weighbridge
from weighbridge import middleware
from weighbridge.transactions.configuration.table import agent_settings_markdown, settings_markdown

from .pages import ROOT, text_of

API = text_of("docs/reference/api.md")


def test_the_tables_are_those_of_the_code() -> None:
    command = [sys.executable, str(ROOT / "docs" / "reference.py"), "--check"]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert (done.returncode, done.stderr) == (0, "")


def test_the_table_of_settings_is_one_of_them() -> None:
    assert settings_markdown() in text_of("docs/reference/settings.md")


def test_the_table_of_a_generated_file_is_one_of_them() -> None:
    assert agent_settings_markdown() in text_of("docs/reference/newrelic-ini.md")


def test_every_public_name_is_described_once() -> None:
    described = re.findall(r"^::: weighbridge\.([\w.]+)$", API, re.MULTILINE)
    names = [name.rpartition(".")[2] if name.startswith("middleware.") else name for name in described]
    assert sorted(name for name in names if "." not in name) == sorted(weighbridge.__all__)
    assert len(set(names)) == len(names)


@pytest.mark.parametrize("name", middleware.__all__)
def test_every_middleware_is_described(name: str) -> None:
    assert re.search(rf"^::: weighbridge\.[\w.]*\b{name}$", API, re.MULTILINE)
