"""Follows a page from top to bottom, as its reader would: files are written, commands are run, output is compared.

A block with a title is a file of that name. Of a ``console`` block each line is a command; one that serves goes on
until the end, and is waited for. A ``text`` block without a title is what the command above it prints: each line of
it, numbers and blanks aside, must be there in the end.
"""

from __future__ import annotations

import os
import re
import shlex
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import closing, contextmanager
from importlib.metadata import PackageNotFoundError, metadata
from pathlib import Path
from typing import Final

import httpx

from ..waiting import TIMEOUT, eventually
from .pages import Block

__all__ = ["Walkthrough", "free_port", "is_in", "require_installed", "serving", "walking"]

_SERVES: Final = re.compile(r"(gunicorn|uvicorn|weighbridge serve|python manage\.py runserver)\b")
_AS_MODULES: Final = frozenset({"gunicorn", "uvicorn", "pytest"})
_NUMBER: Final = re.compile(r"-?\d[\d.,]*(\s*(ms|µs|s|%))?(/min|/h)?(?=\s|$)")
_AT_THE_END: Final = "# at the end of the file\n"


class Walkthrough:
    """A reader's folder, shell and patience.

    Args:
        folder: where the reader is.
        ports: what to take in the place of the page's ports.
        replaced: other texts of commands and files to replace.
    """

    def __init__(self, folder: Path, ports: Iterable[int] = (8000, 8610), replaced: Mapping[str, str] | None = None):
        self.folder = folder
        self._replaced = {str(port): str(free_port()) for port in ports} | dict(replaced or {})
        self._environment = {
            **os.environ,
            "PYTHONPATH": str(folder),
            "PYTHONSAFEPATH": "",
            "WEIGHBRIDGE_FLUSH_INTERVAL": "0.2",
            "COLUMNS": "400",
        }
        self._servers: list[subprocess.Popen[bytes]] = []
        self._last: Callable[[], str] = str

    def follow(self, blocks: Iterable[Block]) -> None:
        """Do what the blocks say."""
        for block in blocks:
            if block.title:
                self._write(block)
            elif block.language == "console":
                for command in block.code.splitlines():
                    self.run(command)
            elif block.language == "text":
                self._compare(block)

    def close(self) -> None:
        """End what serves."""
        for server in self._servers:
            os.killpg(server.pid, signal.SIGTERM)  # Django's reloader has a child
            server.wait()
        self._servers.clear()

    def adapted(self, text: str) -> str:
        """With what stands in the place of ports and the like."""
        for old, new in self._replaced.items():
            text = text.replace(old, new)
        return text

    def run(self, command: str) -> None:
        """Run a line as a shell does, and remember what it prints."""
        variables, words = _parsed(self.adapted(command))
        if words[:3] == ["python", "-m", "pip"]:
            require_installed(words[4:])
        elif words[0] == "export":
            self._environment |= dict(word.split("=", 1) for word in words[1:])
        elif words[0] == "curl":
            said = _fetched(words[1:])
            self._last = lambda: said
        elif _SERVES.match(" ".join(words)):
            self._serve(words, variables)
        elif words[:2] == ["weighbridge", "report"]:
            self._last = lambda: self._report(words, variables)
        else:
            said = self._output(words, variables)
            first = iter([said])
            self._last = lambda: next(first, None) or self._output(words, variables)

    def output(self, command: str) -> str:
        """What a line prints."""
        self.run(command)
        return self._last()

    def _write(self, block: Block) -> None:
        file = self.folder / block.title
        file.parent.mkdir(parents=True, exist_ok=True)
        code = self.adapted(block.code)
        before = file.read_text("utf-8") if code.startswith(_AT_THE_END) else ""
        file.write_text(before + code, "utf-8")

    def _report(self, words: list[str], variables: Mapping[str, str]) -> str:
        """A report may be asked for before the figures have been written."""
        said: list[str] = []
        eventually(lambda: self._attempted(words, variables, said))
        return said[-1]

    def _attempted(self, words: list[str], variables: Mapping[str, str], said: list[str]) -> bool:
        try:
            said.append(self._output(words, variables))
        except AssertionError:
            time.sleep(0.2)
        return bool(said)

    def _output(self, words: list[str], variables: Mapping[str, str]) -> str:
        source = words[words.index("<") + 1] if "<" in words else None
        if source is not None:
            words = words[: words.index("<")]
        done = subprocess.run(
            _program(words), cwd=self.folder, env=self._environment | dict(variables), capture_output=True, text=True,
            input=None if source is None else (self.folder / source).read_text("utf-8"), check=False,
        )  # fmt: skip
        assert done.returncode == 0, f"{words}\n{done.stdout}{done.stderr}"
        return done.stdout + done.stderr

    def _serve(self, words: list[str], variables: Mapping[str, str]) -> None:
        if words[:2] == ["weighbridge", "serve"] and "--port" not in words:
            words = [*words, "--port", self._replaced["8610"]]  # the usual one may be taken
        taken = [port for port in self._replaced.values() if port.isdigit() and any(port in word for word in words)]
        log = self.folder / f"server-{len(self._servers)}.log"
        with log.open("wb") as said:
            server = subprocess.Popen(
                _program(words), cwd=self.folder, env=self._environment | dict(variables),
                stdout=said, stderr=said, start_new_session=True,
            )  # fmt: skip
        self._servers.append(server)
        for port in taken:
            eventually(lambda port=port: server.poll() is not None or serving(int(port)))  # type: ignore[misc]
        assert server.poll() is None, log.read_text("utf-8")

    def _compare(self, block: Block) -> None:
        wanted = self.adapted(block.code)
        deadline = time.monotonic() + TIMEOUT
        while not is_in(wanted, said := self._last()):
            assert time.monotonic() < deadline, f"{block} shows\n{wanted}\nand it is\n{said}"
            time.sleep(0.2)


