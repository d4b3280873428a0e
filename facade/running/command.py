"""``weighbridge run``: read the options, prepare the environment, and become the command.

Read here without click, which the extra ``ui`` brings: a server that is measured
needs neither the page nor the reports.
"""

from __future__ import annotations

import os
import shutil
import signal
import sys
from argparse import REMAINDER, ArgumentParser, RawDescriptionHelpFormatter
from collections.abc import Iterator, Mapping, Sequence
from itertools import takewhile
from pathlib import Path
from typing import Final, NamedTuple, NoReturn

from .environment import AS_NEWRELIC, environment_for
from .plugs import PLUGS

__all__ = ["APP_HELP", "AS_NEWRELIC_HELP", "SHOW_HELP", "VERSION_HELP", "Options", "main", "run", "why_not_measured"]

_USAGE: Final = """weighbridge run [--app NAME] [--version V] [--as-newrelic] -- COMMAND ...
       weighbridge run --show"""
_DESCRIPTION: Final = "Run a command as it is, with everything measured that it and the processes it starts do."
_EXAMPLES: Final = """examples:
  weighbridge run -- gunicorn shop:app
  weighbridge run --app Shop -- python manage.py runserver
  weighbridge run -- python nightly.py

Nothing of the command changes: its process, signals, streams and exit status are its own."""
APP_HELP: Final = "Report to this application, instead of the configured one."
VERSION_HELP: Final = "The version of the program: figures are kept by version too."
AS_NEWRELIC_HELP: Final = "Let `import newrelic` give weighbridge, where New Relic's agent is not installed."
SHOW_HELP: Final = "Print what is replaced at run time, and run nothing."
_NO_COMMAND: Final = "no command; write one after --, for example: weighbridge run -- gunicorn shop:app"

_MISUSED: Final = 2
_NOT_FOUND: Final = 127
_NOT_EXECUTABLE: Final = 126


def main(arguments: Sequence[str]) -> NoReturn:
    """Become the command, with the arguments that follow ``run``; exit with 2, 126 or 127 where that is impossible."""
    options = _parser().parse_args(arguments)
    command = options.command[options.command[:1] == ["--"] :]
    run(Options(options.app, options.version, options.as_newrelic, options.show), command)


class Options(NamedTuple):
    """The options in front of the command."""

    app: str | None = None
    version: str | None = None
    as_newrelic: bool = False
    show: bool = False

    def variables(self) -> dict[str, str | None]:
        """Return the environment variables that they stand for."""
        return {
            "WEIGHBRIDGE_APP_NAME": self.app,
            "WEIGHBRIDGE_VERSION": self.version,
            AS_NEWRELIC: "1" if self.as_newrelic else None,
        }


def run(options: Options, command: Sequence[str]) -> NoReturn:
    """Do what the options say, and exit; see `main`."""
    if options.show:
        sys.stdout.write("".join(f"{line}\n" for line in replaced()))
        sys.exit(0)
    if not command:
        _say(_NO_COMMAND)
        sys.exit(_MISUSED)
    environ = environment_for(os.environ, os.getpid(), options.variables())
    reason = why_not_measured(command, environ)
    if reason:
        _say(reason)
    _become(command, environ)


def _parser() -> ArgumentParser:
    parser = ArgumentParser(
        prog="weighbridge run",
        usage=_USAGE,
        description=_DESCRIPTION,
        epilog=_EXAMPLES,
        formatter_class=RawDescriptionHelpFormatter,
        add_help=False,
        allow_abbrev=False,
    )
    parser.add_argument("-h", "--help", action="help", help="Show this message and exit.")
    parser.add_argument("--app", metavar="NAME", help=APP_HELP)
    parser.add_argument("--version", metavar="V", help=VERSION_HELP)
    parser.add_argument("--as-newrelic", action="store_true", help=AS_NEWRELIC_HELP)
    parser.add_argument("--show", action="store_true", help=SHOW_HELP)
    parser.add_argument("command", nargs=REMAINDER, metavar="COMMAND ...", help="The command and its arguments.")
    return parser


def replaced() -> Iterator[str]:
    """Yield the lines that ``--show`` prints."""
    rows = [("module", "replaced", "by, or for")]
    rows += [(name, plug.replaced.replace("`", ""), plug.purpose.replace("`", "")) for name, plug in PLUGS.items()]
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    for row in rows:
        yield "  ".join(text.ljust(width) for text, width in zip(row, widths, strict=True)).rstrip()


def _become(command: Sequence[str], environ: Mapping[str, str]) -> NoReturn:
    """Replace this process by the command; where that is impossible, say why and exit as a shell would."""
    for stream in (sys.stdout, sys.stderr):
        if stream is not None:  # it was closed before Python started
            stream.flush()
    for name in ("SIGPIPE", "SIGXFSZ"):  # Python ignores them, and what it ignores stays ignored
        signal.signal(getattr(signal, name), signal.SIG_DFL)
    try:
        os.execvpe(command[0], list(command), dict(environ))  # noqa: S606  that is what was asked for
    except FileNotFoundError:
        there = shutil.which(command[0], path=environ.get("PATH"))
        problem = "not found" if there is None else f"the interpreter that its first line names is not there ({there})"
        status = _NOT_FOUND
    except OSError as error:
        problem, status = error.strerror or str(error), _NOT_EXECUTABLE
        if command[0].endswith(".py"):
            problem += f"; to run it with Python: weighbridge run -- python {command[0]}"
    except ValueError as error:
        problem, status = str(error), _NOT_EXECUTABLE
    _say(f"cannot run {command[0]!r}: {problem}")
    sys.exit(status)


def _say(message: str) -> None:
    if sys.stderr is not None:
        sys.stderr.write(f"weighbridge: {message}\n")


# Interpreters that do not look for the start-up file


_ISOLATING: Final = {"I": "-I", "E": "-E", "S": "-S"}
"""Options by which Python neither reads ``PYTHONPATH`` nor imports a start-up file."""
_WITH_VALUE: Final = "WXcm"
"""Options of Python to which the rest of the word belongs."""


def why_not_measured(command: Sequence[str], environ: Mapping[str, str]) -> str | None:
    """Return why nothing will be measured, if an option of Python's shuts the start-up file out."""
    option = _isolating(command)
    if option is None:
        program = shutil.which(command[0], path=environ.get("PATH"))
        option = None if program is None else _isolating(_first_line(program))
        where = f"{command[0]} runs" if option else ""
    else:
        where = "the command runs"
    if option is None:
        return None
    return f"{where} Python with {option}, which shuts out all that PYTHONPATH names: nothing will be measured"


def _first_line(program: str) -> list[str]:
    """Return the words after ``#!`` in a program that is a script."""
    try:
        with Path(program).open("rb") as file:
            line = file.readline(256)
    except OSError:
        return []
    return os.fsdecode(line[2:]).split() if line.startswith(b"#!") else []


def _isolating(command: Sequence[str]) -> str | None:
    """Return the option of a command for Python that isolates it, if it has one."""
    words = list(command)
    while words and os.path.basename(words[0]) in {"env", "-S"}:
        words.pop(0)
    if not words or not os.path.basename(words[0]).startswith(("python", "pypy")):
        return None
    options = takewhile(lambda word: word.startswith("-") and word not in {"-", "--", "-c", "-m"}, words[1:])
    letters = (letter for option in options for letter in takewhile(lambda one: one not in _WITH_VALUE, option[1:]))
    return next((_ISOLATING[letter] for letter in letters if letter in _ISOLATING), None)
