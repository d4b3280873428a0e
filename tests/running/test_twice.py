"""Measured by hand and from outside, a request is counted once, and as it was set by hand."""

from __future__ import annotations

from pathlib import Path

import pytest

from .serving import ask, recorded, serving


@pytest.mark.parametrize("name", ["inside", "outside", "hidden"])
def test_by_hand_on_gunicorn(tmp_path: Path, name: str) -> None:
    store = tmp_path / "weighbridge.db"
    with serving(store, "gunicorn", "--bind", "127.0.0.1:{port}", f"by_hand:{name}") as port:
        assert ask(port, "/items/7", "/items/7") == [200, 200]
    assert recorded(store) == {("hand", "WebTransaction/Route/GET /items/<int:number>"): (2, 0)}


@pytest.mark.parametrize("name", ["asgi", "asgi_hidden", "listed"])
def test_by_hand_on_uvicorn(tmp_path: Path, name: str) -> None:
    store = tmp_path / "weighbridge.db"
    with serving(store, "uvicorn", "--port", "{port}", f"by_hand:{name}") as port:
        assert ask(port, "/items/7", "/items/7") == [200, 200]
    assert recorded(store) == {("hand", "WebTransaction/Route/GET /items/{number}"): (2, 0)}


def test_run_by_itself(tmp_path: Path) -> None:
    store = tmp_path / "weighbridge.db"
    inner = ("weighbridge", "run", "--", "gunicorn", "--bind", "127.0.0.1:{port}", "flask_app:app")
    with serving(store, *inner) as port:
        assert ask(port, "/items/7") == [200]
    assert recorded(store) == {("Python Application", "WebTransaction/Route/GET /items/<int:number>"): (1, 0)}
