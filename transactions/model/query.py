"""Query parameters, kept only where asked for, and without secrets."""

from __future__ import annotations

import re
from typing import Final
from urllib.parse import parse_qsl

from ..configuration.in_force import in_force
from ..configuration.privacy import PARAMETER
from ..configuration.redaction import redacted
from .finished import AttributeValue

__all__ = ["parameters_of"]

_MAX_PARAMETERS: Final = 32
_LONGEST: Final = 255
"""Characters of a name or a value; longer ones are cut."""
_SEARCHED: Final = 4000
"""Characters of a name and its value; longer ones are dropped, as searching them for secrets would take too long."""
_NAME_WITHIN: Final = re.compile(r"(?:^|[?&;#])([^?&;#=]*)=")
"""A parameter inside a value: that of a URL to return to, or one after a ``;``, a separator to some servers."""


def parameters_of(query: str, asked: bool | None) -> dict[str, AttributeValue]:
    """Return the parameters of a query string that may be kept, as attributes ``request.parameters.<name>``.

    Args:
        query: without the question mark.
        asked: whether the request asks for its parameters to be kept; ``None`` leaves that to the settings.
    """
    pairs = parse_qsl(query, keep_blank_values=True)[:_MAX_PARAMETERS]
    return {
        f"{PARAMETER}{name[:_LONGEST]}": redacted(value)[:_LONGEST]
        for name, value in pairs
        if len(name) + len(value) <= _SEARCHED and in_force.privacy.keeps_parameter(name, asked) and _is_harmless(value)
    }


def _is_harmless(value: str) -> bool:
    return not any(map(in_force.privacy.denies, _NAME_WITHIN.findall(value)))
