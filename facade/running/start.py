"""What the start-up file does in an interpreter that takes part."""

from __future__ import annotations

import sys

from weighbridge.transactions.log import capture_internal_exception

from .plugs import PLUGS
from .post_import import Watcher, watch_imports
from .script import open_script
from .uwsgi import watch_uwsgi

__all__ = ["start"]


def start() -> Watcher:
    """Watch for the imports of frameworks and servers, and open the transaction of a script."""
    watcher = watch_imports({name: plug.apply for name, plug in PLUGS.items()})
    try:
        if sys.orig_argv:
            open_script()
        else:  # a program that embeds Python
            watch_uwsgi()
    except Exception:
        capture_internal_exception("weighbridge run")
    return watcher
