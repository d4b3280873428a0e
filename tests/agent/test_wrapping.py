"""The agent's tools for wrapping have nothing to do with measuring, and do what they do there."""

from __future__ import annotations

import subprocess
import sys
import types
from typing import Any

import pytest

from weighbridge import agent


class Shop:
    def __init__(self) -> None:
        self.seen: list[Any] = []

    def sell(self, number: int, *, price: int = 1) -> int:
        self.seen.append(("sell", number, price))
        return number * price


@pytest.fixture
def module(monkeypatch: pytest.MonkeyPatch) -> Any:
    """A module that has a class with a method, and a function."""
    made: Any = types.ModuleType("a_shop")
    made.Shop = type("Shop", (Shop,), {"sell": Shop.sell})
    made.twice = lambda number: number * 2
    monkeypatch.setitem(sys.modules, "a_shop", made)
    return made


def doubling(wrapped: Any, instance: Any, args: Any, kwargs: Any) -> Any:
    return wrapped(*args, **kwargs) * 2


def test_a_function_is_called_by_way_of_the_programs_own(module: Any) -> None:
    agent.wrap_function_wrapper("a_shop", "Shop.sell", doubling)
    agent.patch_function_wrapper("a_shop", "twice")(doubling)
    assert (module.Shop().sell(3, price=4), module.twice(5)) == (24, 20)
    assert agent.function_wrapper(doubling)(abs)(-3) == 6
    assert agent.FunctionWrapper(abs, doubling)(-3) == 6


def test_for_a_while(module: Any) -> None:
    wrapped = agent.transient_function_wrapper("a_shop", "twice")(doubling)

    @wrapped
    def within() -> Any:
        return module.twice(5)

    assert (within(), module.twice(5)) == (20, 10)


def test_a_proxy_can_be_derived_from() -> None:
    class Loud(agent.ObjectProxy):
        def upper(self) -> str:
            return f"{self.__wrapped__}!".upper()

    class Counted(agent.CallableObjectProxy):
        def __call__(self, *args: Any) -> Any:
            return 1 + self.__wrapped__(*args)

    assert (Loud("shop").upper(), Loud("shop").title(), isinstance(Loud("shop"), str)) == ("SHOP!", "Shop", True)
    assert Counted(abs)(-3) == 4


def test_objects_and_attributes_are_replaced(module: Any) -> None:
    agent.wrap_object(module, "twice", lambda wrapped, more: lambda number: wrapped(number) + more, (1,))
    assert module.twice(5) == 11
    agent.wrap_object_attribute(module, "Shop.price", lambda value, factor: value * factor, (10,))
    shop = module.Shop()
    shop.price = 7
    assert shop.price == 70
    assert agent.resolve_path("a_shop", "Shop.sell")[:2] == (module.Shop, "sell")


@pytest.mark.parametrize("form", ["decorator", "wrapper", "path"])
def test_before_after_and_around_a_function(form: str, module: Any) -> None:
    def told(*args: Any, **kwargs: Any) -> None:
        args[0].seen.append((args[1:], kwargs))

    def given(shop: Any, number: int, **kwargs: Any) -> Any:
        return (number + 1,), kwargs

    def wrap(kind: str, function: Any) -> None:
        if form == "path":
            getattr(agent, f"wrap_{kind}_function")("a_shop", "Shop.sell", function)
        elif form == "wrapper":
            module.Shop.sell = getattr(agent, f"{kind.title()}FunctionWrapper")(vars(module.Shop)["sell"], function)
        else:
            module.Shop.sell = getattr(agent, f"{kind}_function")(function)(vars(module.Shop)["sell"])

    wrap("pre", told)
    wrap("post", told)
    wrap("in", given)
    wrap("out", lambda result: -result)
    shop = module.Shop()
    assert shop.sell(3, price=4) == -16
    assert shop.seen == [((4,), {"price": 4}), ("sell", 4, 4), ((4,), {"price": 4})]


def test_the_instance_may_be_among_the_arguments_that_are_given_back(module: Any) -> None:
    agent.wrap_in_function("a_shop", "Shop.sell", lambda *args, **kwargs: (args, kwargs))
    agent.wrap_in_function("a_shop", "twice", lambda number: ((number + 1,), {}))
    assert (module.Shop().sell(3), module.twice(1)) == (3, 4)


def test_wrapt_is_loaded_for_those_who_ask() -> None:
    asked = "print('wrapt' in sys.modules)"
    code = f"import sys, weighbridge.agent as agent; {asked}; agent.ObjectProxy; {asked}"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=300, check=True)
    assert done.stdout.split() == ["False", "True"]
