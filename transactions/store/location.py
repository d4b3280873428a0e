"""Where the store is: what the setting says, else the user's state directory."""

from __future__ import annotations

import os
import pwd
from dataclasses import dataclass
from pathlib import Path
from typing import Final, Literal

import platformdirs

from ..configuration.postgresql_url import is_server_url
from ..host_exceptions import pass_on
from ..visible import visible

__all__ = ["MEMORY", "Location", "locate", "owner", "prepare", "user"]

MEMORY: Final = ":memory:"
_FILE_NAME: Final = "weighbridge.db"


@dataclass(frozen=True)
class Location:
    """The place of a store and why it is there."""

    path: str
    """Absolute, ``":memory:"``, or the address of a server, which may hold a password."""
    origin: Literal["setting", "user", "memory"]
    """From the setting ``store``; the user's state directory; or memory, as there is no such directory."""
    problem: str = ""
    """Why the store is in memory only, if nobody asked for that."""


def locate(setting: str | None) -> Location:
    """Where the store is for this user; touches nothing."""
    if setting == MEMORY or (setting and is_server_url(setting)):
        return Location(setting, "setting")
    try:
        if setting:
            return Location(os.path.abspath(_expanded(setting)), "setting")
        directory = platformdirs.user_state_dir("weighbridge", appauthor=False)
        return Location(os.path.abspath(os.path.join(_expanded(directory), _FILE_NAME)), "user")
    except (OSError, RuntimeError) as error:
        pass_on(error)
        return Location(MEMORY, "memory", f"there is no place for it: {error}")


def _expanded(path: str) -> str:
    expanded = os.path.expanduser(path)
    if expanded.startswith("~"):
        raise RuntimeError(f"no home directory is known, as {visible(path)} needs one")
    return expanded


def prepare(location: Location) -> Location:
    """Make the user's state directory if it is missing; where that cannot be, the store is in memory only.

    It is open to this user alone. A directory that the setting names is never
    made: that would hide a typing error, or a disk that is not mounted.
    """
    if location.origin != "user":
        return location
    directory = Path(location.path).parent
    try:
        directory.mkdir(mode=0o700, parents=True, exist_ok=True)
    except OSError as error:
        pass_on(error)
        return Location(MEMORY, "memory", f"{visible(str(directory))} cannot be made: {error.strerror}")
    if os.access(directory, os.W_OK | os.X_OK):
        return location
    return Location(MEMORY, "memory", f"{visible(str(directory))} cannot be written")


def owner(path: str) -> str:
    """The name of the user who owns a file, the number where it has no name, ``""`` where that is not known."""
    try:
        return _name_of_user(Path(path).stat().st_uid)
    except OSError:
        return ""


def user() -> str:
    """The name of the user who runs this process, the number where it has no name."""
    return _name_of_user(os.geteuid())


def _name_of_user(number: int) -> str:
    try:
        return pwd.getpwuid(number).pw_name
    except KeyError:
        return str(number)
