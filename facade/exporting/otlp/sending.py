"""One request to a receiver, over the standard library's HTTP."""

from __future__ import annotations

import gzip
import ssl
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from datetime import datetime, timezone
from email.utils import parsedate_to_datetime
from http.client import HTTPConnection, HTTPException, HTTPResponse, HTTPSConnection
from importlib.metadata import version
from socket import SHUT_RDWR, socket
from typing import Final

from google.protobuf.message import DecodeError
from opentelemetry.proto.collector.metrics.v1.metrics_service_pb2 import ExportMetricsPartialSuccess

from weighbridge.transactions.visible import visible

from .variables import Endpoint

__all__ = ["NotSent", "Refused", "TryAgain", "post", "scrubbed"]

_PROTOBUF: Final = "application/x-protobuf"
_LATER: Final = frozenset({429, 502, 503, 504})
"""Statuses by which OTLP says that the same may be sent again."""
_LARGEST: Final = 1 << 16
"""Bytes of an answer that are read."""
_SHOWN: Final = 200
_TELLING: Final = 4
"""Characters: a shorter header is no secret."""
_LONGEST_PAUSE: Final = 3600.0


class NotSent(Exception):
    """What was sent did not arrive, or it is not known whether it did; the message has no credentials in it."""

    def __init__(self, kind: str, detail: str = "") -> None:
        super().__init__(f"{kind}: {detail}" if detail else kind)
        self.kind: str = kind
        """What all failures of one kind have in common."""


class TryAgain(NotSent):
    """It may be sent again after a while."""

    def __init__(self, kind: str, detail: str = "", pause: float | None = None) -> None:
        super().__init__(kind, detail)
        self.pause: float | None = pause
        """Seconds that the receiver asked to wait for."""


class Refused(NotSent):
    """The same would be refused again."""


def post(endpoint: Endpoint, body: bytes) -> bytes:
    """Send a message, and return the answer of a receiver that took it.

    Raises:
        NotSent: it may not have been taken.
    """
    connection = _connection(endpoint)
    try:
        with _deadline(connection, endpoint.timeout) as connected:
            _request(connection, endpoint, body)
            connected.append(connection.sock)
            response = connection.getresponse()
            answer = response.read(_LARGEST)
    except ssl.SSLCertVerificationError as error:
        raise Refused(f"the certificate of {endpoint.place} is not to be trusted", error.verify_message) from None
    except (OSError, HTTPException) as error:
        why = "no answer in time" if isinstance(error, TimeoutError) else scrubbed(endpoint, str(error))
        raise TryAgain(f"{endpoint.place} cannot be reached", why or type(error).__name__) from None
    finally:
        connection.close()
    if response.status // 100 == 2:
        return answer
    raise _failure(endpoint, response, answer)


def _connection(endpoint: Endpoint) -> HTTPConnection:
    if endpoint.scheme == "http":
        return HTTPConnection(endpoint.host, endpoint.port, timeout=endpoint.timeout)
    try:
        context = ssl.create_default_context(cafile=endpoint.certificate)
        if endpoint.client_certificate is not None:
            context.load_cert_chain(endpoint.client_certificate, endpoint.client_key)
    except (OSError, ssl.SSLError) as error:
        raise Refused("the certificates for OTLP cannot be used", str(error)) from None
    return HTTPSConnection(endpoint.host, endpoint.port, timeout=endpoint.timeout, context=context)


def _request(connection: HTTPConnection, endpoint: Endpoint, body: bytes) -> None:
    headers = {
        "content-type": _PROTOBUF,
        "user-agent": f"weighbridge/{version('weighbridge')}",
        **endpoint.headers,
    }
    if endpoint.gzip:
        body, headers["content-encoding"] = gzip.compress(body, mtime=0), "gzip"
    connection.request("POST", endpoint.target, body, headers)


@contextmanager
def _deadline(connection: HTTPConnection, timeout: float) -> Iterator[list[socket]]:
    """Cut the connection when the time is up: a socket's own timeout begins anew with each byte.

    The list is for the socket: a connection forgets it where the answer goes on until the connection ends.
    """
    is_over = threading.Event()
    connected: list[socket] = []

    def cut() -> None:
        is_over.set()
        with suppress(OSError, AttributeError):  # not connected yet, or no longer
            (connected[0] if connected else connection.sock).shutdown(SHUT_RDWR)

    timer = threading.Timer(timeout, cut)
    timer.daemon = True
    timer.start()
    try:
        yield connected
    except (OSError, HTTPException):
        if is_over.is_set():
            raise TimeoutError from None
        raise
    finally:
        timer.cancel()


def _failure(endpoint: Endpoint, response: HTTPResponse, answer: bytes) -> NotSent:
    kind = f"{endpoint.place} answers {response.status} {scrubbed(endpoint, response.reason)}".rstrip()
    detail = scrubbed(endpoint, _told(response, answer))
    if response.status in _LATER:
        return TryAgain(kind, detail, _pause(response.getheader("retry-after")))
    return Refused(kind, detail)


def _told(response: HTTPResponse, answer: bytes) -> str:
    """Return what the receiver says of its refusal."""
    if (response.getheader("content-type") or "").partition(";")[0] != _PROTOBUF:
        return answer.decode(errors="replace")
    try:
        # A google.rpc.Status, whose code and message have the numbers and types of these fields.
        return ExportMetricsPartialSuccess.FromString(answer).error_message
    except DecodeError:
        return ""


def scrubbed(endpoint: Endpoint, text: str) -> str:
    """Return a stranger's text on one line, without the credentials that it may repeat."""
    words = {word for word in endpoint.credentials() if len(word) >= _TELLING}
    for word in sorted(words, key=len, reverse=True):
        text = text.replace(word, "***")
    line = " ".join(visible(text, keep="\n\t").split())
    return line if len(line) <= _SHOWN else f"{line[:_SHOWN]}..."


def _pause(header: str | None) -> float | None:
    """Return for how many seconds to wait; ``None`` if that is not said."""
    try:
        pause = float(header or "")
    except ValueError:
        pause = _until(header or "")
    return min(pause, _LONGEST_PAUSE) if pause >= 0 else None


def _until(date: str) -> float:
    try:
        moment = parsedate_to_datetime(date).astimezone(timezone.utc)
    except (OverflowError, TypeError, ValueError):
        return -1.0
    return max(0.0, (moment - datetime.now(timezone.utc)).total_seconds())
