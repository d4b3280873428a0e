"""Privacy: what the settings allow to be kept of a transaction besides its figures. Only this module decides that.

It is asked when a sample or an error is created, never while a plain request is served.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, Final, TypeVar

from .name_patterns import NamePatterns
from .settings import Settings

if TYPE_CHECKING:
    from .denied_names import DeniedNames

__all__ = ["FORCED", "PARAMETER", "Privacy"]

_Value = TypeVar("_Value")

FORCED: Final[Mapping[str, Any]] = {
    "strip_exception_messages": True,
    "strip_exception_messages_allowlist": frozenset(),
    "capture_params": False,
    "attributes_include": frozenset(),
}
"""Values that the setting ``high_security`` enforces for other settings, whatever else they are set to."""

PARAMETER: Final = "request.parameters."
"""Prefix of a query parameter's name as an attribute."""

_ALSO_CALLED: Final[Mapping[str, str]] = {
    "request.host": "request.headers.host",
    "request.id": "request.headers.xRequestId",
    "request.path": "request.uri",
    "request.size": "request.headers.contentLength",
    "request.user_agent": "request.headers.userAgent",
    "response.size": "response.headers.contentLength",
    "traceparent": "request.headers.traceparent",
}
"""Attributes that have another name in the agent: patterns written for the agent apply to them too."""


class Privacy:
    """Decides what may be kept under given settings."""

    def __init__(self, settings: Settings) -> None:
        self.keeps_errors: bool = settings.error_collector_enabled
        """Whether class and message of an error may be kept."""
        self.keeps_tracebacks: bool = settings.error_collector_enabled and settings.tracebacks != "off"
        """Whether tracebacks may be kept, without source lines perhaps."""
        self.keeps_source: bool = settings.tracebacks == "source" and not settings.high_security
        """Whether tracebacks have source lines."""
        self.takes_custom_attributes: bool = settings.attributes_enabled and not settings.high_security
        self.takes_custom_values: bool = not settings.high_security
        """Whether custom metrics and events may be kept."""
        self._takes_parameters = self.takes_custom_attributes
        self._captures_parameters = settings.capture_params
        self._strips_messages = settings.strip_exception_messages
        self._unstripped = settings.strip_exception_messages_allowlist
        self._keeps_attributes = settings.attributes_enabled
        self._patterns = NamePatterns(settings.attributes_include, settings.attributes_exclude)
        self._denied_words = settings.denied_params
        self._denied: DeniedNames | None = None

    def keeps_message(self, class_name: str) -> bool:
        """Whether the message of an exception of exactly that class (``module:Class``) may be kept."""
        return not self._strips_messages or class_name in self._unstripped

    def attributes(self, attributes: Mapping[str, _Value]) -> dict[str, _Value]:
        """Return those of a sample's attributes that may be kept."""
        if not self._keeps_attributes:
            return {}
        if not self._patterns:
            return dict(attributes)
        return {name: value for name, value in attributes.items() if self._verdict(name) is not False}

    def _verdict(self, attribute: str) -> bool | None:
        return self._patterns.verdict(attribute, _ALSO_CALLED.get(attribute, attribute))

    def wants_parameters(self, asked: bool | None) -> bool:
        """Whether any parameter of a request's query may be kept.

        Args:
            asked: what the request itself says about them; ``None`` if it says nothing.
        """
        if asked is None:
            asked = self._captures_parameters or bool(self._patterns)
        return asked and self._takes_parameters

    def keeps_parameter(self, name: str, asked: bool | None) -> bool:
        """Whether a parameter of that name may be kept, given a request some of whose parameters may."""
        verdict = self._verdict(PARAMETER + name)
        if verdict is None:
            verdict = self._captures_parameters if asked is None else asked
        return verdict and not self.denies(name)

    def denies(self, name: str) -> bool:
        """Whether the value of a parameter of that name must never be kept."""
        if self._denied is None:
            from .denied_names import DeniedNames  # noqa: PLC0415  needed only where parameters are kept

            self._denied = DeniedNames(self._denied_words)
        return name in self._denied
