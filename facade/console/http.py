"""Requests and responses as plain values: everything that the page knows about HTTP."""

from __future__ import annotations

from typing import NamedTuple, Protocol
from urllib.parse import quote

__all__ = ["Request", "Responder", "Response", "redirect", "text"]


class Request(NamedTuple):
    """A request, as an adapter passes it to the page."""

    method: str
    path: str
    """The path relative to the page's mount; starts with a slash."""
    root: str = ""
    """The path of the page's mount, without a final slash."""
    query: str = ""
    host: str = ""
    """The header of that name, like the next three; empty if missing."""
    cookie: str = ""
    authorization: str = ""
    accept: str = ""
    secure: bool = False
    """Whether the request was made by HTTPS."""
    client: str = ""
    """The address that the request came from; empty if it is not known."""
    forwarded: bool = False
    """Whether a proxy says that it came from elsewhere."""
    body: bytes = b""
    """The body of a POST; adapters pass on at most `LARGEST_BODY` bytes."""


LARGEST_BODY = 4096


class Responder(Protocol):
    """Whatever answers requests: the page, and what stands beside it."""

    def respond(self, request: Request) -> Response:
        """Return the response to any request."""
        ...

    def close(self) -> None:
        """Close the store."""


class Response(NamedTuple):
    """A response, as an adapter sends it."""

    status: int
    headers: tuple[tuple[str, str], ...]
    body: bytes

    @property
    def content_type(self) -> str:
        """The header of that name."""
        return dict(self.headers).get("content-type", "")


def text(status: int, content_type: str, body: str, *headers: tuple[str, str]) -> Response:
    """Return a response of text; invalid Unicode becomes question marks."""
    typed = ("content-type", f"{content_type}; charset=utf-8")
    return Response(status, (typed, ("cache-control", "no-store"), *headers), body.encode("utf-8", "replace"))


def redirect(location: str, *headers: tuple[str, str]) -> Response:
    """Return a redirect to another of our pages."""
    return text(303, "text/plain", "", ("location", quote(location, safe="/?&=%+~:", errors="replace")), *headers)
