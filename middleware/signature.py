"""The signature of a middleware class: `inspect` would take the ``__wrapped__`` of its instances for the class's."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from inspect import Signature

__all__ = ["ConstructorSignature"]


class ConstructorSignature:
    """``__signature__`` of a class; an instance has none, and is asked for that of the application behind it."""

    __slots__ = ()

    def __get__(self, instance: object, owner: type) -> Signature:
        if instance is not None:
            raise AttributeError("__signature__")
        from inspect import signature  # noqa: PLC0415  whoever asks for a signature has it loaded

        whole = signature(owner.__init__)  # type: ignore[misc]
        return whole.replace(parameters=list(whole.parameters.values())[1:])
