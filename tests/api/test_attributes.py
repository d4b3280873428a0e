"""Which values custom attributes take, and as what."""

from __future__ import annotations

import datetime as dt
import decimal
import enum
import itertools
import json
import pathlib
import tracemalloc
import uuid
from collections import OrderedDict, defaultdict, namedtuple
from collections.abc import Callable, Iterator
from fractions import Fraction
from typing import Any

import pytest
from django.db.models import QuerySet
from django.utils.functional import SimpleLazyObject
from hypothesis import given
from hypothesis import strategies as st

from weighbridge import BackgroundTask, FinishedTransaction, add_custom_attribute, add_custom_attributes, notice_error
from weighbridge.testing import capture_transactions
from weighbridge.transactions.store.sample_json import from_json, to_json

Finished = list[FinishedTransaction]
Lost = Callable[[str], int]


class Colour(enum.Enum):
    RED = 1


class Size(enum.IntEnum):
    LARGE = 3


class Shade(str, enum.Enum):
    DARK = "dark"


Point = namedtuple("Point", "x y")  # noqa: PYI024  as older programs have them

MOMENT = dt.datetime(2026, 1, 31, 8, 0, tzinfo=dt.timezone.utc)
IDENTITY = uuid.UUID(int=7)

AS_TEXT = [
    IDENTITY,
    decimal.Decimal("1.50"),
    MOMENT,
    MOMENT.date(),
    MOMENT.time(),
    dt.timedelta(seconds=90),
    Colour.RED,
    pathlib.Path("/srv/shop"),
    pathlib.PurePosixPath("a/b"),
    pathlib.PureWindowsPath("C:/a"),
    [1, "a", 2.5, True],
    (1, 2),
    (1,),
    {1},
    frozenset({1}),
    {"a": 1, 2: IDENTITY},
    {("a", 1): [1]},
    [],
    {},
    [IDENTITY, MOMENT, Colour.RED, decimal.Decimal(1)],
    [[1, [2]], {"a": (3,)}],
]


@pytest.mark.parametrize("value", AS_TEXT, ids=repr)
def test_values_that_are_taken_as_their_text(value: object, finished: Finished, lost: Lost) -> None:
    with BackgroundTask(name="job"):
        assert add_custom_attribute("key", value) is True
    assert finished[0].attributes == {"key": str(value)}
    assert lost("attributes") == 0


@pytest.mark.parametrize(
    ("value", "taken"),
    [
        (Shade.DARK, "dark"),
        (Size.LARGE, 3),
        (float("nan"), "nan"),
        (float("-inf"), "-inf"),
        (2**63 - 1, 2**63 - 1),
        (2**63, str(2**63)),
        (-(2**63) - 1, str(-(2**63) - 1)),
        (Point(1, 2), "(1, 2)"),
        (defaultdict(list, a=[1]), "{'a': [1]}"),
        (OrderedDict(a=1), "{'a': 1}"),
        (list(range(100)), str(list(range(20)))),
        (tuple(range(100)), str(tuple(range(20)))),
        (dict.fromkeys(range(100), 1), str(dict.fromkeys(range(20), 1))),
        ([["x"] * 30] * 2, str([["x"] * 20] * 2)),
    ],
)
def test_as_what_others_are_taken(value: object, taken: object, finished: Finished) -> None:
    with BackgroundTask(name="job"):
        assert add_custom_attribute("key", value) is True
    assert finished[0].attributes["key"] == (taken if not isinstance(taken, str) else taken[:255])
    assert type(finished[0].attributes["key"]) is type(taken)


def test_sets_are_cut_too(finished: Finished) -> None:
    with BackgroundTask(name="job"):
        assert add_custom_attribute("key", set(range(100))) is True
    assert len(json.loads(str(finished[0].attributes["key"]).replace("{", "[").replace("}", "]"))) == 20


class Anything:
    def __str__(self) -> str:
        raise AssertionError("nobody asked for that")

    __repr__ = __str__


def recursive() -> list[Any]:
    items: list[Any] = []
    items.append(items)
    return items