def _parsed(command: str) -> tuple[dict[str, str], list[str]]:
    """The variables in front of a command, and its words."""
    words = shlex.split(command, comments=True)
    variables: dict[str, str] = {}
    while re.match(r"[A-Z_]+=", words[0]):
        name, _, variables[name] = words.pop(0).partition("=")
    return variables, words


def _program(words: list[str]) -> list[str]:
    """The same by this interpreter, whose folder of commands need not be on the path."""
    if words[0] == "python":
        return [sys.executable, *words[1:]]
    if words[0] == "django-admin":
        return [sys.executable, "-m", "django", *words[1:]]
    if words[0] == "weighbridge":
        return [sys.executable, "-m", "weighbridge", *words[1:]]
    if words[0] in _AS_MODULES:
        return [sys.executable, "-m", words[0], *words[1:]]
    return words


def _fetched(words: list[str]) -> str:
    """What ``curl`` prints."""
    method = "POST" if "-X" in words else "GET"
    return httpx.request(method, words[-1], timeout=TIMEOUT).text


def require_installed(words: Iterable[str]) -> None:
    """What ``pip install`` is to install is installed here, with the extras and groups that it names."""
    wanted = [word for word in words if not word.startswith("-") and word != "tests"]
    for requirement in wanted:
        name, _, extras = requirement.removeprefix("./").partition("[")
        try:
            known = metadata("weighbridge" if name in {".", ""} else name)
        except PackageNotFoundError:
            raise AssertionError(f"{requirement} is not among what the tests install") from None
        assert set(filter(None, extras.rstrip("]").split(","))) <= set(known.get_all("Provides-Extra") or ())


def is_in(shown: str, said: str) -> bool:
    """Whether each line is among what was said, but for numbers and blanks."""
    lines = set(map(_alike, said.splitlines()))
    return all(_alike(line) in lines for line in shown.splitlines())


def _alike(line: str) -> str:
    return " ".join(_NUMBER.sub("#", line).split())


def free_port() -> int:
    """A port that nobody listens on."""
    with closing(socket.socket()) as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def serving(port: int) -> bool:
    """Whether somebody listens there."""
    with closing(socket.socket()) as probe:
        return probe.connect_ex(("127.0.0.1", port)) == 0


@contextmanager
def walking(folder: Path, **more: object) -> Iterator[Walkthrough]:
    """A walkthrough whose servers end with the block."""
    walkthrough = Walkthrough(folder, **more)  # type: ignore[arg-type]
    try:
        yield walkthrough
    finally:
        walkthrough.close()
