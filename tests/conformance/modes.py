"""How a row's requests are sent; each manner gives the statuses of the answers."""

from __future__ import annotations

import socket
import time
from collections.abc import Callable, Mapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing, suppress
from http.client import HTTPConnection, HTTPException, HTTPResponse, RemoteDisconnected
from typing import Final, NamedTuple

from ..waiting import TIMEOUT
from .row import Mode, Row

_LINGER: Final = 1.0
"""Seconds that a client stays after the last byte which it waits for: the server may not be done yet."""
_GRACE: Final = 1.0
"""Seconds in which a server notices that a client has gone, and in which it hangs up when it is to do so."""

_UNHEARD: Final = 10.0
"""Seconds after which a client gives up a server that says nothing."""


class Target(NamedTuple):
    """A server that answers."""

    port: int
    prefix: str
    """What stands in front of every path."""

    def path(self, row: Row) -> str:
        """Where the row's request goes."""
        return f"{self.prefix}{row.path}" + (f"?{row.query}" if row.query else "")


def _headers(row: Row) -> dict[str, str]:
    keys = {"app_name": row.app_name, **row.keys}
    return {f"x-newrelic-{name.replace('_', '-')}": value for name, value in keys.items()}


def _once(target: Target, row: Row) -> tuple[int, ...]:
    """The client stays until the server hangs up."""
    with socket.create_connection(("127.0.0.1", target.port), timeout=TIMEOUT) as connection:
        connection.sendall(_request(target, row, "Connection: close"))
        with closing(HTTPResponse(connection, method=row.method)) as response:
            response.begin()
            response.read()
        connection.settimeout(_GRACE)
        with suppress(TimeoutError):
            connection.recv(1)
    return (response.status,)


def _broken(target: Target, row: Row) -> tuple[int, ...]:
    """The body comes to no proper end; daphne neither says so nor hangs up, and may not even have begun."""
    with socket.create_connection(("127.0.0.1", target.port), timeout=_UNHEARD) as connection:
        connection.sendall(_request(target, row, "Connection: close"))
        response = HTTPResponse(connection, method=row.method)
        with closing(response), suppress(TimeoutError, RemoteDisconnected):
            response.begin()
            _drop(response)
            return (response.status,)
    return ()


def _drop(response: HTTPResponse) -> None:
    with suppress(HTTPException, ConnectionResetError, TimeoutError):
        response.read()


def _exchange(connection: HTTPConnection, target: Target, row: Row) -> int:
    connection.request(row.method, target.path(row), row.body or None, _headers(row))
    response = connection.getresponse()
    response.read()
    return response.status


def _keep_alive(target: Target, row: Row) -> tuple[int, ...]:
    connection = HTTPConnection("127.0.0.1", target.port, timeout=TIMEOUT)
    connection.connect()
    first = connection.sock
    try:
        statuses = tuple(_exchange(connection, target, row) for _ in range(3))
        assert connection.sock is first, "the server closed the connection"
        time.sleep(_LINGER)
        return statuses
    finally:
        connection.close()


def _interleaved(target: Target, row: Row) -> tuple[int, ...]:
    with ThreadPoolExecutor(3) as clients:
        return tuple(status for (status,) in clients.map(_once, [target] * 3, [row] * 3))


def _request(target: Target, row: Row, *more: str) -> bytes:
    lines = [f"{row.method} {target.path(row)} HTTP/1.1", "Host: localhost", *more]
    lines += [f"{name}: {value}" for name, value in _headers(row).items()]
    lines += [f"Content-Length: {len(row.body)}"] if row.body else []
    return "\r\n".join([*lines, "", ""]).encode() + row.body


def _pipelined(target: Target, row: Row) -> tuple[int, ...]:
    with socket.create_connection(("127.0.0.1", target.port), timeout=TIMEOUT) as connection:
        connection.sendall(_request(target, row) * 2 + _request(target, row, "Connection: close"))
        answer = b""
        while chunk := connection.recv(65536):
            answer += chunk
    return tuple(int(part[2:5]) for part in answer.split(b"HTTP/1.")[1:])


def _leave(target: Target, row: Row) -> tuple[int, ...]:
    with socket.create_connection(("127.0.0.1", target.port), timeout=TIMEOUT) as connection:
        connection.sendall(_request(target, row))
        status = int(connection.recv(1000)[9:12])
        connection.recv(65536)
    time.sleep(_GRACE)
    return (status,)


def _http2(target: Target, row: Row) -> tuple[int, ...]:
    import httpx

    with httpx.Client(http1=False, http2=True, timeout=TIMEOUT) as client:
        response = client.request(
            row.method, f"http://127.0.0.1:{target.port}{target.path(row)}", headers=_headers(row)
        )
        time.sleep(_GRACE)  # gunicorn may write still, in the application's last `send`
    assert response.http_version == "HTTP/2"
    return (response.status_code,)


def _http2_reset(target: Target, row: Row) -> tuple[int, ...]:
    """The client takes a part of the body, then resets the stream and keeps the connection."""
    from h2.config import H2Configuration
    from h2.connection import H2Connection
    from h2.events import DataReceived, ResponseReceived

    client = H2Connection(H2Configuration(header_encoding="utf-8"))
    with socket.create_connection(("127.0.0.1", target.port), timeout=TIMEOUT) as connection:
        client.initiate_connection()
        client.send_headers(1, [*_pseudo_headers(target, row), *_headers(row).items()], end_stream=True)
        connection.sendall(client.data_to_send())
        seen: list[object] = []
        while not any(isinstance(event, DataReceived) for event in seen):
            received = connection.recv(65536)
            assert received, "the server hung up"
            seen += client.receive_data(received)
            connection.sendall(client.data_to_send())
        client.reset_stream(1)
        connection.sendall(client.data_to_send())
        time.sleep(_GRACE)
    heads = [event for event in seen if isinstance(event, ResponseReceived)]
    return tuple(int(dict(event.headers)[":status"]) for event in heads)


def _pseudo_headers(target: Target, row: Row) -> list[tuple[str, str]]:
    parts = {"method": row.method, "path": target.path(row), "scheme": "http", "authority": "localhost"}
    return [(f":{name}", value) for name, value in parts.items()]


MODES: Final[Mapping[Mode, Callable[[Target, Row], tuple[int, ...]]]] = {
    "once": _once,
    "keep alive": _keep_alive,
    "pipelined": _pipelined,
    "leave": _leave,
    "interleaved": _interleaved,
    "HTTP/2": _http2,
    "HTTP/2 reset": _http2_reset,
    "broken": _broken,
    "shutdown": _once,
}
