"""Access to the page: the check of ``Host``, the token, and headers that restrict browsers."""

from __future__ import annotations

import hashlib
import hmac
import re
from collections.abc import Iterable
from ipaddress import ip_address
from typing import Final
from urllib.parse import parse_qs

from .http import Request, Response, redirect

__all__ = ["Access", "asked_page", "completed", "require_token"]

_POLICY: Final = (
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; connect-src 'self';"
    " form-action 'self'; base-uri 'none'; frame-ancestors 'none'"
)
_HEADERS: Final = (
    ("content-security-policy", _POLICY),
    ("x-content-type-options", "nosniff"),
    ("x-frame-options", "DENY"),
    ("referrer-policy", "same-origin"),
    ("cross-origin-opener-policy", "same-origin"),
    ("cross-origin-resource-policy", "same-origin"),
)
"""Headers of every response."""

_LOOPBACK: Final = frozenset({"localhost", "127.0.0.1", "[::1]"})
_PORT: Final = re.compile(r":\d*$")
_COOKIE: Final = "weighbridge"


def completed(request: Request, answer: Response) -> Response:
    """Return an answer as it is sent: restricting browsers, and to HEAD with the length of its body alone."""
    length = ("content-length", f"{len(answer.body)}")
    body = b"" if request.method == "HEAD" else answer.body
    return Response(answer.status, (length, *answer.headers, *_HEADERS), body)


class Access:
    """Decides which requests are admitted.

    Without a token, only requests are answered whose ``Host`` is a loopback name or
    one of ``hosts``: another site's name that resolves to this address (DNS
    rebinding) is rejected. With a token every ``Host`` is accepted, unless ``hosts``
    are given: a browser sends the cookie only to the host that has set it.
    """

    def __init__(self, token: str | None = None, hosts: Iterable[str] = ()) -> None:
        if token is not None:
            require_token(token)
        own = frozenset(_host_name(host) for host in hosts)
        self._token = None if token is None else token.encode()
        self._hosts = own | _LOOPBACK if own or token is None else None

    def knows_host(self, request: Request) -> bool:
        """Whether the request's ``Host`` is accepted."""
        return self._hosts is None or _host_name(request.host) in self._hosts

    def admits(self, request: Request) -> bool:
        """Whether the request has the token, as a cookie or in the header ``Authorization: Bearer``."""
        if self._token is None:
            return True
        scheme, _, given = request.authorization.partition(" ")
        if scheme.lower() == "bearer":
            return _same(given.strip(), self._token)
        return any(_same(value, self._pass()) for value in _cookies(request.cookie))

    def shows_tracebacks(self, request: Request) -> bool:
        """Whether a request that is admitted may see tracebacks: with a token, or from this machine to itself."""
        if self._token is not None:
            return True
        return _host_name(request.host) in _LOOPBACK and _is_loopback(request.client) and not request.forwarded

    def log_in(self, request: Request) -> Response | None:
        """Return a redirect that sets the cookie, for a form with the token; ``None`` if the token is wrong."""
        form = _form(request)
        if self._token is None or not _same(form.get("token", [""])[0], self._token):
            return None
        cookie = f"{_COOKIE}={self._pass().decode()}; Path={request.root or '/'}; HttpOnly; SameSite=Strict"
        back = f"{request.root}/{asked_page(request).lstrip('/').replace(chr(92), '')}"
        return redirect(back, ("set-cookie", f"{cookie}; Secure" if request.secure else cookie))

    def _pass(self) -> bytes:
        """Return the cookie's value: derived from the token, which cannot be recovered from it."""
        return hmac.digest(self._token or b"", b"weighbridge.console", hashlib.sha256).hex().encode()


def asked_page(request: Request) -> str:
    """Return what was asked for before the token was, as the form for it says."""
    return _form(request).get("page", [""])[0]


def _form(request: Request) -> dict[str, list[str]]:
    return parse_qs(request.body.decode("utf-8", "replace"), max_num_fields=10)


def require_token(token: str) -> None:
    """Refuse a token that is easily guessed, or that not all clients can send in a header.

    Raises:
        ValueError: it cannot be used; the message does not show it.
    """
    if token.startswith("\ufeff"):
        raise ValueError("the token begins with a byte order mark: write it without one")
    if len(token.splitlines()) > 1:
        raise ValueError(f"the token must be one line; there are {len(token.splitlines())}")
    if not token.isascii() or not token.isprintable():
        raise ValueError("the token must have printable ASCII characters only")
    if len(token) < 16:
        raise ValueError("the token must have at least 16 characters")


def _is_loopback(address: str) -> bool:
    try:
        found = ip_address(address)
    except ValueError:
        return False
    mapped = getattr(found, "ipv4_mapped", None)
    return (mapped or found).is_loopback


def _same(given: str, wanted: bytes) -> bool:
    """Compare in constant time, which does not reveal how much is right."""
    return hmac.compare_digest(given.encode("utf-8", "replace"), wanted)


def _cookies(header: str) -> Iterable[str]:
    pairs = (part.strip().partition("=") for part in header.split(";"))
    return [value for name, _, value in pairs if name == _COOKIE]


def _host_name(host: str) -> str:
    return _PORT.sub("", host.strip()).rstrip(".").lower()
