"""``weighbridge run`` becomes the command: its process, arguments, streams, signals and exit status are its own."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

import weighbridge
from weighbridge.running.command import why_not_measured
from weighbridge.running.environment import STARTUP, environment_for
from weighbridge.running.plugs import PLUGS

from .conftest import Scripts
from .serving import RUN


def command(*words: str, **more: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [*RUN, *words],
        env={**os.environ, **more},
        capture_output=True,
        text=True,
        check=False,
        stdin=subprocess.DEVNULL,
    )


@pytest.mark.parametrize("words", [(), ("--",), ("--app", "Shop"), ("--app", "Shop", "--")])
def test_without_a_command_it_says_how_to_write_one(words: tuple[str, ...]) -> None:
    done = command(*words)
    assert done.returncode == 2
    assert "weighbridge run -- gunicorn shop:app" in done.stderr
    assert "Traceback" not in done.stderr


def test_an_option_that_does_not_exist_is_named() -> None:
    done = command("--applicaton", "Shop", "--", "true")
    assert done.returncode == 2
    assert "--applicaton" in done.stderr


def test_a_command_that_is_not_found() -> None:
    done = command("--", "no-such-program", "x")
    assert (done.returncode, done.stdout) == (127, "")
    assert done.stderr == "weighbridge: cannot run 'no-such-program': not found\n"


def test_a_command_whose_interpreter_is_not_found(tmp_path: Path) -> None:
    program = tmp_path / "program"
    program.write_text("#!/no/such/python\n")
    program.chmod(0o755)
    done = command("--", str(program))
    assert done.returncode == 127
    assert "first line" in done.stderr


def test_a_command_that_is_not_executable(tmp_path: Path) -> None:
    script = tmp_path / "nightly.py"
    script.write_text("")
    done = command("--", str(script))
    assert done.returncode == 126
    assert f"weighbridge run -- python {script}" in done.stderr
    assert command("--", str(tmp_path)).returncode == 126


@pytest.mark.parametrize("status", [0, 1, 2, 3, 126, 127, 255])
def test_the_exit_status_is_the_command_s(status: int) -> None:
    assert command("--", "sh", "-c", f"exit {status}").returncode == status
    assert command("--", sys.executable, "-c", f"import sys; sys.exit({status})").returncode == status


def test_a_signal_kills_the_command_itself() -> None:
    assert command("--", "sh", "-c", "kill -KILL $$").returncode == -signal.SIGKILL


def test_process_arguments_and_streams_are_the_command_s(tmp_path: Path) -> None:
    text = "import os, sys; print(os.getpid(), sys.argv[1:], sys.stdin.read()); print('aside', file=sys.stderr)"
    process = subprocess.Popen(
        [*RUN, "--", sys.executable, "-c", text, "--app", "a b", "--", "-h"],
        stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
    )  # fmt: skip
    output, errors = process.communicate("hello")
    assert output == f"{process.pid} ['--app', 'a b', '--', '-h'] hello\n"
    assert errors == "aside\n"


@pytest.mark.parametrize(("words", "status"), [(["true"], 0), (["no-such-program"], 127)])
def test_streams_that_are_closed_are_no_matter(words: list[str], status: int) -> None:
    closed = ["sh", "-c", 'exec "$@" >&- 2>&-', "sh"]
    assert subprocess.run([*closed, *RUN, "--", *words], check=False).returncode == status


def test_options_end_at_the_command_without_dashes_too() -> None:
    assert command("sh", "-c", "echo $0 $1", "--app", "x").stdout == "--app x\n"


def test_signals_that_python_ignores_are_as_they_were() -> None:
    ignored = "grep SigIgn /proc/self/status"
    alone = subprocess.check_output(["sh", "-c", ignored], text=True)
    assert _signals(command("--", "sh", "-c", ignored).stdout) == _signals(alone)


def _signals(line: str) -> int:
    """The mask of a line, but for the signals that the C library keeps for itself."""
    return int(line.split()[1], 16) & (1 << signal.SIGSYS) - 1


def test_it_needs_no_library_of_the_command_line() -> None:
    program = (
        "import runpy, sys; sys.modules['click'] = sys.modules['rich'] = None;"
        "sys.argv = ['weighbridge', 'run', '--', 'echo', 'done']; runpy.run_module('weighbridge', run_name='__main__')"
    )
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=False)
    assert (done.returncode, done.stdout, done.stderr) == (0, "done\n", "")


def test_help_tells_of_it() -> None:
    done = subprocess.run([sys.executable, "-m", "weighbridge", "--help"], capture_output=True, text=True, check=True)
    assert "run " in done.stdout
    assert command("--help").stdout.startswith(
        "usage: weighbridge run [--app NAME] [--version V] [--as-newrelic] -- COMMAND ..."
    )


def test_show_prints_all_that_is_replaced() -> None:
    lines = command("--show").stdout.splitlines()
    assert [line.split()[0] for line in lines[1:]] == list(PLUGS)
    assert all(name.replace("`", "") in lines[n] for n, name in enumerate((p.replaced for p in PLUGS.values()), 1))


def test_nothing_is_replaced_without_it(scripts: Scripts) -> None:
    program = (
        "import sys, weighbridge, flask; from gunicorn.app.base import BaseApplication;"
        "assert flask.Flask.__call__.__code__.co_filename.endswith('app.py');"
        "assert BaseApplication.wsgi.__code__.co_filename.endswith('base.py');"
        "assert not [name for name in sys.modules if 'weighbridge.running' in name]"
    )
    subprocess.run([sys.executable, "-c", program], check=True)


# The environment


@pytest.mark.parametrize(
    ("before", "after"),
    [
        (None, STARTUP),
        ("", STARTUP),
        ("/srv", f"{STARTUP}:/srv"),
        ("/srv:", f"{STARTUP}:/srv:"),
        (":", f"{STARTUP}::"),
        (STARTUP, STARTUP),
        (f"{STARTUP}:/srv", f"{STARTUP}:/srv"),
    ],
)
def test_the_path_keeps_what_it_had(before: str | None, after: str) -> None:
    environ = {} if before is None else {"PYTHONPATH": before}
    assert environment_for(environ, 7)["PYTHONPATH"] == after


def test_the_environment_says_who_the_command_is() -> None:
    made = environment_for({"HOME": "/srv", "WEIGHBRIDGE_APP_NAME": "Shop"}, 7, {"WEIGHBRIDGE_APP_NAME": None})
    assert made == {
        "HOME": "/srv",
        "PYTHONPATH": STARTUP,
        "WEIGHBRIDGE_APP_NAME": "Shop",
        "WEIGHBRIDGE_RUN": weighbridge.__version__,
        "WEIGHBRIDGE_RUN_PID": "7",
    }


# Interpreters that shut the start-up file out


@pytest.mark.parametrize(
    ("words", "option"),
    [
        (["python", "-I", "app.py"], "-I"),
        (["/usr/bin/python3.11", "-sE", "app.py"], "-E"),
        (["python", "-u", "-S", "app.py"], "-S"),
        (["python", "-W", "error", "app.py"], None),
        (["python", "-WI", "app.py"], None),
        (["python", "app.py", "-I"], None),
        (["python", "-m", "app", "-I"], None),
        (["python", "-c", "pass", "-I"], None),
        (["env", "python", "-I"], "-I"),
        (["sh", "-I"], None),
    ],
)
def test_an_isolated_interpreter_is_told_of(words: list[str], option: str | None) -> None:
    reason = why_not_measured(words, {"PATH": ""})
    assert (reason is None) if option is None else (reason is not None and f" {option}," in reason)


def test_an_isolated_command_is_told_of_and_run(scripts: Scripts) -> None:
    scripts.write("nightly.py", "print('done')")
    done = scripts.run("python", "-I", "nightly.py")
    assert (done.returncode, done.stdout) == (0, "done\n")
    assert done.stderr.startswith("weighbridge: ")
    assert "-I" in done.stderr
    assert scripts.paths() == {}


def test_a_program_with_an_isolated_interpreter_is_told_of(scripts: Scripts) -> None:
    program = scripts.write("nightly", f"#!{sys.executable} -I\nprint('done')\n")
    program.chmod(0o755)
    done = scripts.run(str(program))
    assert (done.returncode, done.stdout) == (0, "done\n")
    assert "-I" in done.stderr
