"""Importing the installed package: the names that exist, and that nothing happens."""

from __future__ import annotations

import importlib
import inspect
import subprocess
import sys
from pathlib import Path

import pytest

HEAVY = (
    *("asyncio", "sqlite3", "logging", "importlib.metadata", "inspect", "dataclasses", "threading", "signal"),
    *("click", "rich", "wrapt", "asgiref", "platformdirs", "tomllib"),
)
LIGHT = {"__future__", "_contextvars", "atexit", "contextvars", "gc", "importlib", "warnings"}
"""What is loaded of the standard library besides what `typing` takes: on Python 3.13 neither `re` nor `contextlib`."""
LATE = (
    *("middleware.asgi", "middleware.django", "middleware.wrappers", "middleware.wsgi"),
    *("transactions.configuration.loading", "transactions.model.query", "transactions.recording", "transactions.store"),
    *("transactions.wrappers.classes", "transactions.wrappers.proxies", "transactions.wrappers.functions"),
)
MODULES = ("weighbridge", "weighbridge.middleware")
MIDDLEWARES = ("weighbridge.middleware.wsgi", "weighbridge.middleware.asgi", "weighbridge.middleware.django")

QUIET = """
import os, sys

class Environment(dict):
    def _seen(self, name):
        if str(name).startswith(("WEIGHBRIDGE", "NEW_RELIC")):
            raise AssertionError(f"reads {name}")
    def __getitem__(self, name): self._seen(name); return super().__getitem__(name)
    def get(self, name, default=None): self._seen(name); return super().get(name, default)
    def __contains__(self, name): self._seen(name); return super().__contains__(name)
    def __iter__(self): raise AssertionError("reads the whole environment")
    keys = items = values = copy = __iter__

def watch(event, arguments):
    if event in ("socket.connect", "sqlite3.connect", "subprocess.Popen", "os.fork"):
        raise AssertionError(event)
    if event == "open" and "importlib" not in str(sys._getframe(1).f_code.co_filename):
        raise AssertionError(f"opens {arguments[0]}")
    if event == "compile" and sys._getframe(1).f_code.co_filename.endswith("typing.py"):
        raise AssertionError(f"compiles the annotation {arguments[0]}")

os.environ = Environment(os.environ)
sys.addaudithook(watch)
"""
STARTED = "\nimport _thread; assert not _thread._count(), 'starts a thread'"


