"""The command ``weighbridge``: report, top, check, config, run, serve, demo and others."""

from __future__ import annotations

import sys
from io import TextIOWrapper

__all__ = ["main"]

_PARTS = ("click", "rich")
_SQLITE = ("sqlite3", "_sqlite3")
_NO_SQLITE = "weighbridge: this Python was built without its module sqlite3, and a store cannot be read without it\n"


def main() -> None:
    """Run the command line; without the libraries that it needs, say so and exit with 2. ``run`` needs none."""
    if sys.argv[1:2] == ["run"]:
        from weighbridge.running.command import main as run  # noqa: PLC0415 - the other commands do without

        run(sys.argv[2:])
    try:
        from weighbridge.cli.commands import weighbridge  # noqa: PLC0415 - click and rich are optional
    except ModuleNotFoundError as error:
        missing = (error.name or "").partition(".")[0]
        if missing not in (*_PARTS, *_SQLITE):
            raise
        sys.stderr.write(_NO_SQLITE if missing in _SQLITE else _how_to_install(missing))
        raise SystemExit(3 if sys.argv[1:2] == ["check"] else 2) from None  # 2 would be a judgement
    _write_any_text()
    weighbridge(prog_name="weighbridge")


def _write_any_text() -> None:
    """Have names escaped that a terminal's encoding has no characters for (Latin-1): most terminals have all."""
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, TextIOWrapper) and stream.errors == "strict":
            stream.reconfigure(errors="backslashreplace")


def _how_to_install(missing: str) -> str:
    return (
        f"weighbridge: the command line needs {missing!r}, which is not installed.\n"
        "Install it with: python -m pip install 'weighbridge[ui]' (for the demo: 'weighbridge[demo]')\n"
    )