@pytest.mark.parametrize(
    "value",
    [
        None,
        object(),
        Anything(),
        b"bytes",
        bytearray(b"x"),
        1j,
        Fraction(1, 2),
        range(3),
        iter([1]),
        (number for number in [1]),
        {}.items(),
        len,
        str,
        Exception("x"),
        [None],
        [object()],
        {"a": Anything()},
        {Colour: 1},
        10**1000,
        [[[[1]]]],
        recursive(),
    ],
    ids=lambda value: type(value).__name__,
)
def test_anything_else_is_dropped_and_counted(value: object, finished: Finished, lost: Lost) -> None:
    with BackgroundTask(name="job"):
        assert add_custom_attribute("key", value) is False
        assert lost("attributes") == 1
    assert finished[0].attributes == {}


# What belongs to the host program is not asked more than it has to be


class EvilText(str):
    """Text whose every way is a trap."""

    __slots__ = ()

    def _trap(self, *_: Any) -> Any:
        raise AssertionError

    __str__ = __repr__ = __len__ = __hash__ = __eq__ = __getitem__ = encode = __iter__ = __contains__ = _trap  # type: ignore[assignment]


class EvilNumber(int):
    def __int__(self) -> int:
        raise AssertionError

    __str__ = __repr__ = __index__ = __bool__ = __lt__ = __ge__ = __int__  # type: ignore[assignment]


class EvilFloat(float):
    def __float__(self) -> float:
        raise AssertionError

    __str__ = __repr__ = __float__  # type: ignore[assignment]


class EvilList(list[Any]):
    def __iter__(self) -> Iterator[Any]:
        raise AssertionError

    __str__ = __repr__ = __len__ = __getitem__ = __bool__ = __iter__  # type: ignore[assignment]


class EvilTable(dict[Any, Any]):
    def items(self) -> Any:
        raise AssertionError

    __str__ = __repr__ = __len__ = __iter__ = keys = __bool__ = items


def test_ways_of_their_classes_are_not_used(finished: Finished) -> None:
    with BackgroundTask(name="job"):
        assert add_custom_attribute(EvilText("text"), EvilText("value"))
        assert add_custom_attribute("number", EvilNumber(3))
        assert add_custom_attribute("float", EvilFloat(1.5))
        assert add_custom_attribute("list", EvilList([EvilText("a"), EvilNumber(1)]))
        assert add_custom_attribute("table", EvilTable({"a": EvilFloat(1.5)}))
    found = finished[0].attributes
    assert found == {"text": "value", "number": 3, "float": 1.5, "list": "['a', 1]", "table": "{'a': 1.5}"}
    assert {type(value) for value in found.values()} == {str, int, float}


class EvilIdentity(uuid.UUID):
    def __str__(self) -> str:
        raise RuntimeError("no")

    __repr__ = __str__


class EvilAmount(decimal.Decimal):
    def __str__(self) -> str:
        return EvilText("1.50")

    __repr__ = __str__


class NoText(dt.date):
    def __str__(self) -> str:
        return 7  # type: ignore[return-value]  # noqa: PLE0307  that is the point


def test_a_text_that_cannot_be_had_is_dropped_and_never_raises(finished: Finished, lost: Lost) -> None:
    with BackgroundTask(name="job"):
        assert add_custom_attribute("identity", EvilIdentity(int=1)) is False
        assert add_custom_attribute("identities", [EvilIdentity(int=1)]) is False
        assert add_custom_attribute("date", NoText(2026, 1, 31)) is False
        assert lost("attributes") == 3
        assert add_custom_attribute("amount", EvilAmount(1)) is True
    assert finished[0].attributes == {"amount": "1.50"}
    assert type(finished[0].attributes["amount"]) is str


class Lazy:
    """As frameworks have them: it is evaluated when somebody asks what it is."""

    def __init__(self) -> None:
        self.evaluated = False

    @property
    def __class__(self) -> type:  # type: ignore[override]
        self.evaluated = True
        return str

    def __str__(self) -> str:
        self.evaluated = True
        return "evaluated"

    __repr__ = __str__


def test_lazy_objects_are_not_evaluated(finished: Finished) -> None:
    lazy = Lazy()
    with BackgroundTask(name="job"):
        assert add_custom_attribute("key", lazy) is False
        assert add_custom_attribute("keys", [lazy]) is False
        assert add_custom_attribute(lazy, 1) is False  # type: ignore[arg-type]
    assert lazy.evaluated is False
    assert finished[0].attributes == {}


