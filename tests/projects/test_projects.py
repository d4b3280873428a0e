"""Projects of others under ``weighbridge run``, unchanged: their routes, errors and jobs arrive."""

from __future__ import annotations

import shutil
from importlib.util import find_spec
from pathlib import Path

import pytest

from ..running.serving import ask, recorded, run, serving
from .sdists import unpacked

GUNICORN = ("gunicorn", "--bind", "127.0.0.1:{port}", "-w", "2")
UVICORN = ("uvicorn", "--port", "{port}")


def needs(*modules: str) -> None:
    """Skip the test where a project's own dependencies are not installed: `tox -e projects` installs them."""
    missing = [module for module in modules if find_spec(module) is None]
    if missing:
        pytest.skip(f"no {', '.join(missing)} here")


@pytest.fixture
def store(tmp_path: Path) -> Path:
    return tmp_path / "weighbridge.db"


def named(store: Path) -> dict[str, tuple[int, int]]:
    """How often each path was counted, and how often it failed."""
    return {path: counts for (_, path), counts in recorded(store).items()}


def test_httpbin_a_project_of_flask(store: Path) -> None:
    needs("gunicorn", "brotlicffi", "decorator", "flasgger", "six")
    project = unpacked("httpbin", "0.10.4")
    with serving(store, *GUNICORN, "httpbin:app", cwd=project, PYTHONPATH=str(project)) as port:
        assert ask(port, "/get", "/status/503", "/anything/a/b", "/basic-auth/a/b", "/nope", "/bytes/x") == [
            200, 503, 200, 401, 404, 404,
        ]  # fmt: skip
    assert named(store) == {
        "WebTransaction/Route/GET /get": (1, 0),
        "WebTransaction/Route/GET /status/<codes>": (1, 1),
        "WebTransaction/Route/GET /anything/<path:anything>": (1, 0),
        "WebTransaction/Route/GET /basic-auth/<user>/<passwd>": (1, 0),
        "WebTransaction/StatusCode/404": (2, 0),
    }


@pytest.fixture
def toolbar(tmp_path: Path) -> Path:
    """The example project of django-debug-toolbar, in a copy with a database of its own."""
    needs("gunicorn", "django", "jinja2", "sqlparse", "whitenoise")
    return shutil.copytree(unpacked("django-debug-toolbar", "8.0.0"), tmp_path / "project")


def test_the_example_of_django_debug_toolbar_on_gunicorn(store: Path, toolbar: Path) -> None:
    migrated = run(store, "python", "example/manage.py", "migrate", "-v0", cwd=toolbar, PYTHONPATH=str(toolbar))
    assert migrated.returncode == 0, migrated.stderr
    with serving(store, *GUNICORN, "example.wsgi:application", cwd=toolbar, PYTHONPATH=str(toolbar)) as port:
        paths = ("/", "/jinja/", "/cache/", "/ajax/increment", "/admin/login/", "/nope")
        assert ask(port, *paths) == [200, 200, 200, 200, 200, 404]
        (toolbar / "example" / "db.sqlite3").unlink()
        assert ask(port, "/async/db/") == [500]
    assert named(store) == {
        "OtherTransaction/Script/manage.py": (1, 0),
        "WebTransaction/Route/GET /": (1, 0),
        "WebTransaction/Route/GET /jinja/": (1, 0),
        "WebTransaction/Route/GET /cache/": (1, 0),
        "WebTransaction/Route/GET /ajax/increment": (1, 0),
        "WebTransaction/Route/GET /admin/login/": (1, 0),
        "WebTransaction/Route/GET /async/db/": (1, 1),
        "WebTransaction/StatusCode/404": (1, 0),
    }


def test_the_example_of_django_debug_toolbar_on_uvicorn(store: Path, toolbar: Path) -> None:
    needs("daphne")
    with serving(store, *UVICORN, "example.asgi:application", cwd=toolbar, PYTHONPATH=str(toolbar)) as port:
        assert ask(port, "/jinja/", "/async/", "/nope") == [200, 200, 404]
    assert named(store) == {
        "WebTransaction/Route/GET /jinja/": (1, 0),
        "WebTransaction/Route/GET /async/": (1, 0),
        "WebTransaction/StatusCode/404": (1, 0),
    }


def test_simple_repository_server_a_project_of_fastapi(store: Path, tmp_path: Path) -> None:
    needs("uvicorn", "fastapi", "httpx", "simple_repository")
    project = unpacked("simple-repository-server", "0.10.0")
    index = tmp_path / "index"
    (index / "thing").mkdir(parents=True)
    (index / "thing" / "thing-1.0.tar.gz").write_bytes(b"")
    command = ("python", "-m", "simple_repository_server", "--host", "127.0.0.1", "--port", "{port}", str(index))
    with serving(store, *command, cwd=project, PYTHONPATH=str(project)) as port:
        assert ask(port, "/simple/", "/simple/thing/", "/simple/none/", "/nope") == [200, 200, 404, 404]
    assert named(store) == {
        "WebTransaction/Route/GET /simple/": (1, 0),
        "WebTransaction/Route/GET /simple/{project_name}/": (2, 0),
        "WebTransaction/StatusCode/404": (1, 0),
    }
