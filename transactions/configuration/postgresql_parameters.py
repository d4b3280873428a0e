"""Parameters of an address in PostgreSQL, and the values that each of them may have.

libpq looks at them only when it connects, and says so in words of which nobody can tell whether the server is away. So
what no version of it would take is refused when the address is read.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from typing import Final, NamedTuple

__all__ = ["DEFAULT_SCHEMA", "PARAMETERS", "SSL_MODES", "WEAK_SSL_MODES", "refusal"]

DEFAULT_SCHEMA: Final = "weighbridge"
SSL_MODES: Final = ("require", "verify-ca", "verify-full")
WEAK_SSL_MODES: Final = ("disable", "allow", "prefer")

_SCHEMA: Final = re.compile(r"(?!pg_|information_schema$)[a-z_][a-z0-9_]{0,62}")
_IPV4: Final = re.compile(r"((25[0-5]|2[0-4][0-9]|1?[0-9]?[0-9])\.){3}(25[0-5]|2[0-4][0-9]|1?[0-9]?[0-9])")
_IPV6: Final = re.compile(r"(?=.*:.*:)[0-9A-Fa-f:.]+(%\w+)?")
_METHODS: Final = frozenset("password md5 gss sspi scram-sha-256 oauth none".split())
_SHOWN: Final = re.compile(r"[\w.,:!/+ -]{0,40}")


class _Values(NamedTuple):
    """What a parameter may be."""

    valid: str
    accepts: Callable[[str], bool]


def _one_of(*words: str, any_case: bool = False) -> _Values:
    return _Values(f"one of {', '.join(words)}", lambda value: (value.lower() if any_case else value) in words)


def _versions() -> _Values:
    words = ("TLSv1", "TLSv1.1", "TLSv1.2", "TLSv1.3")
    known = {word.lower() for word in words}
    return _Values(f"one of {', '.join(words)}", lambda value: value.lower() in known)


def _whole(least: int, most: int, unit: str) -> _Values:
    def accepts(value: str) -> bool:
        text = value.strip()
        return text.isascii() and text.isdigit() and least <= int(text[:20]) <= most

    return _Values(f"a whole number of {unit} from {least} to {most}", accepts)


def _each(valid: str, accepts: Callable[[str], object]) -> _Values:
    """Return what a list with commas may be, of which each item may be something."""
    return _Values(valid, lambda value: all(map(accepts, value.split(","))))


def _is_port(text: str) -> bool:
    return not text or (text.isascii() and text.isdigit() and 0 < int(text[:6]) < 65536)


def _is_number_of_machine(text: str) -> bool:
    return not text or bool(_IPV4.fullmatch(text) or _IPV6.fullmatch(text))


_TEXT: Final = _Values("a text", lambda _value: True)

PARAMETERS: Final[Mapping[str, _Values]] = {
    "channel_binding": _one_of("disable", "prefer", "require"),
    "connect_timeout": _whole(0, 86400, "seconds"),
    "gssencmode": _one_of("disable", "prefer", "require"),
    "host": _TEXT,
    "hostaddr": _each("an IP address, or several with commas between them", _is_number_of_machine),
    "keepalives_idle": _whole(1, 32767, "seconds"),
    "krbsrvname": _TEXT,
    "passfile": _TEXT,
    "port": _each("a number from 1 to 65535, or several with commas between them", _is_port),
    "require_auth": _each(
        f"one or more of {', '.join(sorted(_METHODS))}, with commas between them, each perhaps with a ! before it",
        lambda method: method.strip().removeprefix("!") in _METHODS,
    ),
    "schema": _Values(
        "lower-case letters, digits and _, at most 63 of them, and not begin with a digit or pg_",
        lambda value: _SCHEMA.fullmatch(value) is not None,
    ),
    "service": _TEXT,
    "ssl_max_protocol_version": _versions(),
    "ssl_min_protocol_version": _versions(),
    "sslcert": _TEXT,
    "sslcrl": _TEXT,
    "sslkey": _TEXT,
    "sslmode": _one_of(*SSL_MODES, *WEAK_SSL_MODES),
    "sslrootcert": _TEXT,
    "target_session_attrs": _one_of("any", "read-write", "read-only", "primary", "standby", "prefer-standby"),
    "tcp_user_timeout": _whole(0, 86_400_000, "milliseconds"),
    "user": _TEXT,
}
"""By name. ``options`` is not one of them: a pooler of connections refuses it."""


def refusal(name: str, value: str, *, may_show: bool) -> str:
    """Return why a parameter cannot have a value, empty if it can.

    Args:
        name: one of `PARAMETERS`.
        value: decoded.
        may_show: whether the value cannot be a part of a password.
    """
    values = PARAMETERS[name]
    if values.accepts(value):
        return ""
    shown = f" is '{value}', and" if may_show and _SHOWN.fullmatch(value) else ""
    return f"{name}{shown} must be {values.valid}"
