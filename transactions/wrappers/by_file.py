"""Wrapping of functions that a configuration file names, as soon as their modules are imported."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from functools import partial
from types import ModuleType
from typing import TYPE_CHECKING, Any, Final

from ..host_exceptions import pass_on_signals
from ..late_imports import late_imports
from ..log import log_once
from .background import wrap_background_task
from .web import wrap_web_transaction

if TYPE_CHECKING:
    from ..configuration.records import FunctionSection

__all__ = ["wrap_functions"]

_WRAPPERS: Final[Mapping[str, Callable[..., None]]] = {
    "background-task": wrap_background_task,
    "web-transaction": wrap_web_transaction,
}
_seen: Final[set[tuple[str, str, str]]] = set()
"""Kind, module and path of the functions that are wrapped, or will be: the file may be read more than once."""


def wrap_functions(sections: Iterable[FunctionSection]) -> None:
    """Have the functions of a file measured: now, where their modules are imported, else when they are.

    Raises:
        ImportError, OSError: what is needed to see imports cannot be imported at this moment.
    """
    for section in sections:
        for module, object_path in section.functions:
            key = (section.kind, module, object_path)
            if key not in _seen:
                _when_imported(module, partial(_wrap, section, object_path))
                _seen.add(key)


def _when_imported(module: str, hook: Callable[[ModuleType], None]) -> None:
    with late_imports:
        import wrapt  # noqa: PLC0415  it imports asyncio, and few files have such sections
    register: Any = wrapt.register_post_import_hook
    register(hook, module)


def _wrap(section: FunctionSection, object_path: str, module: ModuleType) -> None:
    """Replace a function by its wrapper; called while the program imports its module, so it never raises."""
    options: Any = section.options
    try:
        _WRAPPERS[section.kind](module, object_path, **options)
    except Exception as failure:
        pass_on_signals(failure)
        log_once((section.place, object_path), "%s: %s", section.place, failure)
