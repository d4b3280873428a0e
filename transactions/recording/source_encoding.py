"""The encoding of a file of source code, as its first lines declare it (PEP 263)."""

from __future__ import annotations

import re
import sys
from collections.abc import Sequence
from encodings import normalize_encoding
from encodings.aliases import aliases
from typing import Final

__all__ = ["encoding_of"]

_DECLARED: Final = re.compile(rb"[ \t\f]*#.{0,200}?coding[:=][ \t]*([-\w.]{1,40})")
_CODELESS: Final = re.compile(rb"[ \t\f]*(?:#.*)?")
_DEFAULT: Final = "utf-8"
_BUILT_IN: Final = frozenset({"ascii", "latin_1", "utf_8"})
"""Encodings that are read without a module."""


def encoding_of(lines: Sequence[bytes]) -> str:
    """Return the encoding of source code: the declared one if it can be read without an import, else UTF-8.

    The recorder's thread must not import, and what the program compiles it has loaded the module for.

    >>> encoding_of([b"#!/usr/bin/python", b"# -*- coding: latin-1 -*-"]), encoding_of([b"x = 1", b"# coding: latin-1"])
    ('latin_1', 'utf-8')
    """
    for line in lines[:2]:
        declared = _DECLARED.match(line)
        if declared is not None:
            name = normalize_encoding(declared[1].decode("ascii", "replace")).lower()
            name = aliases.get(name, name)
            return name if _can_be_read(name) else _DEFAULT
        if not _CODELESS.fullmatch(line):
            break
    return _DEFAULT


def _can_be_read(name: str) -> bool:
    if name not in _BUILT_IN and f"encodings.{name}" not in sys.modules:
        return False
    try:
        return isinstance(b"x".decode(name, "replace"), str)
    except Exception:  # of bytes to bytes, or for names of hosts, which know no replacement
        return False
