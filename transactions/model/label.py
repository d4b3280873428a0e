"""What tells transactions apart before they end: to whom they are reported, their kind, their given name, their manner.

Most transactions share all of that with many others, so it is one object for
all of them: opening one stores a reference, and to compare two is to compare
references.
"""

# No postponed annotations here: a NamedTuple compiles each text, which is a tenth of what the import costs.
from typing import Final, NamedTuple

from .applications import Application, ApplicationArgument
from .process import here

__all__ = ["DEFAULT_GROUP", "USUAL", "Given", "Label", "LabelSource", "Manner", "label_of"]

DEFAULT_GROUP: Final = "Function"

_REMEMBERED_AT_MOST: Final = 10_000
_NAMED_AT_MOST: Final = 100


class Given(NamedTuple):
    """A name that was given to a transaction, rather than derived from its request."""

    group: str
    name: str
    priority: float = 1


class Manner(NamedTuple):
    """What is made of a transaction besides counting it."""

    rated: bool = True
    """Whether it has an Apdex zone, if it is one of the web."""
    sampled: bool = True
    """Whether it may be kept whole."""
    with_params: bool | None = None
    """Whether it is kept with its request's parameters; ``None`` where the settings say so."""


USUAL: Final = Manner()


class Label:
    """Made by `label_of` only, so that equal labels are the same object. It never changes."""

    __slots__ = ("application", "background", "given", "manner")

    def __init__(self, application: Application, background: bool, given: Given | None, manner: Manner) -> None:
        self.application: Application = application
        self.background: bool = background
        self.given: Given | None = given
        self.manner: Manner = manner


_remembered: Final[dict[tuple[str, bool, Given | None, Manner], Label]] = {}


def label_of(application: Application, background: bool, given: Given | None, manner: Manner = USUAL) -> Label:
    """The label of these four."""
    key = (application.spelled, background, given, manner)
    label = _remembered.get(key)
    if label is None:
        if given is not None and given.group.startswith("/"):
            given = given._replace(group=given.group.lstrip("/") or DEFAULT_GROUP)
            return label_of(application, background, given, manner)
        if len(_remembered) >= _REMEMBERED_AT_MOST:  # equal ones that are not the same cost time, nothing else
            _remembered.clear()
        label = _remembered[key] = Label(application, background, given, manner)
    return label


class LabelSource:
    """The label of what one entry opens, remade where the settings name another default application."""

    __slots__ = ("_application", "_background", "_given", "_named", "label", "made_for")

    def __init__(self, application: ApplicationArgument, background: bool, given: Given | None) -> None:
        self._application = application
        self._background = background
        self._given = given
        self._named: dict[Given | None, Label] = {}
        """Those of names that are found at the call, by the name: looked up at a third of what `label_of` costs."""
        self.label: Label
        """Up to date as long as ``made_for`` is the default application."""
        self.made_for: Application | None = None

    def prepare(self) -> bool:
        """A transaction may be about to begin: bring the label up to date; whether the transaction is measured."""
        measuring = here.prepare()
        if self.made_for is not here.application:
            self._named.clear()
            self.label = self.named(self._given)
            self.made_for = here.application
        return measuring

    def named(self, given: Given | None) -> Label:
        """The label under a name of its own."""
        label = self._named.get(given)
        if label is None:
            if len(self._named) >= _NAMED_AT_MOST:
                self._named.clear()
            label = label_of(here.application_of(self._application), self._background, given)
            self._named[given] = label
        return label
