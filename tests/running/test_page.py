"""The commands of the page on ``weighbridge run``."""

from __future__ import annotations

import shlex
from importlib.util import find_spec

import pytest

from ..documentation.pages import blocks
from .conftest import Scripts
from .serving import RUN, ask, serving

COMMANDS = [line for block in blocks("console", "docs/how-to/run.md") for line in block.code.splitlines()]


def test_the_server(scripts: Scripts) -> None:
    if find_spec("gunicorn") is None:
        pytest.skip("no gunicorn here")
    scripts.write("shop.py", "from flask import Flask\napp = Flask(__name__)\napp.get('/hello')(lambda: 'hello')\n")
    started = shlex.split(COMMANDS[0])
    assert started[:2] == ["weighbridge", "run"]
    with serving(
        scripts.store, *started[5:], "--bind", "127.0.0.1:{port}", options=started[2:4], cwd=scripts.folder
    ) as port:
        assert ask(port, "/hello") == [200]
    assert scripts.calls() == {("Shop", "WebTransaction/Route/GET /hello"): (1, 0)}


def test_the_script(scripts: Scripts) -> None:
    scripts.write("nightly.py", "")
    started = shlex.split(COMMANDS[1])
    assert scripts.run(*started[started.index("--") + 1 :], options=started[2:4]).returncode == 0
    assert scripts.calls() == {("Shop", "OtherTransaction/Script/nightly.py"): (1, 0)}
    assert RUN[-1] == started[1]
