"""A RabbitMQ of the tests' own, small and on the loopback address."""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Final

from kombu import Connection  # type: ignore[import-untyped]
from kombu.exceptions import KombuError, OperationalError  # type: ignore[import-untyped]

from ..waiting import eventually
from ..workers.redis_helpers import free_port

__all__ = ["SERVER", "empty", "rabbitmq"]

SERVER: Final = next((path for path in (Path("/usr/lib/rabbitmq/bin/rabbitmq-server"),) if path.exists()), None)
"""Debian's; the program of that name on the path is one that changes the user, and knows one server only."""
_USER: Final = "rabbitmq"
_CONFIGURATION: Final = """
listeners.tcp.1 = 127.0.0.1:{port}
vm_memory_high_watermark.absolute = 200MB
disk_free_limit.absolute = 1MB
log.console = true
log.file = false
"""


@contextmanager
def rabbitmq() -> Iterator[str]:
    """It listens on free ports of this machine, and keeps nothing; gives how clients find it."""
    assert SERVER is not None
    folder = Path(tempfile.mkdtemp(prefix="rabbitmq-"))
    port, mapper = free_port(), free_port()
    (folder / "rabbitmq.conf").write_text(_CONFIGURATION.format(port=port))
    (folder / "enabled_plugins").write_text("[].")
    if os.geteuid() == 0:
        for path in (folder, *folder.iterdir()):
            shutil.chown(path, _USER, _USER)
    with (folder / "log").open("wb") as log:
        process = subprocess.Popen(
            [*(["runuser", "-u", _USER, "--"] if os.geteuid() == 0 else []), str(SERVER)],
            env={**os.environ, **_environ(folder, port, mapper)},
            cwd=folder,
            stdout=log,
            stderr=subprocess.STDOUT,
            start_new_session=True,
        )
    url = f"amqp://guest:guest@127.0.0.1:{port}//"
    try:
        eventually(lambda: process.poll() is not None or _answers(url))
        assert process.poll() is None, (folder / "log").read_text("utf-8", "replace")
        yield url
    finally:
        with suppress(ProcessLookupError):
            os.killpg(process.pid, signal.SIGKILL)
        process.wait()
        _end_mapper(mapper)
        shutil.rmtree(folder, ignore_errors=True)


def empty(url: str) -> None:
    """Forget the messages that were left."""
    with Connection(url) as connection, suppress(KombuError, OSError, *connection.channel_errors):
        connection.default_channel.queue_purge("celery")


def _environ(folder: Path, port: int, mapper: int) -> dict[str, str]:
    return {
        "HOME": str(folder),
        "RABBITMQ_NODENAME": f"tests-{port}@localhost",
        "RABBITMQ_DIST_PORT": str(free_port()),
        "RABBITMQ_CONFIG_FILE": str(folder / "rabbitmq.conf"),
        "RABBITMQ_CONF_ENV_FILE": str(folder / "none"),
        "RABBITMQ_ENABLED_PLUGINS_FILE": str(folder / "enabled_plugins"),
        "RABBITMQ_MNESIA_BASE": str(folder / "data"),
        "RABBITMQ_LOG_BASE": str(folder / "logs"),
        "RABBITMQ_SERVER_ADDITIONAL_ERL_ARGS": "-kernel inet_dist_use_interface {127,0,0,1} +S 1:1 +sbwt none",
        "ERL_EPMD_PORT": str(mapper),
        "ERL_EPMD_ADDRESS": "127.0.0.1",
    }


def _answers(url: str) -> bool:
    try:
        with Connection(url, connect_timeout=1) as connection:
            connection.connect()
    except (OperationalError, OSError):
        return False
    return True


def _end_mapper(port: int) -> None:
    """End Erlang's port mapper, which outlives the server that has started it."""
    program = shutil.which("epmd")
    if program is not None:
        command, environ = [program, "-port", str(port), "-kill"], {**os.environ, "ERL_EPMD_RELAXED_COMMAND_CHECK": "1"}
        subprocess.run(command, env=environ, check=False, timeout=60, capture_output=True)
