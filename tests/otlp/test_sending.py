"""One request: what it carries, what becomes of answers of all kinds, and that no credential is shown."""

from __future__ import annotations

import socket
import ssl
import subprocess
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from datetime import datetime, timedelta, timezone
from email.utils import format_datetime
from pathlib import Path

import pytest
from opentelemetry.proto.collector.metrics.v1.metrics_service_pb2 import (
    ExportMetricsPartialSuccess,
    ExportMetricsServiceRequest,
)

from weighbridge.exporting.otlp.sending import NotSent, Refused, TryAgain, post
from weighbridge.exporting.otlp.variables import Endpoint, read_variables

from .receiver import Answer, Receiver, receiving

MESSAGE = ExportMetricsServiceRequest()
MESSAGE.resource_metrics.add().schema_url = "x" * 1000
BODY = MESSAGE.SerializeToString()


def endpoint(url: str, **variables: str) -> Endpoint:
    named = {f"OTEL_EXPORTER_OTLP_{name}": value for name, value in variables.items()}
    return read_variables({"OTEL_EXPORTER_OTLP_ENDPOINT": url, **named}).metrics


@pytest.fixture
def receiver() -> Iterator[Receiver]:
    with receiving() as found:
        yield found


def failure(receiver: Receiver, answer: Answer, **variables: str) -> NotSent:
    receiver.answers.append(answer)
    with pytest.raises(NotSent) as caught:
        post(endpoint(receiver.url, **variables), BODY)
    return caught.value


def test_a_message_arrives_with_its_headers(receiver: Receiver) -> None:
    post(endpoint(receiver.url, HEADERS="api-key=s3cret"), BODY)
    (request,) = receiver.requests
    assert request.message == MESSAGE
    assert request.headers["content-type"] == "application/x-protobuf"
    assert request.headers["api-key"] == "s3cret"
    assert request.headers["user-agent"].startswith("weighbridge/")
    assert request.size == len(BODY)


def test_it_is_compressed_where_that_is_asked_for(receiver: Receiver) -> None:
    post(endpoint(receiver.url, COMPRESSION="gzip"), BODY)
    (request,) = receiver.requests
    assert request.message == MESSAGE
    assert request.headers["content-encoding"] == "gzip"
    assert request.size < len(BODY) / 5


@pytest.mark.parametrize("status", [429, 502, 503, 504])
def test_what_may_be_sent_again(receiver: Receiver, status: int) -> None:
    error = failure(receiver, Answer(status, b"overloaded"))
    assert isinstance(error, TryAgain)
    assert error.pause is None
    assert f"answers {status}" in str(error)
    assert "overloaded" in str(error)


@pytest.mark.parametrize("status", [301, 400, 401, 403, 404, 413, 500])
def test_what_would_be_refused_again(receiver: Receiver, status: int) -> None:
    error = failure(receiver, Answer(status, headers={"location": "/elsewhere", "retry-after": "1"}))
    assert isinstance(error, Refused)
    assert f"answers {status}" in str(error)


def test_a_pause_in_seconds(receiver: Receiver) -> None:
    error = failure(receiver, Answer(429, headers={"retry-after": "7"}))
    assert isinstance(error, TryAgain)
    assert error.pause == 7.0


def test_a_pause_until_a_date(receiver: Receiver) -> None:
    date = format_datetime(datetime.now(timezone.utc) + timedelta(seconds=500), usegmt=True)
    error = failure(receiver, Answer(503, headers={"retry-after": date}))
    assert isinstance(error, TryAgain)
    assert error.pause is not None
    assert 100 < error.pause <= 500


@pytest.mark.parametrize(
    ("header", "pause"),
    [
        ("soon", None), ("-5", None), ("nan", None), ("1e30", 3600.0), ("Fri, 31 Dec 9999 23:59:59 -1200", None),
    ],
)  # fmt: skip
def test_a_pause_that_makes_no_sense(receiver: Receiver, header: str, pause: float | None) -> None:
    error = failure(receiver, Answer(503, headers={"retry-after": header}))
    assert isinstance(error, TryAgain)
    assert error.pause == pause


def test_a_refusal_in_protobuf_is_read(receiver: Receiver) -> None:
    status = ExportMetricsPartialSuccess(rejected_data_points=3, error_message="no such tenant")
    answer = Answer(400, status.SerializeToString(), {"content-type": "application/x-protobuf"})
    assert "no such tenant" in str(failure(receiver, answer))


def test_a_refusal_is_one_line_without_credentials(receiver: Receiver) -> None:
    body = b"Bearer s3cret-key is\nnot \x1b[2J known: s3cret-key" + b"!" * 1000
    message = str(failure(receiver, Answer(401, body), HEADERS="authorization=Bearer%20s3cret-key"))
    assert "*** is not" in message
    assert "s3cret" not in message
    assert message.isprintable()
    assert len(message) < 400


def test_credentials_are_shown_in_no_form(receiver: Receiver) -> None:
    receiver.answers.append(
        Answer(401, b"not known: ann:s3cret word, s3cret word, /v1/metrics?key=k3y%2Dword, k3y-word")
    )
    url = receiver.url.replace("http://", "http://ann:s3cret%20word@")
    with pytest.raises(Refused) as caught:
        post(read_variables({"OTEL_EXPORTER_OTLP_METRICS_ENDPOINT": f"{url}/v1/metrics?key=k3y%2Dword"}).metrics, BODY)
    assert "not known: ***, ***, /v1/metrics?***, ***" in str(caught.value)


