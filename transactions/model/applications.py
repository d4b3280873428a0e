"""Applications: the names under which transactions are reported."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

if TYPE_CHECKING:
    from typing_extensions import Self
else:  # for `typing.get_type_hints`: a Python before 3.11 has it in no module that is there
    Self = Any

__all__ = ["LONGEST_APPLICATION", "Application", "ApplicationArgument", "application_named", "parts_of"]

LONGEST_APPLICATION: Final = 128
"""Characters; longer names are cut. With a group and a name of 255 they still fit in an index of PostgreSQL."""
_MAX_INTERNED: Final = 1000
_interned: dict[str, Application] = {}


class Application(str):
    """An application's name, and the names of the applications it is linked to.

    An application is a `str`: it compares, hashes and prints as its name.
    """

    __slots__ = ("linked", "spelled")

    linked: tuple[str, ...]
    """Names of the applications that receive the same data."""
    spelled: str
    """Name and links in one text: ``"a;b;c"``."""

    def __new__(cls, name: str, linked: tuple[str, ...] = ()) -> Self:
        self = super().__new__(cls, name)
        self.linked = linked
        self.spelled = ";".join((name, *linked))
        return self

    @property
    def name(self) -> str:
        """The name alone."""
        return str(self)

    def __str__(self) -> str:
        return str.__str__(self)

    def __reduce__(self) -> tuple[type[Application], tuple[str, tuple[str, ...]]]:
        return Application, (self.name, self.linked)


ApplicationArgument = str | Application | None


def parts_of(spelled: str) -> list[str]:
    """Split ``"a; b;;c"`` into distinct names, cut to size, without surrounding blanks and empty parts."""
    return list(dict.fromkeys(part[:LONGEST_APPLICATION] for part in map(str.strip, spelled.split(";")) if part))


def application_named(spelled: str) -> Application | None:
    """Return the application named before the first ``;``, linked to those after it; ``None`` if there is no name."""
    known = _interned.get(spelled)
    if known is not None:
        return known
    parts = parts_of(spelled)
    if not parts:
        return None
    application = Application(parts[0], tuple(parts[1:]))
    if len(_interned) < _MAX_INTERNED:
        _interned[spelled] = application
    return application
