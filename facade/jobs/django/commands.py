"""Management commands: their base class's ``execute`` is wrapped, as Django has no hook for them."""

from __future__ import annotations

import os
from functools import wraps
from typing import Any, Final

from django.core.management.base import BaseCommand
from django.utils.autoreload import DJANGO_AUTORELOAD_ENV

from weighbridge import current_transaction
from weighbridge.transactions.wrappers.programs import ProgramTransaction

__all__ = ["wrap_commands"]

_GROUP: Final = "Django"
_WRAPPED: Final = "_weighbridge_wrapped"


def _only_restarts(options: dict[str, Any]) -> bool:
    """Whether a command runs in a child that Django's reloader starts, and starts again, rather than here."""
    return bool(options.get("use_reloader")) and os.environ.get(DJANGO_AUTORELOAD_ENV) != "true"


def wrap_commands() -> None:
    """Measure every command as a frame around all that it does; what begins in it has transactions of its own."""
    execute: Any = BaseCommand.execute
    if hasattr(execute, _WRAPPED):
        return

    @wraps(execute)
    def measured(self: BaseCommand, *args: Any, **options: Any) -> Any:
        if current_transaction() is not None or _only_restarts(options):  # called by a request or a task, or a reloader
            return execute(self, *args, **options)
        name = type(self).__module__.rpartition(".")[2]
        frame = ProgramTransaction(f"manage.py {name}", _GROUP)
        try:
            result = execute(self, *args, **options)
        except BaseException as exception:
            frame.end(exception)
            raise
        frame.end()
        return result

    setattr(measured, _WRAPPED, True)
    BaseCommand.execute = measured  # type: ignore[method-assign]
