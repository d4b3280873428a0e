"""A store that a test writes to, a receiver, and the command that sends from the one to the other."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from weighbridge.cli.commands import weighbridge

from .receiver import Receiver, receiving


@pytest.fixture
def receiver() -> Iterator[Receiver]:
    with receiving() as found:
        yield found


@pytest.fixture
def store(tmp_path: Path) -> Path:
    return tmp_path / "store.db"


@pytest.fixture
def export(store: Path, receiver: Receiver, monkeypatch: pytest.MonkeyPatch) -> Callable[..., Result]:
    """Sends everything once; keyword arguments are ``OTEL_EXPORTER_OTLP_*`` variables."""

    def run(*arguments: str, **variables: str) -> Result:
        with monkeypatch.context() as environment:
            environment.setenv("OTEL_EXPORTER_OTLP_ENDPOINT", receiver.url)
            for name, value in variables.items():
                environment.setenv(f"OTEL_EXPORTER_OTLP_{name}", value)
            return CliRunner().invoke(weighbridge, ["export", "otlp", "--once", "--store", str(store), *arguments])

    return run
