"""Frameworks on servers, without a line of theirs changed: routes, failures, and every request once."""

from __future__ import annotations

import signal
from importlib.util import find_spec
from pathlib import Path
from typing import Final

import pytest

from .serving import ask, recorded, serving

_GUNICORN: Final = ("gunicorn", "--bind", "127.0.0.1:{port}", "--graceful-timeout", "5")
_UVICORN: Final = ("uvicorn", "--port", "{port}", "--log-level", "warning")
_HYPERCORN: Final = ("hypercorn", "--bind", "127.0.0.1:{port}")
_WAITRESS: Final = ("waitress-serve", "--listen=127.0.0.1:{port}")
_DAPHNE: Final = ("daphne", "--port", "{port}")
_UWSGI: Final = (
    "uwsgi", "--http-socket", "127.0.0.1:{port}", "--master", "--need-app", "--disable-logging",
    "--hook-master-start", "unix_signal:15 gracefully_kill_them_all",
)  # fmt: skip
_INT: Final = signal.SIGINT

_COLON: Final = "Route/GET /items/<int:number>"
_BRACES: Final = "Route/GET /items/{number}"
_CONVERTED: Final = "Route/GET /items/{number:int}"
_PATH: Final = "Uri/items/7"

_SERVED: Final = [
    # gunicorn, and its worker classes
    ("gunicorn", (*_GUNICORN, "flask_app:app"), _COLON),
    ("gunicorn", (*_GUNICORN, "flask_app:create_app()"), _COLON),
    ("gunicorn", (*_GUNICORN, "--preload", "-w", "2", "flask_app:app"), _COLON),
    ("gunicorn", (*_GUNICORN, "-k", "gthread", "--threads", "4", "flask_app:app"), _COLON),
    ("gevent", (*_GUNICORN, "-k", "gevent", "flask_app:app"), _COLON),
    ("gevent", (*_GUNICORN, "-k", "gevent", "--preload", "flask_app:app"), _COLON),
    ("gunicorn", (*_GUNICORN, "django_app:wsgi"), _COLON),
    ("gunicorn", (*_GUNICORN, "-k", "gthread", "django_app:wsgi"), _COLON),
    ("bottle", (*_GUNICORN, "bottle_app:app"), "Route/GET /items/<number:int>"),
    ("falcon", (*_GUNICORN, "falcon_app:app"), _CONVERTED),
    ("pyramid", (*_GUNICORN, "pyramid_app:app"), _BRACES),
    ("gunicorn", (*_GUNICORN, "bare_app:app"), _PATH),
    ("uvicorn_worker", (*_GUNICORN, "-k", "uvicorn_worker.UvicornWorker", "-w", "2", "starlette_app:app"), _BRACES),
    ("uvicorn_worker", (*_GUNICORN, "-k", "uvicorn_worker.UvicornWorker", "bare_app:asgi_2"), _PATH),
    ("uvicorn_worker", (*_GUNICORN, "-k", "workers.Asgi3Worker", "bare_app:handing"), _PATH),
    ("uvicorn_worker", (*_GUNICORN, "-k", "workers.FactoryWorker", "workers:factory"), _PATH),
    ("gunicorn", (*_GUNICORN, "-k", "asgi", "fastapi_app:app"), _BRACES),
    # uvicorn
    ("uvicorn", (*_UVICORN, "starlette_app:app"), _BRACES),
    ("uvicorn", (*_UVICORN, "--workers", "2", "starlette_app:app"), _BRACES),
    ("uvicorn", (*_UVICORN, "--reload", "fastapi_app:app"), _BRACES),
    ("uvicorn", (*_UVICORN, "--interface", "wsgi", "flask_app:app"), _COLON),
    ("uvicorn", (*_UVICORN, "--factory", "flask_app:create_app", "--interface", "wsgi"), _COLON),
    ("uvicorn", (*_UVICORN, "fastapi_app:app"), _BRACES),
    ("uvicorn", (*_UVICORN, "django_app:asgi"), _COLON),
    ("litestar", (*_UVICORN, "litestar_app:app"), _BRACES),
    ("quart", (*_UVICORN, "quart_app:app"), _COLON),
    ("falcon", (*_UVICORN, "falcon_app:asgi"), _CONVERTED),
    ("sanic", (*_UVICORN, "sanic_app:app"), "Route/GET /items/<number:int>"),
    ("connexion", (*_UVICORN, "connexion_app:app"), _BRACES),
    ("channels", (*_UVICORN, "channels_app:app"), _COLON),
    ("uvicorn", (*_UVICORN, "bare_app:asgi"), _PATH),
    ("uvicorn", ("python", "-m", *_UVICORN, "starlette_app:app"), _BRACES),
    # hypercorn
    ("hypercorn", (*_HYPERCORN, "starlette_app:app"), _BRACES),
    ("trio", (*_HYPERCORN, "-k", "trio", "starlette_app:app"), _BRACES),
    ("hypercorn", (*_HYPERCORN, "-w", "2", "quart_app:app"), _COLON),
    ("hypercorn", (*_HYPERCORN, "flask_app:app"), _COLON),
    # the others
    ("daphne", (*_DAPHNE, "django_app:asgi"), _COLON),
    ("daphne", (*_DAPHNE, "starlette_app:app"), _BRACES),
    ("granian", ("granian", "--interface", "asgi", "--port", "{port}", "starlette_app:app"), _BRACES),
    ("granian", ("granian", "--interface", "asginl", "--port", "{port}", "starlette_app:app"), _BRACES),
    ("granian", ("granian", "--interface", "wsgi", "--port", "{port}", "flask_app:app"), _COLON),
    ("waitress", (*_WAITRESS, "flask_app:app"), _COLON),
    ("waitress", (*_WAITRESS, "bare_app:app"), _PATH),
    ("uwsgi", (*_UWSGI, "--module", "flask_app:app"), _COLON),
    ("uwsgi", (*_UWSGI, "--module", "flask_app:create_app()"), _COLON),
    ("uwsgi", (*_UWSGI, "--module", "bare_app:app"), _PATH),
    ("uwsgi", (*_UWSGI, "--module", "django_app", "--callable", "wsgi"), _COLON),
    ("uwsgi", (*_UWSGI, "--wsgi-file", "flask_app.py", "--callable", "app"), _COLON),
    ("uwsgi", (*_UWSGI, "--wsgi-file", "bottle_app.py", "--callable", "app"), "Route/GET /items/<number:int>"),
    ("uwsgi", (*_UWSGI, "--wsgi-file", "falcon_app.py", "--callable", "app"), _CONVERTED),
    # servers of frameworks, and of the standard library
    ("flask", ("flask", "--app", "flask_app", "run", "--port", "{port}"), _COLON),
    ("flask", ("flask", "--app", "flask_app", "run", "--port", "{port}", "--reload"), _COLON),
    ("django", ("python", "django_app.py", "runserver", "{port}"), _COLON),
    ("django", ("python", "django_app.py", "runserver", "{port}", "--noreload"), _COLON),
    ("bottle", ("python", "bottle_app.py", "{port}"), "Route/GET /items/<number:int>"),
    ("flask", ("python", "bare_app.py", "{port}"), _PATH),
]  # fmt: skip
"""What it needs, the command, and how it names the request."""


@pytest.mark.parametrize(("needs", "command", "name"), _SERVED, ids=[" ".join(one[1]) for one in _SERVED])
def test_each_request_is_counted_once_with_its_route(
    needs: str, command: tuple[str, ...], name: str, tmp_path: Path
) -> None:
    if find_spec(needs) is None and not (needs == "uwsgi" and _has_uwsgi()):
        pytest.skip(f"no {needs} here")
    store = tmp_path / "weighbridge.db"
    by = _INT if command[0] in {"flask", "python", "waitress-serve"} else signal.SIGTERM
    with serving(store, *command, by=by) as port:
        assert ask(port, "/items/7", "/items/7", "/items/7") == [200, 200, 200]
        assert set(ask(port, "/boom")) <= {0, 500}
    boom = f"WebTransaction/{'Uri/boom' if name == _PATH else 'Route/GET /boom'}"
    assert recorded(store) == {
        ("Python Application", f"WebTransaction/{name}"): (3, 0),
        ("Python Application", boom): (1, 1),
    }


def _has_uwsgi() -> bool:
    import sys

    return Path(sys.executable).with_name("uwsgi").exists()
