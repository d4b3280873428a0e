"""What becomes of the state of an alert, as a table: state, judgement and time in, state out."""

from __future__ import annotations

from typing import Any

import pytest

from weighbridge.alerting.changes import PAUSES, change_id, claimed, judged, mark_of
from weighbridge.transactions.store.results import AlertState

from .conftest import alert

NOW = 1_790_000_000.0
HOOK = {"webhook": "https://hooks.example.com/"}


def state(name: str, since: float = NOW - 500, told: str = "ok", claim: float = NOW - 5, attempts: int = 0) -> Any:
    return AlertState("errors of the shop", name, since, told, "other", claim, attempts)  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("keys", "before", "condition", "after"),
    [
        ({}, None, "ok", None),
        ({}, None, "unknown", None),
        ({}, None, "critical", ("critical", NOW, "critical", 0)),
        (HOOK, None, "critical", ("critical", NOW, "ok", 1)),
        (HOOK, None, "warning", ("warning", NOW, "ok", 1)),
        (HOOK, state("ok"), "ok", None),
        (HOOK, state("ok"), "unknown", None),
        (HOOK, state("ok"), "critical", ("critical", NOW, "ok", 1)),
        # It lasts.
        ({**HOOK, "for": "5m"}, None, "critical", ("pending", NOW, "ok", 0)),
        ({**HOOK, "for": "5m"}, state("pending", NOW - 299), "critical", None),
        ({**HOOK, "for": "5m"}, state("pending", NOW - 299), "unknown", None),
        ({**HOOK, "for": "5m"}, state("pending", NOW - 300), "warning", ("warning", NOW, "ok", 1)),
        ({**HOOK, "for": "5m"}, state("pending", NOW - 299), "ok", ("ok", NOW, "ok", 0)),
        ({**HOOK, "for": "5m"}, state("pending", NOW + 86400), "critical", ("pending", NOW, "ok", 0)),
        # Whether it does is known for as long as somebody judges it, by a command every ten minutes, too.
        ({"for": "1h"}, state("pending", claim=NOW - 60), "critical", ("pending", NOW - 500, "ok", 0)),
        ({"for": "1h"}, state("pending", claim=NOW - 60), "unknown", None),
        ({"for": "5m"}, state("pending", claim=NOW - 600), "critical", ("critical", NOW, "critical", 0)),
        ({"for": "5m"}, state("pending", NOW - 86400, claim=NOW - 1800), "critical", ("pending", NOW, "ok", 0)),
        ({"for": "5m"}, state("pending", NOW - 86400, claim=NOW - 1800), "ok", ("ok", NOW, "ok", 0)),
        # It is on.
        (HOOK, state("critical", told="critical"), "critical", None),
        (HOOK, state("critical", told="critical"), "warning", None),
        (HOOK, state("critical", told="critical"), "unknown", None),
        (HOOK, state("critical", told="critical"), "ok", ("ok", NOW, "critical", 1)),
        (HOOK, state("warning", told="warning"), "critical", ("critical", NOW - 500, "warning", 1)),
        ({}, state("critical", told="critical"), "ok", ("ok", NOW, "ok", 0)),
        # A console says now and then that it is still judged.
        (HOOK, state("critical", told="critical", claim=NOW - 60), "critical", ("critical", NOW - 500, "critical", 0)),
        (HOOK, state("critical", told="critical", claim=NOW - 60), "unknown", ("critical", NOW - 500, "critical", 0)),
        # What was not told yet is told first.
        (HOOK, state("critical", attempts=1), "ok", None),
        (HOOK, state("ok", told="critical", attempts=3), "critical", None),
    ],
)
def test_the_next_state(keys: Any, before: Any, condition: Any, after: Any) -> None:
    found = judged(alert(error_rate="2%,5%", **keys), before, condition, NOW, "me")
    if after is None:
        assert found is None
    else:
        assert found is not None
        assert (found.state, found.since, found.told, found.attempts) == after
        assert (found.claimed_by, found.claimed) == ("me", NOW)


@pytest.mark.parametrize("attempts", range(1, 8))
def test_the_next_attempt_is_due_after_a_pause(attempts: int) -> None:
    pause = PAUSES[min(attempts, 4) - 1]
    assert claimed(state("critical", claim=NOW - pause + 1, attempts=attempts), NOW, "me") is None
    found = claimed(state("critical", claim=NOW - pause, attempts=attempts), NOW, "me")
    assert found is not None
    assert (found.attempts, found.claimed_by, found.claimed, found.told) == (attempts + 1, "me", NOW, "ok")


@pytest.mark.parametrize("attempts", range(1, 8))
def test_a_claim_of_a_clock_that_was_ahead_is_taken_over(attempts: int) -> None:
    pause = PAUSES[min(attempts, 4) - 1]
    assert claimed(state("critical", claim=NOW + pause - 1, attempts=attempts), NOW, "me") is None
    assert claimed(state("critical", claim=NOW + 86400, attempts=attempts), NOW, "me") is not None


def test_five_attempts_take_ten_minutes_at_most() -> None:
    assert len(PAUSES) == 4
    assert sum(PAUSES) < 600
    assert min(PAUSES) > 5 * 5  # none is taken for gone that still waits for an answer


def test_marks_are_set_where_it_begins_and_ends() -> None:
    shop = alert(application="shop")
    begun, over = state("critical", NOW), state("ok", NOW)
    mark = mark_of(shop, None, begun)
    assert mark is not None
    assert (mark.application, mark.moment, mark.kind, mark.name) == ("shop", NOW, "alert", "errors of the shop")
    assert [one.kind for one in [mark_of(shop, begun, over)] if one] == ["alert_end"]
    assert mark_of(shop, state("ok"), state("pending")) is None
    assert mark_of(shop, state("warning"), begun) is None


def test_a_change_has_an_id_however_often_it_is_told() -> None:
    one = state("critical", NOW)
    assert change_id(one) == change_id(state("critical", NOW, attempts=3, claim=NOW + 60))
    assert len({change_id(one), change_id(state("critical", NOW + 0.1)), change_id(state("ok", NOW))}) == 3
