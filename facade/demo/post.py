"""The bookshop's post: a Celery worker whose queue is a folder, so that it needs no broker.

``slow`` and ``quick`` say how long a letter takes, for the queue to back up and to be worked off again.
"""

from __future__ import annotations

import os
import time
from collections.abc import Callable, Mapping
from pathlib import Path
from types import MappingProxyType
from typing import Any, Final

from celery import Celery  # type: ignore[import-untyped]
from kombu.transport import TRANSPORT_ALIASES, filesystem

import weighbridge.jobs.celery

__all__ = ["POST", "app", "wait"]

_FOLDER: Final = Path(os.environ.get("BOOKSHOP_POST", "."))
_DONE: Final = _FOLDER / "done"
"""Has a byte for each task that has come to its end."""
_SLOW: Final = _FOLDER / "slow"
_POLL: Final = 0.05
_LETTER, _SLOW_LETTER = 0.03, 1.2
_TIMEOUT: Final = 20.0
"""Seconds within which the next task must be done."""


class _Channel(filesystem.Channel):
    """Puts a message into the queue when it is all written: on a busy machine, readers took the half of one."""

    def _put(self, *message: Any, **options: Any) -> None:
        _WRITTEN.mkdir(parents=True, exist_ok=True)
        super()._put(*message, **options)  # type: ignore[no-untyped-call]
        for written in _WRITTEN.iterdir():
            written.replace(_QUEUE / written.name)


class WholeTransport(filesystem.Transport):
    """A queue that is a folder."""

    Channel = _Channel


_QUEUE: Final = _FOLDER / "queue"
_WRITTEN: Final = _FOLDER / f"written-by-{os.getpid()}"
TRANSPORT_ALIASES["bookshop"] = f"{__name__}:{WholeTransport.__name__}"
app: Final[Any] = Celery("bookshop", broker="bookshop://")
app.conf.update(
    broker_transport_options={
        "data_folder_in": _QUEUE,
        "data_folder_out": _WRITTEN,
        "control_folder": _FOLDER / "control",
        "polling_interval": _POLL,
    },
    task_default_queue="post",
    task_ignore_result=True,
    worker_enable_remote_control=False,
    worker_prefetch_multiplier=1,
)
weighbridge.jobs.celery.measure(app)


@app.task(name="send_letter")  # type: ignore[untyped-decorator]
def send_letter() -> None:
    """Succeed, after a while."""
    time.sleep(_SLOW_LETTER if _SLOW.exists() else _LETTER)
    _note_done()


@app.task(name="send_books", bind=True)  # type: ignore[untyped-decorator]
def send_books(self: Any) -> None:
    """Succeed at the second try."""
    if not self.request.retries:
        raise self.retry(countdown=0)
    _note_done()


@app.task(name="print_label")  # type: ignore[untyped-decorator]
def print_label() -> None:
    """Fail."""
    _note_done()
    raise OSError("the printer has no paper")


def _note_done() -> None:
    with _DONE.open("ab") as done:
        done.write(b".")


_sent: Final[list[None]] = []


def _sender(task: Any) -> Callable[[], None]:
    def send() -> None:
        task.delay()
        _sent.append(None)

    return send


def wait() -> None:
    """Wait until all that this process has sent is done, or nothing has been done for too long."""
    done, since = 0, time.monotonic()
    while done < len(_sent) and time.monotonic() - since < _TIMEOUT:
        time.sleep(_POLL)
        before, done = done, _DONE.stat().st_size if _DONE.exists() else 0
        since = time.monotonic() if done > before else since


POST: Final[Mapping[str, Callable[[], object]]] = MappingProxyType(
    {
        "letter": _sender(send_letter),
        "books": _sender(send_books),
        "label": _sender(print_label),
        "slow": _SLOW.touch,
        "quick": lambda: _SLOW.unlink(missing_ok=True),
        "post": wait,
    }
)
"""What the worker can be told to do about the post, by name."""
