"""Libraries that look at what is decorated: its arguments, its class, how it is pickled and found."""

from __future__ import annotations

import functools
import importlib
import inspect
import multiprocessing
import os
import subprocess
import sys
import textwrap
from collections.abc import Callable
from concurrent.futures import ProcessPoolExecutor
from pathlib import Path
from typing import Any

import celery
import click
import fastapi
import pydantic
import pytest
from apscheduler.schedulers.background import BackgroundScheduler
from click.testing import CliRunner
from fastapi.testclient import TestClient

from weighbridge import BackgroundTaskWrapper, FinishedTransaction, background_task, wrap_background_task

Finished = list[FinishedTransaction]


def undecorated(wrapped: Any) -> Any:
    return wrapped


# Celery and APScheduler check the arguments of a job before they take it


def handing(function: Any) -> Any:
    @functools.wraps(function)
    def wrapper(*args: Any) -> Any:
        return function("handed", *args)

    return wrapper


def delayed(decorators: list[Any], *args: Any) -> str:
    """What becomes of a task that is sent with some arguments."""

    def task(one: Any, two: Any = 1) -> Any:
        return one, two

    app = celery.Celery("shop", broker="memory://", set_as_current=False)
    made: Any = task
    for decorate in decorators:
        made = decorate(made)
    try:
        app.task(name="shop.task")(made).delay(*args)
    except TypeError as error:
        return str(error).partition("(")[2]
    return "taken"


@pytest.mark.usefixtures("own_celery_tasks")
@pytest.mark.parametrize("args", [(), (1,), (1, 2), (1, 2, 3)], ids=len)
@pytest.mark.parametrize("place", ["alone", "above", "below"])
@pytest.mark.parametrize("decorate", [background_task, BackgroundTaskWrapper, background_task(name="named")])
def test_celery_takes_the_same_arguments(args: tuple[Any, ...], place: str, decorate: Any) -> None:
    """Whether a decorator that gives an argument of its own is above, below, or not there."""
    stack = {"alone": [decorate], "above": [decorate, handing], "below": [handing, decorate]}[place]
    bare = [undecorated if one is decorate else one for one in stack]
    assert delayed(stack, *args) == delayed(bare, *args)


@pytest.mark.parametrize("args", [(), (1,), (1, 2, 3)], ids=len)
def test_apscheduler_takes_the_same_arguments(args: tuple[Any, ...]) -> None:
    def job(one: Any, two: Any = 1) -> None: ...

    def added(function: Any) -> str:
        try:
            BackgroundScheduler().add_job(function, args=args)
        except ValueError as error:
            return str(error)
        return "taken"

    assert added(background_task(job)) == added(job)


# FastAPI and click ask for the arguments, with annotations that are texts


class Item(pydantic.BaseModel):
    number: int


def dependency(q: int = 3) -> int:
    return q


class Dependency:
    def __init__(self, q: int = 4) -> None:
        self.q = q


def api(decorate: Callable[[Any], Any]) -> Any:
    """What an application answers, and how it describes itself."""
    app = fastapi.FastAPI()
    measured, derived = decorate(dependency), decorate(type("Derived", (Dependency,), {}))

    @app.get("/sync/{one}")
    @decorate
    def sync(one: int, two: str = "x", q: int = fastapi.Depends(measured), it: Any = fastapi.Depends(derived)) -> Any:  # noqa: B008
        return [one, two, q, it.q]

    @app.post("/async")
    @decorate
    async def asynchronous(item: Item, q: int = fastapi.Depends(functools.partial(measured, 8))) -> Item:
        return item

    client = TestClient(app)
    answers = client.get("/sync/1?two=y&q=5"), client.get("/sync/x"), client.post("/async", json={"number": 7})
    return [answer.json() for answer in answers], app.openapi()


def test_fastapi_reads_the_same_arguments(finished: Finished) -> None:
    assert api(background_task) == api(undecorated)
    names = [transaction.name.rpartition(".")[2].rpartition(":")[2] for transaction in finished]
    assert sorted(names) == ["Derived", "Derived", "asynchronous", "dependency", "dependency", "dependency", "sync"]


def test_click_commands(finished: Finished) -> None:
    @click.command()
    @click.option("--number", type=int, default=1)
    @click.pass_context
    @background_task
    def command(context: Any, number: int) -> None:
        """Help of the command."""
        click.echo(f"{context.info_name} {number}")

    assert CliRunner().invoke(command, ["--number", "3"]).output == "command 3\n"
    assert "Help of the command." in CliRunner().invoke(command, ["--help"]).output
    assert len(finished) == 1


# pytest finds tests and fixtures by their arguments and kinds

