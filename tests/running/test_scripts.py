"""A script has a transaction of its own, which is a frame: it is counted only if nothing else began."""

from __future__ import annotations

import signal
import subprocess
import time
from contextlib import suppress

import pytest

from weighbridge.running.script import is_server, program_of
from weighbridge.transactions.store.reader import StoreReader, StoreUnreadable

from ..waiting import eventually
from .conftest import Scripts
from .serving import RUN, environment

_JOB = """
import weighbridge

@weighbridge.background_task(name="job")
def job():
    pass
"""


def test_a_script_is_counted_by_the_name_of_its_file(scripts: Scripts) -> None:
    scripts.write("nightly.py", "print('done')")
    assert scripts.run("python", "nightly.py").stdout == "done\n"
    assert scripts.paths() == {"OtherTransaction/Script/nightly.py": 1}


def test_a_module_is_counted_by_its_name(scripts: Scripts) -> None:
    scripts.write("shop/__init__.py", "")
    scripts.write("shop/nightly.py", "import sys; print(sys.argv[1:])")
    assert scripts.run("python", "-m", "shop.nightly", "-v", "x").stdout == "['-v', 'x']\n"
    assert scripts.paths() == {"OtherTransaction/Script/shop.nightly": 1}


def test_text_and_standard_input_have_the_names_that_python_gives_them(scripts: Scripts) -> None:
    scripts.run("python", "-c", "pass")
    scripts.run("sh", "-c", "echo pass | exec python")
    scripts.run("sh", "-c", "exec python - < /dev/null")
    assert scripts.paths() == {"OtherTransaction/Script/<string>": 1, "OtherTransaction/Script/<stdin>": 1}


@pytest.mark.parametrize(
    ("text", "more"),
    [
        ("job()", {"OtherTransaction/Function/job": 1}),
        ("with weighbridge.BackgroundTask(name='block'): pass", {"OtherTransaction/Function/block": 1}),
        ("with weighbridge.WebTransaction(request_path='/feed'): pass", {"WebTransaction/Uri/feed": 1}),
        ("job(); job()", {"OtherTransaction/Function/job": 2}),
    ],
)
def test_what_begins_in_it_is_counted_in_its_place(scripts: Scripts, text: str, more: dict[str, int]) -> None:
    scripts.write("nightly.py", f"{_JOB}\n{text}\n")
    assert scripts.run("python", "nightly.py").returncode == 0
    assert scripts.paths() == more


def test_a_job_that_is_ignored_has_begun_too(scripts: Scripts) -> None:
    scripts.write(
        "nightly.py", "import weighbridge\nwith weighbridge.BackgroundTask(): weighbridge.ignore_transaction()"
    )
    assert scripts.run("python", "nightly.py").returncode == 0
    assert scripts.paths() == {}


def test_it_owns_nothing_and_is_never_current(scripts: Scripts) -> None:
    scripts.write(
        "nightly.py",
        """
        import weighbridge
        assert weighbridge.current_transaction() is None
        weighbridge.set_transaction_name("renamed")
        weighbridge.ignore_transaction()
        """,
    )
    done = scripts.run("python", "nightly.py")
    assert done.returncode == 0, done.stderr
    assert scripts.paths() == {"OtherTransaction/Script/nightly.py": 1}


def test_an_exception_that_ends_it_has_failed_it(scripts: Scripts) -> None:
    scripts.write("nightly.py", "raise LookupError('nothing there')")
    done = scripts.run("python", "nightly.py")
    assert done.returncode == 1
    assert done.stderr.endswith("LookupError: nothing there\n")
    assert scripts.calls() == {("Python Application", "OtherTransaction/Script/nightly.py"): (1, 1)}


def test_it_reports_to_the_application_that_the_command_names(scripts: Scripts) -> None:
    scripts.write("nightly.py", "")
    assert scripts.run("python", "nightly.py", options=("--app", "Shop")).returncode == 0  # fmt: skip
    assert scripts.calls() == {("Shop", "OtherTransaction/Script/nightly.py"): (1, 0)}