def test_the_reason_of_a_refusal_is_a_text_of_strangers_too() -> None:
    with socket.create_server(("127.0.0.1", 0)) as server:

        def refuse() -> None:
            connection, _ = server.accept()
            with connection:
                connection.recv(1 << 16)
                connection.sendall(b"HTTP/1.1 401 s3cret-key is not \x1b[2J known\r\nContent-Length: 0\r\n\r\n")

        thread = threading.Thread(target=refuse)
        thread.start()
        with pytest.raises(Refused) as caught:
            post(endpoint(f"http://127.0.0.1:{server.getsockname()[1]}", HEADERS="api-key=s3cret-key"), b"")
        thread.join()
    assert "401 *** is not" in str(caught.value)
    assert str(caught.value).isprintable()


def test_a_connection_that_is_cut_may_be_tried_again(receiver: Receiver) -> None:
    assert isinstance(failure(receiver, Answer(cut=True)), TryAgain)


def test_nobody_listens() -> None:
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    with pytest.raises(TryAgain, match="cannot be reached"):
        post(endpoint(f"http://127.0.0.1:{port}"), BODY)


def test_a_slow_answer_is_not_waited_for(receiver: Receiver) -> None:
    released = threading.Event()
    error = failure(receiver, Answer(after=released), TIMEOUT="600")
    released.set()
    assert isinstance(error, TryAgain)
    assert "no answer in time" in str(error)


def test_an_answer_that_trickles_is_not_waited_for() -> None:
    """Each byte would begin a socket's timeout anew."""
    stopped = threading.Event()
    with socket.create_server(("127.0.0.1", 0)) as server:

        def trickle() -> None:
            connection, _ = server.accept()
            with connection:
                while not stopped.wait(0.05):
                    try:
                        connection.sendall(b"H")
                    except OSError:
                        return

        thread = threading.Thread(target=trickle)
        thread.start()
        with pytest.raises(TryAgain, match="no answer in time"):
            post(endpoint(f"http://127.0.0.1:{server.getsockname()[1]}", TIMEOUT="600"), BODY)
        stopped.set()
        thread.join()


def test_an_answer_that_trickles_until_the_connection_ends_is_not_waited_for() -> None:
    """`http.client` forgets the socket then."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        answered = threading.Event()

        def trickle() -> None:
            connection, _ = server.accept()
            with connection, suppress(OSError):
                connection.sendall(b"HTTP/1.0 200 OK\r\n\r\n")
                while not answered.wait(0.05):
                    connection.sendall(b"x")

        thread = threading.Thread(target=trickle, daemon=True)
        thread.start()
        post(endpoint(f"http://127.0.0.1:{server.getsockname()[1]}", TIMEOUT="600"), BODY)  # else it would not return
        answered.set()
        thread.join()


# TLS


@pytest.fixture(scope="session")
def authority(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with two certificates that sign themselves, of the receiver and of a client."""
    folder = tmp_path_factory.mktemp("certificates")
    for name in ("receiver", "client"):
        subprocess.run(
            ["openssl", "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-days", "2", "-subj", f"/CN={name}",
             "-addext", "subjectAltName=IP:127.0.0.1", "-keyout", folder / f"{name}.key",
             "-out", folder / f"{name}.pem"],
            check=True, capture_output=True,
        )  # fmt: skip
    return folder


@contextmanager
def secured(folder: Path, client: bool = False) -> Iterator[Receiver]:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(folder / "receiver.pem", folder / "receiver.key")
    if client:
        context.verify_mode = ssl.CERT_REQUIRED
        context.load_verify_locations(folder / "client.pem")
    with receiving(context=context) as found:
        yield found


def test_a_certificate_that_is_named_is_trusted(authority: Path) -> None:
    with secured(authority) as receiver:
        address = receiver.url.replace("http:", "https:")
        post(endpoint(address, CERTIFICATE=str(authority / "receiver.pem")), BODY)
        assert len(receiver.requests) == 1


def test_an_unknown_certificate_is_refused(authority: Path) -> None:
    with secured(authority) as receiver:
        with pytest.raises(Refused, match="is not to be trusted"):
            post(endpoint(receiver.url.replace("http:", "https:")), BODY)
        assert receiver.requests == []


def test_a_certificate_of_another_host_is_refused(authority: Path) -> None:
    with secured(authority) as receiver:
        named = endpoint(f"https://localhost:{receiver.port}", CERTIFICATE=str(authority / "receiver.pem"))
        with pytest.raises(Refused, match="is not to be trusted"):
            post(named, BODY)


def test_a_client_shows_its_certificate(authority: Path) -> None:
    certificates = {
        "CERTIFICATE": str(authority / "receiver.pem"),
        "CLIENT_CERTIFICATE": str(authority / "client.pem"),
        "CLIENT_KEY": str(authority / "client.key"),
    }
    with secured(authority, client=True) as receiver:
        post(endpoint(receiver.url.replace("http:", "https:"), **certificates), BODY)
        assert len(receiver.requests) == 1


def test_a_file_that_is_no_certificate_is_refused(tmp_path: Path) -> None:
    (tmp_path / "ca.pem").write_text("nonsense")
    with pytest.raises(Refused, match="certificates for OTLP cannot be used"):
        post(endpoint("https://127.0.0.1:1", CERTIFICATE=str(tmp_path / "ca.pem")), BODY)
