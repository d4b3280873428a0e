"""A webhook: what is sent in each form, and what is not done: redirects, waiting, unverified TLS, telling secrets."""

from __future__ import annotations

import socket
import ssl
import subprocess
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from http.server import BaseHTTPRequestHandler
from pathlib import Path
from typing import Any

import pytest

from weighbridge.alerting.payloads import Change, payload
from weighbridge.alerting.webhook import WebhookFailed, post
from weighbridge.reporting.judging import Judgement
from weighbridge.transactions.configuration.webhook_addresses import filled
from weighbridge.transactions.store.results import AlertState
from weighbridge.transactions.store.statistics import Window

from .conftest import Receiver, alert

NOW = 1_790_000_040.0


def change(state: Any = "critical", name: str = "slow", **keys: Any) -> Change:
    one = alert(name=name, application="shop", p95=keys.pop("p95", "1s,2s"), **keys)
    words = "p95 3.00 s (critical above 2.00 s)"
    judgement = Judgement(one.limit, "critical", 3.0, 80, words)
    return Change(one, AlertState(name, state, NOW, "ok", "me", NOW, 1), judgement, Window(NOW - 300, NOW))


def test_json(receiver: Receiver) -> None:
    one = change(webhook=f"{receiver.url}?to=ops%20team")
    post(one.alert, payload(one))
    (request,) = receiver.requests
    assert request.path == "/hook?to=ops%20team"
    assert request.headers["Content-Type"] == "application/json"
    assert len(request.body.pop("id")) == 32
    assert request.body == {
        "alert": "slow",
        "state": "critical",
        "since": NOW,
        "application": "shop",
        "transaction": None,
        "limit": {"measure": "p95", "warning": 1.0, "critical": 2.0},
        "value": 3.0,
        "calls": 80,
        "window": {"since": NOW - 300, "until": NOW},
        "summary": "slow is critical (shop): p95 3.00 s (critical above 2.00 s)",
    }


def test_slack(receiver: Receiver) -> None:
    for state in ("critical", "ok"):
        one = change(state, webhook=receiver.url, format="slack", name="<!channel> & co")
        post(one.alert, payload(one))
    begun, over = (body["text"] for body in receiver.bodies())
    assert begun.startswith(":red_circle: &lt;!channel&gt; &amp; co is critical (shop): p95")
    assert over.startswith(":large_green_circle: &lt;!channel&gt; &amp; co is over (shop)")


def test_alertmanager(receiver: Receiver) -> None:
    for state in ("warning", "critical", "ok"):
        one = change(state, webhook=receiver.url, format="alertmanager")
        post(one.alert, payload(one))
    warning, critical, over = (
        [(part["labels"]["severity"], "startsAt" in part) for part in body] for body in receiver.bodies()
    )
    assert warning == [("warning", True)]
    assert critical == [("warning", False), ("critical", True)]
    assert over == [("warning", False), ("critical", False)]
    (first,) = receiver.bodies()[0]
    assert first["labels"] == {"alertname": "slow", "severity": "warning", "application": "shop"}
    assert (first["startsAt"], first["endsAt"]) == ("2026-09-21T14:14:00Z", "2026-10-21T14:14:00Z")
    assert {part["endsAt"] for part in receiver.bodies()[2]} == {"2026-09-21T14:14:00Z"}


def test_a_token_is_read_each_time_and_never_said(receiver: Receiver, tmp_path: Path) -> None:
    file = tmp_path / "token"
    one = change(webhook=receiver.url, webhook_token_file=str(file))
    with pytest.raises(WebhookFailed, match=str(file)):
        post(one.alert, b"{}")
    for token in ("first", "second"):
        file.write_text(f"{token}\n")
        post(one.alert, b"{}")
    assert [request.headers["Authorization"] for request in receiver.requests] == ["Bearer first", "Bearer second"]
    file.write_text("s3cr3t\nX-Injected: yes")
    with pytest.raises(WebhookFailed) as refused:
        post(one.alert, b"{}")
    assert "s3cr3t" not in str(refused.value)
    assert len(receiver.requests) == 2


