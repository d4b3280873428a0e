"""The kit of this folder: what a program has done is read back exactly, and a search takes the time that was said."""

from __future__ import annotations

import pytest

from .conftest import Programs, Stored, seconds_given


def test_a_search_goes_on_for_as_long_as_was_said(
    seconds: float, programs: Programs, stored: Stored, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("FAULTS_SECONDS", "0.5")
    done = programs.run(
        f"""
        until, done = time.monotonic() + {min(seconds, 1.0)}, 0
        while time.monotonic() < until:
            work()
            done += 1
        print(done)
        """
    )
    assert stored.calls() == {"work": int(done)}
    assert seconds_given() == 0.5


def test_what_is_no_number_of_seconds_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("FAULTS_SECONDS", "long")
    with pytest.raises(pytest.UsageError, match=r"FAULTS_SECONDS is 'long'"):
        seconds_given()
