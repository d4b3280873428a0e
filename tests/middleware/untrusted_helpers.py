"""What a client can send: any method, path, host and headers."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any

from hypothesis import HealthCheck, settings
from hypothesis import strategies as st

from weighbridge.testing import capture_transactions
from weighbridge.transactions.model.http_methods import METHODS, OTHER_METHOD

__all__ = ["HEADERS", "HOST", "METHOD", "TEXT", "UNTRUSTED", "has_known_method", "names_made", "wild"]

TEXT = st.text(st.characters(codec="latin-1", exclude_characters="\r\n\0"), max_size=20)
METHOD = (
    st.just("GET")
    | st.sampled_from([*METHODS, "PURGE", "get"])
    | st.text("AZaz09!#$%&'*+-.^_`|~", min_size=1, max_size=12)
)
HOST = st.just("a.example") | st.sampled_from(["b.example", "x.host.example", "a.example:80", "[::1]", ""]) | TEXT
UNTRUSTED = settings(
    max_examples=60, deadline=None, suppress_health_check=[HealthCheck.too_slow, HealthCheck.function_scoped_fixture]
)
_NAMES = (
    "X-Forwarded-Host",
    "X-Forwarded-Prefix",
    "X-Forwarded-Proto",
    "X-Script-Name",
    "X-Original-URL",
    "X-HTTP-Method-Override",
    "Origin",
    "Access-Control-Request-Method",
)


def wild(parts: Iterable[str]) -> st.SearchStrategy[str]:
    """Paths made of these parts, and of others."""
    part = st.sampled_from([*parts, "", ".", "..", "{id}", "<id>"]) | TEXT
    return st.lists(part, max_size=5).map(lambda some: "/" + "/".join(some))


HEADERS = st.dictionaries(st.sampled_from(_NAMES), TEXT | wild(["e", "u"]), max_size=4)


def has_known_method(name: str) -> bool:
    """Whether a name is a status, or begins with a method that names may have."""
    group, _, rest = name.removeprefix("WebTransaction/").partition("/")
    if group == "StatusCode":
        return len(rest) == 3 and rest.isdigit()
    return group == "Route" and rest.partition(" ")[0] in {*METHODS, OTHER_METHOD}


def names_made(serve: Callable[[], Any]) -> list[str]:
    """The names of the transactions that end meanwhile."""
    with capture_transactions() as ended:
        serve()
    return [transaction.path for transaction in ended]
