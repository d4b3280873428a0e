"""The newest release of PostgreSQL, beside the system's: some tests of servers once more.

It is in the folder of programs that ``NEWEST_POSTGRESQL`` names.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

import pytest

from ..clusters import Cluster
from .test_engines_agree import paths, test_reports_exports_and_pages_agree
from .test_server_faults import (
    reporter,
    server,
    test_a_role_may_report_and_read_nothing,
    test_duplicates_that_race_with_merging_are_refused,
    test_replies_that_are_cut_off_cost_nothing_and_count_nothing_twice,
)
from .test_server_upgrade import released, test_an_upgrade_keeps_what_is_there_and_the_version_before_goes_on

__all__ = [
    "paths",
    "released",
    "reporter",
    "server",
    "test_a_role_may_report_and_read_nothing",
    "test_an_upgrade_keeps_what_is_there_and_the_version_before_goes_on",
    "test_duplicates_that_race_with_merging_are_refused",
    "test_replies_that_are_cut_off_cost_nothing_and_count_nothing_twice",
    "test_reports_exports_and_pages_agree",
]


@pytest.fixture(scope="module")
def cluster() -> Iterator[Cluster]:
    """A server of that release."""
    programs = os.environ.get("NEWEST_POSTGRESQL")
    if not programs:
        pytest.skip("NEWEST_POSTGRESQL names no folder of PostgreSQL's programs")
    newest = Cluster(Path(programs))
    try:
        newest.start()
        yield newest
    finally:
        newest.remove()
