"""The bookshop's processes: gunicorn, uvicorn, the worker and the post, each with a log file and a clean end."""

from __future__ import annotations

import os
import socket
import subprocess
import sys
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Final

from .traffic import API, NEW, WEB, WORKER

__all__ = ["Process", "ServiceFailed", "environment", "serve", "start_api", "start_post", "start_web", "start_worker"]

TIMEOUT: Final = 10.0
"""Seconds that a process may take to end after SIGTERM."""

_TAIL: Final = 15
_EARLIER: Final = Path(__file__).with_name("earlier.py")


class ServiceFailed(Exception):
    """A process of the demo did not start, ended early or did not answer; the message has its last output."""


@dataclass(frozen=True)
class Process:
    """One running process of the bookshop."""

    title: str
    popen: subprocess.Popen[str]
    log: Path
    url: str = ""
    """Its address; empty for the worker and the post."""

    @property
    def is_running(self) -> bool:
        """Whether the process is still running."""
        return self.popen.poll() is None

    def failed(self, reason: str) -> ServiceFailed:
        """Return an error that says what happened, with the process's last output."""
        tail = "\n".join(self.log.read_text(errors="replace").splitlines()[-_TAIL:])
        return ServiceFailed(f"{self.title} {reason}. It wrote last:\n{tail or '(nothing)'}")

    def stop(self) -> None:
        """End the process by SIGTERM (the worker by closing its input).

        Raises:
            ServiceFailed: it had to be killed, which may have cost it its last figures.
        """
        self._ask_to_end()
        try:
            self.popen.wait(TIMEOUT)
        except subprocess.TimeoutExpired:
            raise self.failed(f"did not end within {TIMEOUT:.0f} s and was killed") from None
        finally:
            self.popen.kill()
            self.popen.wait()
            if self.popen.stdout:
                self.popen.stdout.close()

    def _ask_to_end(self) -> None:
        if self.popen.stdin is None:
            self.popen.terminate()
            return
        with suppress(OSError):  # the process has ended already, and buffered input is lost
            self.popen.stdin.close()


def start_web(folder: Path, store: Path | str, version: str = NEW, ago: float = 0.0) -> Process:
    """Serve a version of the Flask shop by gunicorn, with two processes of four threads each.

    What it reports is as if it had happened some seconds ago.
    """
    arguments = ["gunicorn", "--workers=2", "--threads=4", "--bind=fd://{fd}", "weighbridge.demo.shop_web:application"]
    return serve("gunicorn", arguments, folder, environment(store, WEB) | {"WEIGHBRIDGE_VERSION": version}, ago)


def start_api(folder: Path, store: Path | str) -> Process:
    """Serve the FastAPI shop by uvicorn."""
    arguments = ["uvicorn", "--fd={fd}", "--no-access-log", "weighbridge.demo.shop_api:application"]
    return serve("uvicorn", arguments, folder, environment(store, API))


def start_post(folder: Path, store: Path | str) -> Process:
    """Start a Celery worker with one thread, which takes its tasks from a folder."""
    log = folder / "post.log"
    arguments = ["celery", "--quiet", "--app=weighbridge.demo.post", "worker", "--pool=threads", "--concurrency=1"]
    quiet = ["--loglevel=CRITICAL", "--without-gossip", "--without-mingle", "--without-heartbeat"]
    with log.open("w") as output:
        popen = _popen([*arguments, *quiet], _posting(folder, store), output, None)
    return Process("the post", popen, log)


def _posting(folder: Path, store: Path | str) -> dict[str, str]:
    """Return the environment of those who send tasks by the post, and of the one who does them."""
    post = folder / "post"
    for name in ("queue", "control"):
        (post / name).mkdir(parents=True, exist_ok=True)
    return {**environment(store, WORKER), "BOOKSHOP_POST": str(post)}


def start_worker(folder: Path, store: Path | str) -> Process:
    """Start the worker, which reads jobs from one pipe and answers through another."""
    log = folder / "worker.log"
    with log.open("w") as errors:
        popen = _popen(["weighbridge.demo.worker"], _posting(folder, store), errors, subprocess.PIPE)
    return Process("the worker", popen, log)


def serve(
    title: str, arguments: Sequence[str], folder: Path, variables: Mapping[str, str], ago: float = 0.0
) -> Process:
    """Start a server on a free port of the loopback interface; ``{fd}`` in its arguments stands for the socket.

    Its clock is some seconds behind.

    The socket is bound here and passed on, so that nobody can take the port in
    between. Our own copy is closed, so that connections are refused once the server
    has ended.
    """
    log = folder / f"{title}.log"
    with socket.create_server(("127.0.0.1", 0), backlog=256) as listener, log.open("w") as output:
        descriptor, port = listener.fileno(), listener.getsockname()[1]
        command = [argument.format(fd=descriptor) for argument in arguments]
        popen = _popen(command, variables, output, None, descriptor, ago=ago)
    return Process(title, popen, log, f"http://127.0.0.1:{port}")


def _popen(
    module: Sequence[str],
    variables: Mapping[str, str],
    errors: IO[str],
    pipe: int | None,
    *descriptors: int,
    ago: float = 0.0,
) -> subprocess.Popen[str]:
    """Run a module in a session of its own, so that Ctrl-C reaches only us, and we end the process."""
    way = [str(_EARLIER), str(ago)] if ago else ["-m"]
    return subprocess.Popen(
        [sys.executable, *way, *module],
        env=variables,
        stdin=pipe or subprocess.DEVNULL,
        stdout=pipe or errors,
        stderr=errors,
        text=True,
        bufsize=1,
        pass_fds=descriptors,
        start_new_session=True,
    )


def environment(store: Path | str, application: str) -> dict[str, str]:
    """Return the environment of a process that reports to ``store`` as ``application``.

    The user's own settings are left out, as the demo must give the same figures everywhere.
    """
    ours = ("WEIGHBRIDGE_", "NEW_RELIC_", "GUNICORN_", "UVICORN_", "WEB_CONCURRENCY")
    kept = {name: value for name, value in os.environ.items() if not name.startswith(ours)}
    own = {"WEIGHBRIDGE_STORE": str(store), "WEIGHBRIDGE_APP_NAME": application, "WEIGHBRIDGE_FLUSH_INTERVAL": "1"}
    return kept | own | {"PYTHONSAFEPATH": "1", "PYTHONUNBUFFERED": "1"}