def test_it_is_of_the_version_that_the_command_names(scripts: Scripts) -> None:
    scripts.write("nightly.py", "import weighbridge; print(weighbridge.global_settings().version)")
    assert scripts.run("python", "nightly.py", options=("--version", "1.4")).stdout == "1.4\n"


def test_it_reports_to_the_application_that_it_names_itself(scripts: Scripts) -> None:
    scripts.write("weighbridge.toml", "[weighbridge]\napp_name = 'Itself'\n")
    scripts.write("nightly.py", "import weighbridge; weighbridge.initialize('weighbridge.toml')")
    assert scripts.run("python", "nightly.py").returncode == 0
    assert scripts.calls() == {("Itself", "OtherTransaction/Script/nightly.py"): (1, 0)}


def test_it_is_listed_while_it_runs(scripts: Scripts) -> None:
    scripts.write("nightly.py", "input()")
    process = subprocess.Popen(
        [*RUN, "--", "python", "nightly.py"],
        env=environment(scripts.store, WEIGHBRIDGE_FLUSH_INTERVAL="0.5"),
        cwd=scripts.folder,
        stdin=subprocess.PIPE,
    )

    def running() -> bool:
        with suppress(StoreUnreadable), StoreReader.open(scripts.store) as reader:
            return [one.series.name for one in reader.running(time.time())] == ["nightly.py"]
        return False

    eventually(running)
    process.communicate(b"\n")
    assert scripts.paths() == {"OtherTransaction/Script/nightly.py": 1}


_CHILDREN = {
    "subprocess": "import subprocess, sys; subprocess.run([sys.executable, 'child.py'], check=True)",
    "os.fork": """
        import os, runpy
        if os.fork():
            os.wait()
        else:
            runpy.run_path("child.py")
        """,
    "multiprocessing, fork": """
        import multiprocessing, runpy
        process = multiprocessing.get_context("fork").Process(target=runpy.run_path, args=["child.py"])
        process.start(); process.join()
        """,
    "multiprocessing, spawn": """
        import multiprocessing, runpy
        if __name__ == "__main__":
            process = multiprocessing.get_context("spawn").Process(target=runpy.run_path, args=["child.py"])
            process.start(); process.join()
        """,
    "multiprocessing, forkserver": """
        import multiprocessing, runpy
        if __name__ == "__main__":
            process = multiprocessing.get_context("forkserver").Process(target=runpy.run_path, args=["child.py"])
            process.start(); process.join()
        """,
}


@pytest.mark.parametrize("text", _CHILDREN.values(), ids=_CHILDREN)
def test_its_children_are_measured_and_are_no_scripts(scripts: Scripts, text: str) -> None:
    scripts.write("child.py", f"{_JOB}\njob()\n")
    scripts.write("nightly.py", text)
    done = scripts.run("python", "nightly.py")
    assert done.returncode == 0, done.stderr
    expected = {"OtherTransaction/Function/job": 1}
    if text != _CHILDREN["os.fork"]:  # that child ends as the script does, and is none
        expected["OtherTransaction/Script/nightly.py"] = 1
    assert scripts.paths() | {"OtherTransaction/Script/nightly.py": 1} == expected | {
        "OtherTransaction/Script/nightly.py": 1
    }


def test_what_it_executes_is_the_script(scripts: Scripts) -> None:
    scripts.write("first.py", "import os, sys; os.execv(sys.executable, ['python', 'second.py'])")
    scripts.write("second.py", "")
    scripts.run("sh", "-c", "exec python first.py")
    assert scripts.paths() == {"OtherTransaction/Script/second.py": 1}


def test_a_script_below_a_shell_is_a_child(scripts: Scripts) -> None:
    scripts.write("nightly.py", "")
    assert scripts.run("sh", "-c", "python nightly.py; true").returncode == 0
    assert scripts.paths() == {}


