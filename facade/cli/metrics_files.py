"""``weighbridge metrics files``: what Prometheus and Grafana need beside the metrics."""

from __future__ import annotations

from importlib.resources import files
from pathlib import Path

from .errors import CommandError
from .output import say

__all__ = ["write_metrics_files"]


def write_metrics_files(folder: Path, force: bool) -> None:
    """Write recording rules, alerts and a dashboard into a folder, which is made if need be.

    Raises:
        CommandError: a file is there already and differs, or cannot be written.
    """
    contents = {
        folder / file.name: file.read_text(encoding="utf-8")
        for file in sorted((files("weighbridge.exporting") / "files").iterdir(), key=lambda file: file.name)
    }
    try:
        changed = [path for path, content in contents.items() if path.exists() and path.read_text() != content]
        if changed and not force:
            names = ", ".join(str(path) for path in changed)
            raise CommandError(f"{names}: there already, and different; --force overwrites")
        folder.mkdir(parents=True, exist_ok=True)
        for path, content in contents.items():
            path.write_text(content, encoding="utf-8")
            say(str(path))
    except (OSError, UnicodeDecodeError) as error:
        raise CommandError(f"{folder} cannot be written: {error}") from None
