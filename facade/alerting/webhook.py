"""A webhook: one POST, without redirects, over verified TLS, and over within some seconds."""

from __future__ import annotations

import http.client
import socket
import threading
from collections.abc import Iterator
from contextlib import closing, contextmanager, suppress
from pathlib import Path
from typing import Final
from urllib.parse import urlsplit

from weighbridge.transactions.configuration.alerts import Alert
from weighbridge.transactions.configuration.webhook_addresses import needs_token, with_token

__all__ = ["WebhookFailed", "post"]

TIMEOUT: Final = 5.0
"""Seconds for all of it, once the name of the host is known."""


class WebhookFailed(Exception):
    """The webhook was not told, or nobody knows whether it was; the message has neither its path nor the token."""


def post(alert: Alert, body: bytes, timeout: float = TIMEOUT) -> None:
    """Send a body to the webhook of an alert.

    Raises:
        WebhookFailed: it was not taken.
    """
    headers = {"Content-Type": "application/json", "User-Agent": "weighbridge", "Connection": "close"}
    address, token = alert.webhook or "", _token(alert.token_file)
    if token and not needs_token(address):
        headers["Authorization"] = f"Bearer {token}"
    url = urlsplit(with_token(address, token))
    try:
        status = _status(url.scheme, url.hostname or "", url.port, _target(url.path, url.query), body, headers, timeout)
    except (OSError, http.client.HTTPException, ValueError) as error:
        said = str(error) or type(error).__name__
        raise WebhookFailed(f"{url.scheme}://{url.netloc}: {said}") from None
    if not 200 <= status < 300:
        redirected = ", and redirects are not followed" if 300 <= status < 400 else ""
        raise WebhookFailed(f"{url.scheme}://{url.netloc} answered {status}{redirected}")


def _target(path: str, query: str) -> str:
    return (path or "/") + (f"?{query}" if query else "")


def _token(file: str | None) -> str:
    """Return the token, if there is one; it is read each time, as it may be replaced while this runs."""
    if file is None:
        return ""
    try:
        token = Path(file).read_text("utf-8").strip()
    except (OSError, UnicodeDecodeError) as error:
        raise WebhookFailed(f"webhook_token_file {file} cannot be read: {error}") from None
    if not token or not token.isascii() or not token.isprintable():
        raise WebhookFailed(f"webhook_token_file {file} must have one line with a token")
    return token


def _status(
    scheme: str, host: str, port: int | None, target: str, body: bytes, headers: dict[str, str], timeout: float
) -> int:
    """Send the request, and return the status of the answer, of which nothing else is read."""
    with closing(_connection(scheme, host, port, timeout)) as connection, _within(connection, timeout):
        connection.request("POST", target, body, headers)
        return connection.getresponse().status


def _connection(scheme: str, host: str, port: int | None, timeout: float) -> http.client.HTTPConnection:
    """Return a connection; that of ``https`` has the default context, which verifies certificate and name."""
    if scheme == "https":
        return http.client.HTTPSConnection(host, port, timeout=timeout)
    return http.client.HTTPConnection(host, port, timeout=timeout)


@contextmanager
def _within(connection: http.client.HTTPConnection, seconds: float) -> Iterator[None]:
    """End a block that waits for a server which goes on sending a byte now and then."""
    expired = threading.Event()

    def expire() -> None:
        expired.set()
        with suppress(OSError, AttributeError):  # it is closed already, or not open yet
            connection.sock.shutdown(socket.SHUT_RDWR)

    timer = threading.Timer(seconds, expire)
    timer.daemon = True
    timer.start()
    try:
        yield
    except (OSError, http.client.HTTPException, ValueError):
        if not expired.is_set():
            raise
    finally:
        timer.cancel()
    if expired.is_set():  # also where no exception says so: headers that were cut off are taken for whole ones
        raise TimeoutError(f"no answer within {seconds:g} s")
