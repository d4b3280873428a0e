"""What a case is: a request, and the transactions that must then be in the store."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Final, Literal

JOB: Final = "{job}"
"""The request, made a background transaction by a background task of the cell."""
FRESH: Final = "{fresh}"
"""A background transaction of its own."""
WEB: Final = "{web}"
"""The request as a web transaction, named by the framework's route or, without a router, by its path."""
OTHER: Final = "{other}"
"""The same, as a background transaction."""
LINKED: Final = "{linked}"
"""The request as a web transaction, under the application that its own is linked to."""

Mode = Literal[
    "once", "leave", "keep alive", "pipelined", "interleaved", "HTTP/2", "HTTP/2 reset", "broken", "shutdown"
]


@dataclass(frozen=True, eq=False)
class Row:
    """One case.

    ``expected`` maps transactions to how many there must be; of those, ``failed``
    must have failed. ``wsgi`` replaces ``expected`` where a coroutine runs in
    a WSGI application: whatever such an event loop runs, the request waits for.
    """

    group: str
    text: str
    path: str
    expected: Mapping[str, int] = field(default_factory=lambda: {WEB: 1})
    wsgi: Mapping[str, int] | None = None
    failed: int = 0
    status: int = 200
    method: str = "GET"
    query: str = ""
    keys: Mapping[str, str] = field(default_factory=dict)
    linked: bool = False
    """Whether it is reported to a second application too."""
    body: bytes = b""
    mode: Mode = "once"
    routed: bool = True
    disconnected: bool = False
    scored: bool = True
    """Whether its web transactions count for Apdex."""
    sampled: bool = True
    """Whether it is kept as a sample."""
    parameters: Mapping[str, str] = field(default_factory=dict)
    """Those of the query that are kept with the sample."""
    needs: frozenset[str] = frozenset()
    """Features of framework and server: see `columns`."""
    since: tuple[int, int] = (3, 10)
    """The first Python that has it."""

    @property
    def key(self) -> str:
        """Short and unique: the application that the request is reported to."""
        parts = (self.path, self.method, self.mode, self.query, *(f"{name}-{it}" for name, it in self.keys.items()))
        return "-".join(part.strip("/") for part in parts if part).translate(str.maketrans("/ =&", "----"))

    @property
    def link(self) -> str:
        """The application that its own is linked to, if any is."""
        return f"linked-{self.key}"

    @property
    def app_name(self) -> str:
        """The key by which it is reported to its own application."""
        return f"{self.key};{self.link}" if self.linked else self.key

    @property
    def job(self) -> str:
        """The name of its background tasks."""
        return f"job of {self.app_name}"
