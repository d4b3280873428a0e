"""The transaction of the command itself, where that is a script and not a server or a worker."""

from __future__ import annotations

import atexit
import os
import sys
from collections.abc import Sequence
from typing import Final

from weighbridge.transactions.model.process_state import process_state
from weighbridge.transactions.wrappers.programs import ProgramTransaction

from .environment import is_command

__all__ = ["is_server", "open_script", "program_of"]

GROUP: Final = "Script"

_SERVERS: Final = frozenset(
    (
        *("arq", "celery", "daphne", "dramatiq", "granian", "gunicorn", "huey", "huey_consumer", "hypercorn"),
        *("procrastinate", "rq", "rqworker", "sanic", "taskiq", "uvicorn", "uwsgi", "waitress", "waitress-serve"),
    )
)
"""Programs that only serve or work: what they do is measured, and how long they have been up says nothing."""
_SERVING: Final = {"fastapi": ("dev", "run"), "flask": ("run",), "litestar": ("run",), "quart": ("run",)}
"""Programs that serve or work if they are told to by one of these words."""
_COMMANDS: Final = frozenset(("db_worker", "qcluster", "runserver", "runworker"))
"""Commands of Django's that serve or work, whatever the project calls its ``manage.py``."""


def open_script() -> None:
    """Open the script's transaction, and end it when the interpreter ends."""
    if is_command() and sys.argv:
        program = program_of(sys.orig_argv, sys.argv)
        if not is_server(program, sys.argv[1:]):
            process_state.early = True
            script = ProgramTransaction(program, GROUP)
            process_state.early = False
            atexit.register(lambda: script.end(_unhandled()))


def program_of(original: Sequence[str], argv: Sequence[str]) -> str:
    """Return what Python runs: the name of a file, or of the module after ``-m``.

    Args:
        original: the arguments of the interpreter.
        argv: what the program gets of them.
    """
    if argv[0] == "-m":  # only while Python starts: the module is the argument in front of the program's own
        word = original[len(original) - len(argv)]
        return word.partition("m")[2] if word.startswith("-") else word
    if argv[0] == "-c":
        return "<string>"
    name = os.path.basename(argv[0].rstrip("/"))
    return "<stdin>" if name in {"", "-"} else name


def is_server(program: str, arguments: Sequence[str]) -> bool:
    """Whether a program only serves or works, according to its name and arguments."""
    name = program.removesuffix(".py").removesuffix(".__main__").partition(".")[0]
    told = set(_SERVING.get(name, ())).intersection(arguments) or _COMMANDS.intersection(arguments[:1])
    return name in _SERVERS or bool(told)


def _unhandled() -> BaseException | None:
    """Return the exception that ended the program: Python keeps it once it has shown it."""
    found = getattr(sys, "last_exc", None) or getattr(sys, "last_value", None)
    return found if isinstance(found, BaseException) else None
