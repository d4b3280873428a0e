"""A storm of errors that are all different: bounded memory, exact sums, and what is not kept apart is counted."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest
from click.testing import CliRunner

from weighbridge.cli.commands import weighbridge as command
from weighbridge.transactions.recording.name_limits import OTHER
from weighbridge.transactions.store.groups import MAX_GROUPS, MAX_STACKS
from weighbridge.transactions.store.reader import StoreReader

from .conftest import lately

NUMBER = 60_000
PROGRAM = Path(__file__).parent / "programs" / "storm.py"


@pytest.mark.skipif(not Path("/proc/self/statm").exists(), reason="there is no /proc")
def test_sixty_thousand_distinct_errors(store: Path) -> None:
    env = {**os.environ, "WEIGHBRIDGE_STORE": str(store), "WEIGHBRIDGE_APP_NAME": "shop"}
    ran = subprocess.run([sys.executable, PROGRAM, str(NUMBER)], env=env, capture_output=True, text=True, check=True)
    assert int(ran.stdout) < 25_000_000
    with StoreReader.open(store) as reader:
        groups = reader.error_groups(lately())
        assert sum(one.count for one in groups) == reader.totals(lately()).errors == NUMBER
        assert len(groups) <= MAX_GROUPS + 1
        rest = sum(one.count for one in groups if one.group.type == OTHER)
        dropped = reader.dropped(lately())
        assert rest > NUMBER / 2
        assert 0 < dropped["errors of other groups"] <= rest
        samples = reader.samples(lately(), limit=1000)
        tracebacks = [one.traceback for sample in samples for one in reader.errors_of_sample(sample.id)]
        assert 0 < sum(one is not None for one in tracebacks) <= MAX_STACKS
    told = CliRunner().invoke(command, ["report", "--store", str(store)]).output
    assert f"{dropped['errors of other groups']:,} errors of other groups were counted under {OTHER}" in told
