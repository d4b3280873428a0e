"""Tools that ask for type hints at run time: dependency injection, checkers of arguments, generators of documents."""

from __future__ import annotations

import importlib
import inspect
import pkgutil
import typing
from collections.abc import Iterator
from types import ModuleType
from typing import Any

import pytest

import weighbridge.jobs

JOBS = [module.name for module in pkgutil.iter_modules(weighbridge.jobs.__path__, "weighbridge.jobs.")]
MODULES = ["weighbridge", "weighbridge.middleware", "weighbridge.agent", "weighbridge.testing", *JOBS]
OPERATORS = {"__init__", "__new__", "__call__", "__enter__", "__exit__", "__aenter__", "__aexit__"}


def public(module: ModuleType) -> Iterator[tuple[str, Any]]:
    """The functions, classes and methods of a module's public names."""
    for name in getattr(module, "__all__", ()):
        found = getattr(module, name)
        if inspect.isclass(found) or inspect.isfunction(found):
            yield name, found
        if inspect.isclass(found):
            yield from methods(name, found)


def methods(name: str, kind: type) -> Iterator[tuple[str, Any]]:
    for attribute, value in vars(kind).items():
        function = getattr(value, "fget", None) or getattr(value, "__func__", value)
        if inspect.isfunction(function) and (attribute in OPERATORS or not attribute.startswith("_")):
            yield f"{name}.{attribute}", function


def problem(found: Any) -> str:
    try:
        typing.get_type_hints(found)
    except (NameError, TypeError) as error:
        return str(error)
    return ""


@pytest.mark.parametrize("name", MODULES)
def test_type_hints_of_all_that_is_public(name: str) -> None:
    try:
        module = importlib.import_module(name)
    except ImportError as missing:
        pytest.skip(str(missing))
    problems = {label: problem(found) for label, found in public(module)}
    assert not any(problems.values()), {label: text for label, text in problems.items() if text}


def test_the_walk_finds_what_it_should() -> None:
    found = {label for label, _ in public(weighbridge)}
    assert {"begin_background_task", "global_settings", "WSGITransactionMiddleware.__call__"} <= found
