"""Own code: what the setting ``own_code`` means, and what counts as the program's own without it."""

from __future__ import annotations

import os
import sys
from collections.abc import Iterable
from typing import Final

__all__ = ["OwnCode", "short_path"]

_STANDARD_LIBRARY: Final = os.__file__.rpartition(os.sep)[0] + os.sep
_INSTALLED: Final = (f"{os.sep}site-packages{os.sep}", f"{os.sep}dist-packages{os.sep}")
_US: Final = "weighbridge"
_DEMO: Final = "weighbridge.demo"
"""The one part of ours that is a program."""


class OwnCode:
    """Tells the program's own code from that of libraries.

    Args:
        names: packages and folders; if there are none, own is what is neither in the standard library nor installed
            among other packages. The package that was started with ``python -m`` is own wherever it is.
    """

    def __init__(self, names: Iterable[str]) -> None:
        wanted = [*names]
        self._folders = tuple(_as_folder(name) for name in wanted if os.sep in name)
        self._packages = tuple(name for name in wanted if os.sep not in name)
        self._is_chosen = bool(wanted)

    def owns(self, path: str, module: str) -> bool:
        """Whether code of that file and module is the program's own."""
        if _is_within(module, _US):
            return _is_within(module, _DEMO)
        if self._is_chosen:
            return path.startswith(self._folders) or any(_is_within(module, package) for package in self._packages)
        if any(folder in path for folder in _INSTALLED) or (not path.startswith(os.sep) and _is_installed(module)):
            return _is_within(module, _started_package())
        return not path.startswith((_STANDARD_LIBRARY, "<frozen "))

    @staticmethod
    def is_ours(module: str) -> bool:
        """Whether a module is a part of weighbridge, which no traceback shows."""
        return _is_within(module, _US) and not _is_within(module, _DEMO)


def _as_folder(name: str) -> str:
    return os.path.abspath(name).rstrip(os.sep) + os.sep


def _is_within(module: str, package: str) -> bool:
    return bool(package) and (module == package or module.startswith(f"{package}."))


def _is_installed(module: str) -> bool:
    """Whether a module is of an installed package: it says so where the file is none, as of compiled or made code."""
    loaded = sys.modules.get(module)
    return any(folder in str(getattr(loaded, "__file__", "")) for folder in _INSTALLED)


def _started_package() -> str:
    """Return the package that was started with ``python -m``; empty if there is none."""
    spec = getattr(sys.modules.get("__main__"), "__spec__", None)
    return str(getattr(spec, "name", "") or "").partition(".")[0]


def short_path(path: str) -> str:
    """Return a file as it is found below ``sys.path``, so that it is the same wherever a program is installed."""
    folders = [folder for folder in sys.path if isinstance(folder, str) and folder]
    within = [folder for folder in folders if path.startswith(folder.rstrip(os.sep) + os.sep)]
    return path[len(max(within, key=len).rstrip(os.sep)) + 1 :] if within else path