def python(code: str, folder: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    """Run code in a new interpreter, in a folder that has nothing to import."""
    return subprocess.run(
        [sys.executable, "-c", code, *arguments], cwd=folder, capture_output=True, text=True, check=False
    )


@pytest.mark.parametrize("name", ["facade", "middleware", "transactions"])
def test_the_folders_are_no_packages_of_their_own(name: str, tmp_path: Path) -> None:
    done = python(f"import {name}", tmp_path)
    assert f"ModuleNotFoundError: No module named '{name}'" in done.stderr


@pytest.mark.parametrize("module", MODULES)
def test_nothing_heavy_is_loaded(module: str, tmp_path: Path) -> None:
    code = f"import sys; here = {{*sys.modules}}; import {module}; print(*{{*{HEAVY!r}}} & ({{*sys.modules}} - here))"
    done = python(code, tmp_path)
    assert (done.stdout, done.stderr) == ("\n", "")


@pytest.mark.parametrize("module", MODULES)
def test_little_of_the_standard_library_is_loaded(module: str, tmp_path: Path) -> None:
    code = f"import sys, typing; here = {{*sys.modules}}; import {module}; print(*{{*sys.modules}} - here)"
    loaded = {name.partition(".")[0] for name in python(code, tmp_path).stdout.split()}
    assert {"weighbridge"} < loaded <= {"weighbridge", *LIGHT}


@pytest.mark.parametrize("module", MODULES)
def test_what_few_need_is_loaded_late(module: str, tmp_path: Path) -> None:
    ours = [f"weighbridge.{name}" for name in LATE]
    done = python(f"import sys, {module}; print(*{{*{ours!r}}} & {{*sys.modules}})", tmp_path)
    assert (done.stdout, done.stderr) == ("\n", "")


@pytest.mark.parametrize("module", MODULES)
def test_nothing_is_read_opened_compiled_or_started(module: str, tmp_path: Path) -> None:
    done = python(QUIET + f"import {module}" + STARTED, tmp_path)
    assert done.stderr == ""


@pytest.mark.parametrize(
    ("code", "complaint"),
    [
        ("os.environ.get('WEIGHBRIDGE_STORE')", "reads WEIGHBRIDGE_STORE"),
        ("dict(os.environ)", "reads the whole environment"),
        ("open('/dev/null')", "opens /dev/null"),
        ("from typing import NamedTuple; NamedTuple('Pair', [('first', 'int')])", "compiles the annotation"),
        ("import threading; threading.Thread(target=threading.Event().wait, daemon=True).start()", "starts a thread"),
    ],
)
def test_the_watch_of_the_test_above_sees_what_it_should(code: str, complaint: str, tmp_path: Path) -> None:
    assert complaint in python(QUIET + code + STARTED, tmp_path).stderr


@pytest.mark.parametrize("module", MODULES)
def test_middlewares_are_loaded_when_they_are_asked_for(module: str, tmp_path: Path) -> None:
    asked = f"import sys, {module} as ours; ours.WSGITransactionMiddleware; "
    done = python(asked + "print([name in sys.modules for name in sys.argv[1:]])", tmp_path, *MIDDLEWARES)
    assert (done.stdout, done.stderr) == ("[True, False, False]\n", "")


@pytest.mark.parametrize("module", MODULES)
def test_middlewares_are_listed_before_they_are_loaded(module: str, tmp_path: Path) -> None:
    done = python(f"import {module} as ours; print({{*ours.__all__, '__doc__'}} <= {{*dir(ours)}})", tmp_path)
    assert (done.stdout, done.stderr) == ("True\n", "")


@pytest.mark.parametrize("module", MODULES)
def test_what_there_is_not_is_said_as_by_any_module(module: str, tmp_path: Path) -> None:
    done = python(f"import {module} as ours; ours.weigh", tmp_path)
    assert done.stderr.endswith(f"AttributeError: module '{module}' has no attribute 'weigh'\n")


@pytest.mark.parametrize("module", MODULES)
@pytest.mark.parametrize("read", ["vars(ours)", "ours.__dict__"])
def test_tools_that_read_the_dictionary_find_every_name(module: str, read: str, tmp_path: Path) -> None:
    """Documentation builders warn of what ``__all__`` says and the dictionary has not."""
    code = f"import {module} as ours; names = {read}; print({{*ours.__all__}} - {{*names}}, names['__name__'])"
    done = python(code, tmp_path)
    assert (done.stdout, done.stderr) == (f"set() {module}\n", "")


@pytest.mark.parametrize("module", MODULES)
def test_a_middleware_is_looked_for_once(module: str, tmp_path: Path) -> None:
    code = (
        f"import {module} as ours; door = ours.WSGITransactionMiddleware; del ours.__getattr__; "
        "print(door is ours.WSGITransactionMiddleware)"
    )
    done = python(code, tmp_path)
    assert (done.stdout, done.stderr) == ("True\n", "")


@pytest.mark.parametrize("module", MODULES)
def test_a_module_can_be_loaded_again(module: str, tmp_path: Path) -> None:
    code = (
        f"import importlib, {module} as ours; assert importlib.reload(ours) is ours; "
        "from weighbridge import *; print(len({*ours.__all__} - {*dir(ours)}))"
    )
    done = python(code, tmp_path)
    assert (done.stdout, done.stderr) == ("0\n", "")


PUBLIC = ("weighbridge", "weighbridge.agent", "weighbridge.middleware", "weighbridge.testing")


@pytest.mark.parametrize("module", PUBLIC)
def test_each_public_name_tells_its_arguments(module: str) -> None:
    ours = importlib.import_module(module)
    things = {name: getattr(ours, name) for name in ours.__all__}
    signatures = {name: inspect.signature(thing) for name, thing in things.items() if callable(thing)}
    assert len(signatures) >= len(things) - 1
    for name in signatures.keys() & {"ASGITransactionMiddleware", "WSGITransactionMiddleware"}:
        assert list(signatures[name].parameters) == ["app", "application", "name", "group"]
    for name in signatures.keys() & {"ASGIApplicationWrapper", "WSGIApplicationWrapper"}:
        expected = ["wrapped", "application", "name", "group", "framework", "dispatcher"]
        assert list(signatures[name].parameters) == expected


def test_asgi_is_typed_as_asgi() -> None:
    from weighbridge import ASGITransactionMiddleware

    parameters = inspect.signature(ASGITransactionMiddleware.__call__).parameters
    assert [str(parameter.annotation) for parameter in parameters.values()][1:] == ["Scope", "Receive", "Send"]
    assert inspect.signature(ASGITransactionMiddleware).parameters["app"].annotation == "ASGIApp"


def test_a_middleware_tells_the_arguments_of_what_is_behind_it() -> None:
    from weighbridge import WSGITransactionMiddleware

    class Narrow(WSGITransactionMiddleware):
        def __init__(self, app: object) -> None:
            super().__init__(app)

    assert str(inspect.signature(Narrow)) == "(app: 'object') -> 'None'"
    assert list(inspect.signature(WSGITransactionMiddleware(lambda environ, start: [])).parameters) == [
        "environ",
        "start",
    ]
