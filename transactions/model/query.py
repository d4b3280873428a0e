"""Query parameters, kept only where they were asked for, and never the secret ones."""

from __future__ import annotations

import re
from typing import Final
from urllib.parse import parse_qsl

from ..configuration.privacy import PARAMETER
from ..configuration.redaction import redacted
from .finished import AttributeValue
from .process import runtime

__all__ = ["parameters_of"]

_MAX_PARAMETERS: Final = 32
_LONGEST: Final = 255
"""Characters of a name or a value; what is longer is cut."""
_SEARCHED: Final = 4000
"""Characters of a name or a value; what is longer is not kept, as it would take long to say what is in it."""
_NAME_WITHIN: Final = re.compile(r"(?:^|[?&;#])([^?&;#=]*)=")
"""A parameter within a value: an address to return to, or one behind a ``;``, at which some servers part them."""


def parameters_of(query: str, asked: bool | None) -> dict[str, AttributeValue]:
    """The parameters of a query string that may be kept, as attributes ``request.parameters.<name>``.

    Args:
        query: without the question mark.
        asked: what the request says of its parameters; ``None``: nothing.
    """
    pairs = parse_qsl(query, keep_blank_values=True)[:_MAX_PARAMETERS]
    return {
        f"{PARAMETER}{name[:_LONGEST]}": redacted(value)[:_LONGEST]
        for name, value in pairs
        if len(name) + len(value) <= _SEARCHED and runtime.privacy.keeps_parameter(name, asked) and _is_harmless(value)
    }


def _is_harmless(value: str) -> bool:
    return not any(map(runtime.privacy.denies, _NAME_WITHIN.findall(value)))
