"""A PostgreSQL server of the tests' own: its data in a temporary folder, on a free port of the loopback address."""

from __future__ import annotations

import os
import pwd
import shutil
import socket
import subprocess
import tempfile
from pathlib import Path

__all__ = ["Cluster", "programs"]

_OPTIONS = (
    # Nothing waits for the disk; what was committed outlives the server's processes, which the tests kill.
    "-c fsync=off -c full_page_writes=off -c synchronous_commit=on"
    " -c shared_buffers=32MB -c max_connections=60 -c autovacuum=off -c listen_addresses=127.0.0.1"
)
_USERS = ("postgres", "nobody")
_PASSWORD = "s3c/r@t"


def programs() -> Path | None:
    """Return the folder of the server's programs; ``None`` where it is not installed."""
    folders = sorted(Path("/usr/lib/postgresql").glob("*/bin"), key=lambda path: int(path.parent.name), reverse=True)
    found = shutil.which("initdb")
    return next((folder for folder in folders if (folder / "initdb").exists()), Path(found).parent if found else None)


class Cluster:
    """A server that can be started, stopped and crashed; it refuses to run as root."""

    def __init__(self, bin_folder: Path) -> None:
        self.bin = bin_folder
        self.user = next(name for name in _USERS if _exists(name)) if os.geteuid() == 0 else None
        self.folder = Path(tempfile.mkdtemp(prefix="weighbridge-postgresql-"))
        if self.user is not None:
            shutil.chown(self.folder, self.user)
        with socket.create_server(("127.0.0.1", 0)) as free:
            self.port: int = free.getsockname()[1]
        secret = self.folder / "password"
        secret.write_text(_PASSWORD)
        secret.chmod(0o644)
        self._run(
            "initdb", "-D", str(self.data), "-U", "owner", "--auth=scram-sha-256", f"--pwfile={secret}",
            "--no-sync", "-E", "UTF8", "--locale=C",
        )  # fmt: skip

    @property
    def data(self) -> Path:
        """The folder of the data."""
        return self.folder / "data"

    def url(self, database: str, user: str = "owner", password: str = _PASSWORD, port: int | None = None) -> str:
        """Return the address of a database, with a password that has to be encoded in it."""
        encoded = password.replace("/", "%2F").replace("@", "%40")
        return f"postgresql://{user}:{encoded}@127.0.0.1:{port or self.port}/{database}"

    def start(self) -> None:
        """Start the server, and wait until it answers."""
        options = f"{_OPTIONS} -p {self.port} -k {self.folder}"
        self._run("pg_ctl", "-D", str(self.data), "-l", str(self.folder / "log"), "-w", "-o", options, "start")

    def stop(self, mode: str = "fast") -> None:
        """Stop the server; ``immediate`` is a crash, after which it recovers."""
        self._run("pg_ctl", "-D", str(self.data), "-m", mode, "-w", "stop")

    def remove(self) -> None:
        """Stop the server, and delete everything."""
        if (self.data / "postmaster.pid").exists():
            self.stop("immediate")
        shutil.rmtree(self.folder, ignore_errors=True)

    def _run(self, program: str, *arguments: str) -> None:
        done = subprocess.run(
            [self.bin / program, *arguments], user=self.user, cwd=self.folder, check=False,
            stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, timeout=300,
            env={**os.environ, "HOME": str(self.folder), "LC_ALL": "C"},
        ) if program != "pg_ctl" else self._control(arguments)  # fmt: skip
        if done.returncode:
            raise RuntimeError(f"{program} {' '.join(arguments)}: {done.stdout}")

    def _control(self, arguments: tuple[str, ...]) -> subprocess.CompletedProcess[str]:
        """Run ``pg_ctl``, whose server would keep a pipe open: what it says goes to a file."""
        said = self.folder / "said"
        with said.open("w") as output:
            done = subprocess.run(
                [self.bin / "pg_ctl", *arguments], user=self.user, cwd=self.folder, check=False,
                stdin=subprocess.DEVNULL, stdout=output, stderr=subprocess.STDOUT, text=True, timeout=300,
            )  # fmt: skip
        return subprocess.CompletedProcess(done.args, done.returncode, said.read_text())


def _exists(user: str) -> bool:
    try:
        return bool(pwd.getpwnam(user))
    except KeyError:
        return False
