"""The identity of an open transaction: application, kind, explicit name and flags.

Most transactions share their identity with many others, so equal identities are
one interned object: opening a transaction stores a reference, and comparing two
identities compares references.
"""

# No postponed annotations here: NamedTuple would compile each of the strings, a tenth of the cost of the import.
from typing import Final, NamedTuple

from .applications import Application, ApplicationArgument
from .process_state import process_state

__all__ = ["DEFAULT_FLAGS", "DEFAULT_GROUP", "ExplicitName", "Flags", "Identity", "IdentitySource", "intern_identity"]

DEFAULT_GROUP: Final = "Function"

_MAX_INTERNED: Final = 10_000
_MAX_NAMED: Final = 100


class ExplicitName(NamedTuple):
    """A name that was set for a transaction, rather than derived from its request."""

    group: str
    name: str
    priority: float = 1


class Flags(NamedTuple):
    """The handling of a transaction besides counting it."""

    apdex: bool = True
    """Whether it has an Apdex zone, if it is a web transaction."""
    sampled: bool = True
    """Whether it may be kept as a sample."""
    capture_params: bool | None = None
    """Whether its sample keeps the request's parameters; ``None`` leaves that to the settings."""


DEFAULT_FLAGS: Final = Flags()


class Identity:
    """Application, kind, explicit name and flags of a transaction. Immutable.

    Made by `intern_identity` only, so that equal identities are the same object.
    """

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
    """Return the one identity with these four properties."""
    key = (application.spelled, background, explicit_name, flags)
    identity = _interned.get(key)
    if identity is None:
        if explicit_name is not None and explicit_name.group.startswith("/"):
            explicit_name = explicit_name._replace(group=explicit_name.group.lstrip("/") or DEFAULT_GROUP)
            return intern_identity(application, background, explicit_name, flags)
        if len(_interned) >= _MAX_INTERNED:  # equal identities that are two objects only cost time
            _interned.clear()
        identity = _interned[key] = Identity(application, background, explicit_name, flags)
    return identity


class IdentitySource:
    """Supplies the identity of what an opener opens, and renews it when the default application changes."""

    __slots__ = ("_application", "_background", "_by_name", "_explicit_name", "identity", "resolved_for")

    def __init__(self, application: ApplicationArgument, background: bool, explicit_name: ExplicitName | None) -> None:
        self._application = application
        self._background = background
        self._explicit_name = explicit_name
        process_state.has_entry_point = True
        self._by_name: dict[ExplicitName | None, Identity] = {}
        """Identities by explicit name, for names computed per call: a look-up costs a third of `intern_identity`."""
        self.identity: Identity
        """Valid as long as ``resolved_for`` is the default application."""
        self.resolved_for: Application | None = None

    def prepare(self) -> bool:
        """Bring the identity up to date before a transaction begins; return whether to measure it."""
        measuring = process_state.prepare()
        if self.resolved_for is not process_state.application:
            self._by_name.clear()
            self.identity = self.with_name(self._explicit_name)
            self.resolved_for = process_state.application
        return measuring

    def with_name(self, explicit_name: ExplicitName | None) -> Identity:
        """Return the identity with another explicit name."""
        identity = self._by_name.get(explicit_name)
        if identity is None:
            if len(self._by_name) >= _MAX_NAMED:
                self._by_name.clear()
            identity = intern_identity(
                process_state.resolve_application(self._application), self._background, explicit_name
            )
            self._by_name[explicit_name] = identity
        return identity