def test_a_query_of_django_is_not_evaluated(finished: Finished) -> None:
    class Query(QuerySet[Any]):
        def _fetch_all(self) -> None:
            raise AssertionError("it was evaluated")

    def user() -> None:
        raise AssertionError("it was evaluated")

    with BackgroundTask(name="job"):
        assert add_custom_attribute("query", Query()) is False
        assert add_custom_attribute("queries", [Query()]) is False
        assert add_custom_attribute("user", SimpleLazyObject(user)) is False
        notice_error(ValueError("x"), status_code=None)
    assert finished[0].attributes == {}


@pytest.mark.parametrize("value", ["x" * 50_000_000, [[["x" * 50_000_000] * 30] * 30] * 30, 10**300_000], ids=type)
def test_of_what_is_very_large_no_copy_is_made(value: object) -> None:
    with BackgroundTask(name="job"):
        add_custom_attribute("key", 1)
        tracemalloc.start()
        try:
            add_custom_attribute("key", value)
            assert tracemalloc.get_traced_memory()[1] < 20_000_000  # bytes at most
        finally:
            tracemalloc.stop()


# Several at once


def test_of_pairs_and_others_the_pairs_are_taken(finished: Finished, lost: Lost) -> None:
    with BackgroundTask(name="job"):
        assert add_custom_attributes([("a", 1), 2, ("b",), ("c", None), ("d", 4)]) is False  # type: ignore[list-item]
        assert lost("attributes") == 3
    assert finished[0].attributes == {"a": 1, "d": 4}


def breaking() -> Iterator[tuple[str, int]]:
    yield "a", 1
    raise RuntimeError("the program's own")


class BrokenTable(dict[str, int]):
    def items(self) -> Any:
        raise RuntimeError("the program's own")


@pytest.mark.parametrize(
    "items", [7, None, object(), BrokenTable(a=1), breaking()], ids=lambda value: type(value).__name__
)
def test_what_is_neither_mapping_nor_pairs_is_said_and_not_used(
    items: Any, finished: Finished, mistakes: list[str], caplog: pytest.LogCaptureFixture
) -> None:
    with BackgroundTask(name="job"):
        assert add_custom_attributes(items) is False
    assert finished[0].attributes == {}
    assert caplog.messages == [f"attributes must be a mapping or pairs, not a {type(items).__name__}: ignored"]
    assert mistakes == []


def test_pairs_without_end_come_to_one(finished: Finished, lost: Lost) -> None:
    with BackgroundTask(name="job"):
        assert add_custom_attributes((f"key{number}", number) for number in itertools.count()) is False
        assert lost("attributes") > 0
    assert len(finished[0].attributes) == 128


def test_nothing_at_once_is_all_of_it() -> None:
    with BackgroundTask(name="job"):
        assert add_custom_attributes({}) is True
        assert add_custom_attributes([]) is True


# Whatever it is


LEAVES = st.one_of(
    st.none(), st.text(), st.binary(), st.integers(), st.floats(), st.booleans(), st.uuids(), st.decimals(),
    st.dates(), st.times(), st.datetimes(), st.timedeltas(), st.complex_numbers(), st.fractions(),
)  # fmt: skip
VALUES = st.recursive(
    LEAVES, lambda inner: st.one_of(st.lists(inner), st.dictionaries(st.one_of(st.text(), st.integers()), inner))
)


@given(VALUES)
def test_any_value_is_taken_as_plain_or_not_at_all(value: object) -> None:
    with capture_transactions() as finished, BackgroundTask(name="job"):
        taken = add_custom_attribute("key", value)
    attributes = finished[0].attributes
    assert ("key" in attributes) is taken
    assert all(type(found) in {str, int, float, bool} for found in attributes.values())
    assert all(len(found.encode("utf-8", "replace")) <= 255 for found in attributes.values() if isinstance(found, str))
    assert from_json(to_json(finished[0])).attributes == attributes
    json.loads(to_json(finished[0]), parse_constant=pytest.fail)