TESTS = """
import pytest
from weighbridge import background_task, current_transaction

@pytest.fixture
@background_task
def base():
    return current_transaction().name.rpartition(":")[2]

@pytest.fixture
@background_task
def generated(base):
    yield base, current_transaction().name.rpartition(":")[2]

@background_task
@pytest.mark.parametrize("number", [1, 2])
def test_function(number, generated, tmp_path):
    assert generated == ("base", "generated")
    assert tmp_path.exists()
    assert current_transaction().name.endswith(":test_function")

class TestClass:
    @background_task
    def test_method(self, base):
        assert current_transaction().name.endswith(":TestClass.test_method")

    @pytest.fixture
    @background_task
    def own(self):
        return type(self).__name__

    @background_task
    def test_own(self, own):
        assert own == "TestClass"
"""


def test_pytest_finds_decorated_tests_and_fixtures(tmp_path: Path) -> None:
    (tmp_path / "test_decorated.py").write_text(TESTS, encoding="utf-8")
    command = [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", str(tmp_path)]
    environ = {**os.environ, "PYTHONSAFEPATH": "1", "WEIGHBRIDGE_STORE": ":memory:"}
    done = subprocess.run(command, env=environ, cwd=tmp_path, capture_output=True, text=True, timeout=300, check=False)
    assert "4 passed" in done.stdout, done.stdout + done.stderr


# Other processes find them by name

JOBS = """
    import functools
    from weighbridge import BackgroundTaskWrapper, background_task, current_transaction

    def path():
        transaction = current_transaction()
        return transaction and transaction.path

    @background_task
    def function(value):
        return value, path()

    class Owner:
        @background_task
        def method(self, value):
            return value, path()

        @background_task
        @classmethod
        def of_the_class(cls, value):
            return value, path()

        @background_task
        @staticmethod
        def static(value):
            return value, path()

    class Child(Owner):
        pass

    @background_task
    @functools.lru_cache
    def cached(value):
        return value, path()

    @background_task
    class Made:
        def __init__(self, value):
            self.made = value, path()

    def plain(value):
        return value, path()

    class Later:
        def __init__(self, value):
            self.made = value, path()
"""


def test_a_process_that_is_spawned_is_given_all_of_them(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "library_jobs.py").write_text(textwrap.dedent(JOBS), encoding="utf-8")
    monkeypatch.syspath_prepend(tmp_path)
    jobs = importlib.import_module("library_jobs")
    calls = {
        "function": jobs.function,
        "Child.method": jobs.Child().method,
        "Child.of_the_class": jobs.Child.of_the_class,
        "Owner.static": jobs.Owner.static,
        "cached": jobs.cached,
        "plain": BackgroundTaskWrapper(jobs.plain),
    }
    with ProcessPoolExecutor(1, mp_context=multiprocessing.get_context("spawn")) as pool:
        answers = {name: pool.submit(call, 1).result() for name, call in calls.items()}
        made = [pool.submit(cls, 1).result() for cls in (jobs.Made, BackgroundTaskWrapper(jobs.Later))]
    del sys.modules["library_jobs"]
    assert answers == {name: (1, f"OtherTransaction/Function/library_jobs:{name}") for name in calls}
    assert [one.made for one in made] == [
        (1, f"OtherTransaction/Function/library_jobs:{name}") for name in ("Made", "Later")
    ]


# Classes by path, and beside


@pytest.fixture
def shop(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Any:
    """A module with a class that registers those that are derived from it, and another module that imports one."""
    (tmp_path / "class_shop.py").write_text(
        textwrap.dedent("""
            class Plain:
                def __init__(self, value):
                    self.value = value

            registered = []

            class Base:
                def __init_subclass__(cls):
                    registered.append(cls)

            class Registered(Base):
                def __init__(self, value):
                    self.value = value
        """),
        encoding="utf-8",
    )
    (tmp_path / "class_views.py").write_text("from class_shop import Plain, Registered\n", encoding="utf-8")
    monkeypatch.syspath_prepend(tmp_path)
    yield importlib.import_module("class_shop"), importlib.import_module("class_views")
    del sys.modules["class_shop"], sys.modules["class_views"]


@pytest.mark.parametrize("name", ["Plain", "Registered"])
def test_a_class_by_its_own_path_is_the_very_class(name: str, shop: Any, finished: Finished) -> None:
    home, views = shop
    wrap_background_task("class_shop", name)
    assert getattr(home, name) is getattr(views, name)
    assert getattr(views, name)(7).value == 7
    assert len(finished) == 1
    assert len(home.registered) == 1


@pytest.mark.parametrize("name", ["Plain", "Registered"])
def test_by_the_path_of_another_module_it_is_measured_there(name: str, shop: Any, finished: Finished) -> None:
    home, views = shop
    wrap_background_task("class_views", name)
    assert getattr(home, name)(7).value == 7
    assert finished == []
    made = getattr(views, name)(8)
    assert isinstance(made, getattr(views, name))
    assert isinstance(made, getattr(home, name))
    assert len(finished) == 1
    assert len(home.registered) == 1
    assert inspect.signature(getattr(views, name)) == inspect.signature(getattr(home, name))
