"""The comparison of the suites of others, tried on suites of a few tests: what differs is found, and nothing else."""

from __future__ import annotations

import signal
import sys
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "suites"))

from run import Compared, compared, problems, table
from runs import Run, run
from suite import Suite

FLASK = """
import os, signal
import flask, weighbridge

app = flask.Flask("shop")
app.add_url_rule("/", view_func=lambda: str(weighbridge.current_transaction()))

def test_passes():
    assert [app.test_client().get(path).status_code for path in ("/", "/none")] == [200, 404]
def test_fails():
    assert app.test_client().get("/").status_code == 404
def test_has_the_program_to_itself():
    assert app.test_client().get("/").text == "None"
"""
DIES = """

def test_dies():
    os.kill(os.getpid(), signal.SIGSEGV)
"""
BOTTLE = """
import unittest
import bottle

app = bottle.Bottle()
app.route("/", callback=lambda: "hello")

class Shop(unittest.TestCase):
    def ask(self):
        environ = {"REQUEST_METHOD": "GET", "PATH_INFO": "/", "wsgi.errors": None}
        return b"".join(app(environ, lambda *_: None))
    def test_passes(self):
        self.assertEqual(self.ask(), b"hello")
    def test_fails(self):
        self.assertEqual(self.ask(), b"")
    @unittest.skip("no")
    def test_is_skipped(self): ...

unittest.main(argv=["shop"])
"""


@pytest.fixture
def root(tmp_path: Path) -> Path:
    (tmp_path / "tests").mkdir()
    return tmp_path


def test_a_test_that_ends_differently_is_found_and_every_request_is_counted(root: Path) -> None:
    (root / "tests" / "test_shop.py").write_text(FLASK)
    found = compared(Suite("flask"), root)
    assert found.bare.outcomes == {
        "tests/test_shop.py::test_passes": "passed",
        "tests/test_shop.py::test_fails": "failed",
        "tests/test_shop.py::test_has_the_program_to_itself": "passed",
    }
    name = "tests/test_shop.py::test_has_the_program_to_itself"
    assert found.different == {name: ("passed", "failed")}
    assert (found.measured.asked, found.measured.recorded, found.measured.unfinished) == (4, 4, 0)
    complaint, said = problems(found)
    assert complaint == f"flask: {name} passed without weighbridge, failed with it"
    assert "AssertionError" in said


def test_a_suite_of_unittest(root: Path) -> None:
    (root / "tests" / "runtests.py").write_text(BOTTLE)
    found = compared(Suite("bottle", by_pytest=False), root)
    outcomes = {name.rpartition(".")[2]: outcome for name, outcome in found.measured.outcomes.items()}
    assert outcomes == {"test_passes": "passed", "test_fails": "failed", "test_is_skipped": "skipped"}
    assert (found.different, found.measured.asked, found.measured.recorded) == ({}, 2, 2)
    assert list(problems(found)) == []


def test_a_suite_that_dies_says_of_what(root: Path) -> None:
    (root / "tests" / "test_shop.py").write_text(FLASK + DIES)
    died = run(Suite("flask"), root, measured=False)
    assert (died.ended, died.outcomes["tests/test_shop.py::test_dies"]) == (-signal.SIGSEGV, "begun")
    complaint, *_ = problems(Compared(Suite("flask"), died, died, {}))
    assert complaint.startswith("flask: the tests without weighbridge ended with -11")


def test_a_request_that_is_not_recorded_is_complained_of() -> None:
    bare, measured = Run("without", {"a": "passed", "b": "failed"}), Run("with", {"a": "passed", "b": "failed"})
    measured.asked, measured.recorded, measured.unfinished = 4, 2, 1
    found = Compared(Suite("flask"), bare, measured, {})
    assert list(problems(found)) == ["flask: 4 requests, 2 recorded, 1 unfinished"]
    assert table([found]).splitlines()[1].split()[2:] == ["2", "1", "1", "0", "4", "2", "1", "0"]


def test_where_no_request_came_by_nothing_was_compared() -> None:
    nothing = Run("without")
    assert list(problems(Compared(Suite("flask"), nothing, nothing, {}))) == ["flask: no request came by weighbridge"]
