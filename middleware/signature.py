"""The signature of middleware classes, for which `inspect` would follow the ``__wrapped__`` slot of the class."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from inspect import Signature

__all__ = ["ConstructorSignature"]


class ConstructorSignature:
    """The ``__signature__`` of a class. Its instances have none, so `inspect` follows them to their application."""

    __slots__ = ()

    def __get__(self, instance: object, owner: type) -> Signature:
        if instance is not None:
            raise AttributeError("__signature__")
        from inspect import signature  # noqa: PLC0415  loaded by whoever asks for a signature

        whole = signature(owner.__init__)  # type: ignore[misc]
        return whole.replace(parameters=list(whole.parameters.values())[1:])
