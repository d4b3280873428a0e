"""The requests that every application is asked, without us and with us."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

__all__ = ["ASKED", "Asked"]

Headers = tuple[tuple[str, str], ...]


class Asked(NamedTuple):
    """A request, and what becomes of it on the way."""

    name: str
    path: str
    method: str = "GET"
    headers: Headers = ()
    body: Sequence[bytes] = ()
    """What is uploaded, in the parts in which it arrives."""
    chunked: bool = False
    """Its length is not said in advance."""
    query: str = ""
    parts: int | None = None
    """The client goes away when so many parts of the response have been sent."""
    uploads: int | None = None
    """The client goes away when so many parts of the request have been sent."""

    def __str__(self) -> str:
        return self.name

    def complete_headers(self) -> Headers:
        """The headers with those that every client sends."""
        length = (("content-length", str(sum(map(len, self.body)))),) if self.body and not self.chunked else ()
        return (("host", "shop.example"), *length, *self.headers)


FORM = (("content-type", "application/x-www-form-urlencoded"),)
BYTES = (("content-type", "application/octet-stream"),)

ASKED = [
    Asked("get", "/plain"),
    Asked("get with a query", "/plain", query="a=1&a=2&b=%C3%A4"),
    Asked("get a path with other letters", "/stra\u00dfe/7"),
    Asked("head", "/plain", "HEAD"),
    Asked("options", "/plain", "OPTIONS"),
    Asked("post", "/echo", "POST", BYTES, [b"one two"]),
    Asked("post in parts", "/echo", "POST", BYTES, [b"one ", b"", b"two"]),
    Asked("post of unknown length", "/echo", "POST", BYTES, [b"one ", b"two"], chunked=True),
    Asked("post without a body", "/echo", "POST", BYTES, [b""]),
    Asked("post a large body", "/echo", "POST", BYTES, [b"x" * 65536] * 4),
    Asked("post a body that nobody reads", "/plain", "POST", FORM, [b"a=1"]),
    Asked("stream", "/stream"),
    Asked("head of a stream", "/stream", "HEAD"),
    Asked("stream of no parts", "/stream", query="parts=0"),
    Asked("204", "/empty"),
    Asked("304", "/unchanged"),
    Asked("404", "/nowhere"),
    Asked("404 by exception", "/missing"),
    Asked("405", "/plain", "DELETE"),
    Asked("418 by exception", "/refused"),
    Asked("500 by exception", "/broken"),
    Asked("503 by return", "/closed"),
    Asked("exception in the middle of a stream", "/stream", query="fail=1"),
    Asked("redirect", "/moved"),
    Asked("redirect to the right slash", "/folder"),
    Asked("cookies", "/cookies", headers=(("cookie", "a=1; b=2"),)),
    Asked("headers", "/headers", headers=(("x-given", "caf\u00e9"), ("x-given", "again"))),
    Asked("file", "/file"),
    Asked("head of a file", "/file", "HEAD"),
    Asked("part of a file", "/file", headers=(("range", "bytes=2-5"),)),
    Asked("parts of a file", "/file", headers=(("range", "bytes=0-1,4-5"),)),
    Asked("more than a file has", "/file", headers=(("range", "bytes=1000000-"),)),
    Asked("unchanged file", "/file", headers=(("if-modified-since", "Fri, 01 Jan 2100 00:00:00 GMT"),)),
    Asked("job within a request", "/job"),
    Asked("job after the response", "/later"),
    Asked("trailers", "/trailers"),
    Asked("client leaves within a stream", "/stream", query="parts=50", parts=2),
    Asked("client leaves before the first part", "/stream", parts=0),
    Asked("client leaves within a file", "/file", parts=1),
    Asked("client leaves within its upload", "/echo", "POST", BYTES, [b"one ", b"two ", b"three"], uploads=1),
]
"""Where an application has no such page, its 404 is compared."""
