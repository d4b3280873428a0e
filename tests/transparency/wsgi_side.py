"""A WSGI server that notes all that an application does to it, and a spy that notes what reaches the application."""

from __future__ import annotations

import io
from collections.abc import Callable
from typing import Any
from wsgiref.util import FileWrapper, setup_testing_defaults

from .asked import Asked
from .noted import keep_context, note

__all__ = ["Environ", "served", "spying"]


class Upload(io.BytesIO):
    """The body of a request whose client may go away."""

    def __init__(self, asked: Asked) -> None:
        super().__init__(b"".join(asked.body[: asked.uploads]))
        self.goes_away = asked.uploads is not None

    def read(self, size: int | None = -1) -> bytes:
        data = super().read(size)
        if self.goes_away and not data:
            raise OSError("the client went away")
        return data


class Environ(dict[str, Any]):
    """Can be told from other dicts."""


def environ_of(asked: Asked) -> Environ:
    environ = Environ(
        {
            "REQUEST_METHOD": asked.method,
            "SCRIPT_NAME": "",
            "PATH_INFO": asked.path.encode().decode("latin-1"),
            "QUERY_STRING": asked.query,
            "wsgi.input": Upload(asked),
            "wsgi.errors": io.StringIO(),
            "wsgi.file_wrapper": FileWrapper,
        }
    )
    if asked.chunked:
        environ["wsgi.input_terminated"] = True
    for name, value in asked.complete_headers():
        key = name.upper().replace("-", "_")
        key = key if key in {"CONTENT_TYPE", "CONTENT_LENGTH"} else f"HTTP_{key}"
        environ[key] = f"{environ[key]},{value}" if key in environ else value
    setup_testing_defaults(environ)
    return environ


def served(app: Any, asked: Asked) -> list[str]:
    """What a server sees of one request, from the first call to the last."""
    seen: list[str] = []

    def start_response(status: str, headers: Any, exc_info: Any = None) -> Callable[[bytes], object]:
        seen.append(f"start {status} {headers} {exc_info and exc_info[1]!r}")
        return lambda data: seen.append(f"write {data!r}")

    environ = environ_of(asked)
    try:
        body = app(environ, start_response)
        if type(body) in {list, tuple, FileWrapper}:
            seen.append(f"body {type(body).__name__}")  # the server may treat these in its own way
        try:
            if asked.parts != 0:
                for number, chunk in enumerate(body, 1):
                    seen.append(f"chunk {chunk!r}")
                    if number == asked.parts:
                        break
        finally:
            if hasattr(body, "close"):
                body.close()
    except Exception as exception:
        seen.append(f"raised {exception!r}")
    return [*seen, f"errors {environ['wsgi.errors'].getvalue()!r}"]


def spying(app: Any) -> Any:
    """The application, with notes of what it is called with."""

    def spied(environ: dict[str, Any], start_response: Any) -> Any:
        for key, value in sorted(environ.items()):
            note(f"environ {key} {value if isinstance(value, (str, bool, tuple)) else type(value).__name__}")
        keep_context()
        body = app(environ, start_response)
        note(f"environ has {sorted(environ)}")
        return body

    return spied