def test_redirects_are_not_followed(receiver: Receiver) -> None:
    def redirect(handler: BaseHTTPRequestHandler) -> None:
        handler.send_response(302)
        handler.send_header("Location", receiver.url)
        handler.end_headers()

    receiver.answer = redirect
    with pytest.raises(WebhookFailed, match="answered 302, and redirects are not followed"):
        post(change(webhook=receiver.url).alert, b"{}")
    assert len(receiver.requests) == 1


def test_a_refusal_says_the_status_and_not_the_path(receiver: Receiver) -> None:
    receiver.answer = receiver.refuse
    with pytest.raises(WebhookFailed) as refused:
        post(change(webhook=receiver.url).alert, b"{}")
    assert str(refused.value) == f"{receiver.url.removesuffix('/hook')} answered 503"


@contextmanager
def dripping() -> Iterator[int]:
    """A server that sends one byte of a header after the other, and never comes to an end; gives its port."""
    closed = threading.Event()
    with socket.create_server(("127.0.0.1", 0)) as listener:

        def drip() -> None:
            connection, _ = listener.accept()
            with connection:
                connection.sendall(b"HTTP/1.1 200 OK\r\nX-Slow: ")
                while not closed.wait(0.05):
                    try:
                        connection.sendall(b"x")
                    except OSError:
                        return

        thread = threading.Thread(target=drip)
        thread.start()
        try:
            yield listener.getsockname()[1]
        finally:
            closed.set()
            thread.join()


def test_a_server_that_never_comes_to_an_end() -> None:
    with dripping() as port, pytest.raises(WebhookFailed, match=r"no answer within 0\.5 s"):
        post(change(webhook=f"http://127.0.0.1:{port}/").alert, b"{}", timeout=0.5)


def test_a_server_that_is_not_there() -> None:
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    with pytest.raises(WebhookFailed, match="refused"):
        post(change(webhook=f"http://127.0.0.1:{port}/").alert, b"{}")


def test_a_certificate_that_nobody_vouches_for(tmp_path: Path) -> None:
    key, certificate = tmp_path / "key.pem", tmp_path / "certificate.pem"
    command = ["openssl", "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-days", "2", "-subj", "/CN=localhost"]
    subprocess.run([*command, "-keyout", str(key), "-out", str(certificate)], check=True, capture_output=True)
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(certificate, key)
    with socket.create_server(("127.0.0.1", 0)) as listener:
        received: list[bytes] = []

        def serve() -> None:
            connection, _ = listener.accept()
            with connection:
                try:
                    received.append(context.wrap_socket(connection, server_side=True).recv(100))
                except OSError:
                    return

        thread = threading.Thread(target=serve)
        thread.start()
        with pytest.raises(WebhookFailed, match="certificate"):
            post(change(webhook=f"https://localhost:{listener.getsockname()[1]}/").alert, b"{}")
        thread.join()
    assert received == []


def test_an_address_with_secrets(receiver: Receiver, tmp_path: Path) -> None:
    (tmp_path / "token").write_text("T0/B 0\n")
    keys = {"webhook_token_file": str(tmp_path / "token")}
    address = f"{receiver.url}/${{KEY}}/${{webhook_token_file}}?to=${{TEAM}}"
    one = change(webhook=address, **keys)
    post(replace(one.alert, webhook=filled(address, {"KEY": "a/b", "TEAM": "ops & co"})), payload(one))
    post(change(webhook=filled("${ALL}", {"ALL": f"{receiver.url}?x=1\n"}), **keys).alert, payload(one))
    first, second = receiver.requests
    assert first.path == "/hook/a/b/T0/B%200?to=ops%20%26%20co"
    assert "Authorization" not in first.headers
    assert (second.path, second.headers["Authorization"]) == ("/hook?x=1", "Bearer T0/B 0")


def test_no_secret_is_in_what_is_said(receiver: Receiver, tmp_path: Path) -> None:
    receiver.answer = receiver.refuse
    (tmp_path / "token").write_text("s3cr3t")
    address = filled(f"{receiver.url}/${{KEY}}/${{webhook_token_file}}", {"KEY": "s3cr3t"})
    one = change(webhook=address, webhook_token_file=str(tmp_path / "token"))
    with pytest.raises(WebhookFailed) as failed:
        post(one.alert, payload(one))
    assert "s3cr3t" not in str(failed.value)
    assert "answered 503" in str(failed.value)
    assert "s3cr3t" not in repr(one)
