"""What the start-up file does in an interpreter that takes part."""

from __future__ import annotations

import os
import sys

from weighbridge.transactions.log import capture_internal_exception

from .environment import AS_NEWRELIC
from .plugs import PLUGS
from .post_import import Watcher, watch_imports
from .script import open_script
from .uwsgi import watch_uwsgi

__all__ = ["start"]


def start() -> Watcher:
    """Watch for the imports of frameworks and servers, and open the transaction of a script."""
    if os.environ.get(AS_NEWRELIC):
        _stand_in_for_the_agent()
    watcher = watch_imports({name: plug.apply for name, plug in PLUGS.items()})
    try:
        if sys.orig_argv:
            open_script()
        else:  # a program that embeds Python
            watch_uwsgi()
    except Exception:
        capture_internal_exception("weighbridge run")
    return watcher


def _stand_in_for_the_agent() -> None:
    """Have ``import newrelic`` give weighbridge; end the program where the agent itself is installed, and say so."""
    from weighbridge.agent.drop_in import AgentIsInstalled, install  # noqa: PLC0415  most programs know no agent

    try:
        install()
    except AgentIsInstalled as problem:
        sys.stderr.write(f"weighbridge: {problem}\n")
        sys.stderr.flush()
        os._exit(2)  # whatever is raised while Python starts, it goes on
