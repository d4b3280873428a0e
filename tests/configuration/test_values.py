"""What is valid for each setting, and how a wrong one is reported."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from weighbridge.transactions.configuration.loading import ConfigurationError, load
from weighbridge.transactions.configuration.settings import DEFAULTS, SETTINGS
from weighbridge.transactions.configuration.table import shown_value

VALID = [
    ("apdex_t", "0.25", 0.25),
    ("apdex_t", 2, 2.0),
    ("transaction_apdex_t", "WebTransaction/Uri/a = 1; WebTransaction/Route/GET /x=y = 2.5",
     {"WebTransaction/Uri/a": 1.0, "WebTransaction/Route/GET /x=y": 2.5}),
    ("app_name", " Shop;All ", "Shop;All"),
    ("enabled", "No", False),
    ("enabled", " T ", True),
    ("enabled", False, False),
    ("store", ":memory:", ":memory:"),
    ("keep_hours", "400", 400.0),
    ("error_statuses", "500, 502-504", frozenset({500, 502, 503, 504})),
    ("error_statuses", [500, "502-503"], frozenset({500, 502, 503})),
    ("error_statuses", 503, frozenset({503})),
    ("error_statuses", [], frozenset()),
    ("expected_errors", "builtins:OSError shop.errors:Cart.Empty", {"builtins:OSError", "shop.errors:Cart.Empty"}),
    ("denied_params", ["Card", "pin"], frozenset({"card", "pin"})),
    ("max_names", "50", 50),
    ("max_samples", 0, 0),
    ("log_level", "DEBUG", "debug"),
    ("log_level", 30, "warning"),
]  # fmt: skip

INVALID = [
    *[("apdex_t", value) for value in ("fast", "0", "-1", "nan", "inf", True, [], "86401", "", None.__class__)],
    *[("transaction_apdex_t", value) for value in ("a/b/c", "a/b/c = x", "name = 1", {"a/b/c": 0}, 3)],
    *[("app_name", value) for value in (";", 3, b"Shop")],
    *[("enabled", value) for value in ("maybe", 2, "", [])],
    *[("applications", value) for value in ("Shop", {"Shop": 1}, [])],
    *[("error_statuses", value) for value in ("5xx", "99", "504-500", "1000", True, "500-", "-")],
    *[("ignored_errors", value) for value in ("ValueError", "a:", ":b", "a b:c", {"a:b": 1})],
    *[("max_names", value) for value in ("0", "1.5", "many", "9" * 400)],
    *[("log_level", value) for value in ("loud", "", 21, True)],
    *[("store", value) for value in ("", 3, [])],
]


@pytest.mark.parametrize(("name", "written", "value"), VALID)
def test_valid(name: str, written: object, value: object) -> None:
    found = load(arguments={name: written})
    assert found.problems == ()
    assert getattr(found.settings, name) == value
    assert type(getattr(found.settings, name)) is not bool or isinstance(value, bool)


@pytest.mark.parametrize(("name", "written"), INVALID)
def test_invalid(name: str, written: object) -> None:
    found = load(arguments={name: written})
    (problem,) = found.problems
    assert getattr(found.settings, name) == getattr(DEFAULTS, name)
    assert found.origins[name].source == "default"
    assert problem.setting == name
    assert SETTINGS[name].kind.valid in str(problem)
    assert repr(written)[:40] in str(problem)


SCALARS = st.one_of(st.text(), st.binary(), st.integers(), st.floats(), st.booleans())
ANYTHING = st.one_of(
    SCALARS,
    st.lists(SCALARS),
    st.dictionaries(st.text(), st.one_of(SCALARS, st.dictionaries(st.text(), SCALARS))),
)


@pytest.mark.parametrize("name", SETTINGS)
@given(written=ANYTHING)
def test_any_value_is_read_or_reported(name: str, written: object) -> None:
    found = load(arguments={name: written})
    assert (found.origins[name].source == "argument") or found.problems
    assert all(str(problem).count("\n") == 0 for problem in found.problems)


@given(st.frozensets(st.integers(100, 999), max_size=20))
def test_statuses_are_shown_as_they_are_read(statuses: frozenset[int]) -> None:
    shown = shown_value(statuses)
    assert load(arguments={"error_statuses": shown}).settings.error_statuses == statuses


@pytest.mark.parametrize("name", SETTINGS)
def test_every_default_is_valid_as_it_is_shown(name: str) -> None:
    shown = shown_value(getattr(DEFAULTS, name))
    found = load(arguments={name: shown or None})
    assert found.problems == ()
    assert found.settings == DEFAULTS


def test_a_misspelt_name_is_reported_with_the_right_one() -> None:
    (problem,) = load(environ={"WEIGHBRIDGE_APDEXT": "s3cret"}).problems
    assert str(problem) == "environment variable WEIGHBRIDGE_APDEXT: there is no setting apdext; did you mean apdex_t?"


def test_a_name_like_no_other_is_reported_with_all() -> None:
    (problem,) = load(arguments={"zzz": 1}).problems
    assert all(name in str(problem) for name in SETTINGS)


def test_a_long_wrong_value_is_cut() -> None:
    (problem,) = load(arguments={"apdex_t": "x" * 10_000}).problems
    assert len(str(problem)) < 250


def test_all_problems_are_raised_together() -> None:
    found = load(arguments={"apdex_t": "fast", "max_names": 0})
    with pytest.raises(ConfigurationError) as caught:
        found.require()
    assert caught.value.problems == found.problems
    assert str(caught.value).splitlines() == [str(problem) for problem in found.problems]


def test_no_problem_raises_nothing() -> None:
    load().require()