def test_what_gevent_patches_after_the_start_is_no_matter(scripts: Scripts) -> None:
    pytest.importorskip("gevent")
    scripts.write(
        "nightly.py",
        """
        from gevent import monkey
        monkey.patch_all()
        import gevent, weighbridge
        weighbridge_job = weighbridge.background_task(name="job")(lambda: gevent.sleep(0.01))
        gevent.joinall([gevent.spawn(weighbridge_job) for _ in range(5)])
        """,
    )
    done = scripts.run("python", "-W", "error", "nightly.py")
    assert (done.returncode, done.stderr) == (0, "")
    assert scripts.paths() == {"OtherTransaction/Function/job": 5}


def test_one_that_is_terminated_dies_of_the_signal(scripts: Scripts) -> None:
    scripts.write("nightly.py", "print('up', flush=True); input()")
    process = subprocess.Popen(
        [*RUN, "--", "python", "nightly.py"],
        env=environment(scripts.store),
        cwd=scripts.folder,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
    )
    assert process.stdout is not None
    assert process.stdout.readline() == b"up\n"
    process.send_signal(signal.SIGTERM)
    process.communicate()
    assert process.returncode == -signal.SIGTERM


@pytest.mark.parametrize(
    ("original", "argv", "program"),
    [
        (["python", "nightly.py", "-m"], ["nightly.py", "-m"], "nightly.py"),
        (["python", "-u", "/srv/nightly.py"], ["/srv/nightly.py"], "nightly.py"),
        (["python", "-m", "shop.nightly"], ["-m"], "shop.nightly"),
        (["python", "-mshop", "-m"], ["-m", "-m"], "shop"),
        (["python", "-Bm", "shop", "x"], ["-m", "x"], "shop"),
        (["python", "-c", "pass"], ["-c"], "<string>"),
        (["python"], [""], "<stdin>"),
        (["python", "app/"], ["app/"], "app"),
    ],
)
def test_the_name_of_a_program(original: list[str], argv: list[str], program: str) -> None:
    assert program_of(original, argv) == program


@pytest.mark.parametrize(
    ("program", "arguments", "serves"),
    [
        ("gunicorn", ["shop:app"], True),
        ("celery", ["-A", "shop", "worker"], True),
        ("uvicorn.__main__", [], True),
        ("flask", ["--app", "shop", "run"], True),
        ("flask", ["shell"], False),
        ("manage.py", ["runserver"], True),
        ("manage.py", ["import", "runserver"], False),
        ("nightly.py", [], False),
        ("gunicorn_nightly.py", [], False),
    ],
)
def test_what_only_serves_or_works_is_no_script(program: str, arguments: list[str], serves: bool) -> None:
    assert is_server(program, arguments) is serves


def test_a_server_in_a_script_is_counted_by_its_requests(scripts: Scripts) -> None:
    scripts.write(
        "serve.py",
        """
        import threading, urllib.request
        from wsgiref.simple_server import make_server

        def app(environ, start_response):
            start_response("200 OK", [("Content-Type", "text/plain")])
            return [b"done"]

        server = make_server("127.0.0.1", 0, app)
        threading.Thread(target=server.handle_request).start()
        urllib.request.urlopen(f"http://127.0.0.1:{server.server_port}/hello").read()
        """,
    )
    done = scripts.run("python", "serve.py")
    assert done.returncode == 0, done.stderr
    assert scripts.paths() == {"WebTransaction/Uri/hello": 1}


@pytest.mark.parametrize("way", ["-Werror", "-bb"])
def test_a_script_whose_warnings_are_errors_is_counted(scripts: Scripts, way: str) -> None:
    """Python 3.12.0 to 3.12.3 warn of numbered placeholders (`?1`) in a statement for SQLite."""
    scripts.write("nightly.py", "print('done')")
    done = scripts.run("python", way, "nightly.py")
    assert (done.stdout, done.stderr, done.returncode) == ("done\n", "", 0)
    assert scripts.paths() == {"OtherTransaction/Script/nightly.py": 1}
