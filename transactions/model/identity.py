"""What tells transactions apart before they end: to whom they are reported, their kind, their given name, their flags.

Most transactions share all of that with many others, so it is one object for
all of them: opening one stores a reference, and to compare two is to compare
references.
"""

# No postponed annotations here: a NamedTuple compiles each text, which is a tenth of what the import costs.
from typing import Final, NamedTuple

from .applications import Application, ApplicationArgument
from .process import runtime

__all__ = ["DEFAULT_FLAGS", "DEFAULT_GROUP", "ExplicitName", "Flags", "Identity", "IdentitySource", "intern_identity"]

DEFAULT_GROUP: Final = "Function"

_MAX_INTERNED: Final = 10_000
_MAX_NAMED: Final = 100


class ExplicitName(NamedTuple):
    """A name that was given to a transaction, rather than derived from its request."""

    group: str
    name: str
    priority: float = 1


class Flags(NamedTuple):
    """What is made of a transaction besides counting it."""

    apdex: bool = True
    """Whether it has an Apdex zone, if it is one of the web."""
    sampled: bool = True
    """Whether it may be kept whole."""
    capture_params: bool | None = None
    """Whether it is kept with its request's parameters; ``None`` where the settings say so."""


DEFAULT_FLAGS: Final = Flags()


class Identity:
    """Made by `intern_identity` only, so that equal identities are the same object. It never changes."""

    __slots__ = ("application", "background", "explicit_name", "flags")

    def __init__(
        self, application: Application, background: bool, explicit_name: ExplicitName | None, flags: Flags
    ) -> None:
        self.application: Application = application
        self.background: bool = background
        self.explicit_name: ExplicitName | None = explicit_name
        self.flags: Flags = flags


_interned: Final[dict[tuple[str, bool, ExplicitName | None, Flags], Identity]] = {}


def intern_identity(
    application: Application, background: bool, explicit_name: ExplicitName | None, flags: Flags = DEFAULT_FLAGS
) -> Identity:
    """The identity of these four."""
    key = (application.spelled, background, explicit_name, flags)
    identity = _interned.get(key)
    if identity is None:
        if explicit_name is not None and explicit_name.group.startswith("/"):
            explicit_name = explicit_name._replace(group=explicit_name.group.lstrip("/") or DEFAULT_GROUP)
            return intern_identity(application, background, explicit_name, flags)
        if len(_interned) >= _MAX_INTERNED:  # equal ones that are not the same cost time, nothing else
            _interned.clear()
        identity = _interned[key] = Identity(application, background, explicit_name, flags)
    return identity


class IdentitySource:
    """The identity of what one entry opens, remade where the settings name another default application."""

    __slots__ = ("_application", "_background", "_by_name", "_explicit_name", "identity", "resolved_for")

    def __init__(self, application: ApplicationArgument, background: bool, explicit_name: ExplicitName | None) -> None:
        self._application = application
        self._background = background
        self._explicit_name = explicit_name
        self._by_name: dict[ExplicitName | None, Identity] = {}
        """By explicit name, for names found at the call: a look-up costs a third of `intern_identity`."""
        self.identity: Identity
        """Up to date as long as ``resolved_for`` is the default application."""
        self.resolved_for: Application | None = None

    def prepare(self) -> bool:
        """A transaction may be about to begin: bring the identity up to date; whether the transaction is measured."""
        measuring = runtime.prepare()
        if self.resolved_for is not runtime.application:
            self._by_name.clear()
            self.identity = self.with_name(self._explicit_name)
            self.resolved_for = runtime.application
        return measuring

    def with_name(self, explicit_name: ExplicitName | None) -> Identity:
        """The identity under a name of its own."""
        identity = self._by_name.get(explicit_name)
        if identity is None:
            if len(self._by_name) >= _MAX_NAMED:
                self._by_name.clear()
            identity = intern_identity(runtime.resolve_application(self._application), self._background, explicit_name)
            self._by_name[explicit_name] = identity
        return identity
