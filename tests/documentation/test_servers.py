"""What the pages on deployment tell a machine to run: the same commands and configuration, in a folder of the test's.

What needs root, a container engine or another machine is done without them: the user is the one who runs the tests,
the folders are below one of pytest's, and ports are free ones.
"""

from __future__ import annotations

import configparser
import json
import os
import re
import shlex
import shutil
import signal
import ssl
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import httpx
import pytest
import yaml

from ..waiting import TIMEOUT, eventually
from .pages import blocks
from .test_commands import JOB
from .walkthrough import free_port, require_installed, serving, walking

COMPOSE = "docs/tutorials/compose.md"
SYSTEMD = "docs/tutorials/systemd.md"
POSTGRESQL = "docs/how-to/postgresql.md"  # tried in test_postgresql
PROMETHEUS = "docs/how-to/prometheus.md"  # tried in test_prometheus
OPENTELEMETRY = "docs/how-to/opentelemetry.md"  # tried in test_opentelemetry
SERVING = "docs/how-to/serving.md"
KEYS = "docs/how-to/request-keys.md"
DEPLOYED = {COMPOSE, OPENTELEMETRY, POSTGRESQL, PROMETHEUS, SYSTEMD}

needs_nginx = pytest.mark.skipif(shutil.which("nginx") is None, reason="nginx is not installed")


def files_of(page: str) -> dict[str, str]:
    """The files of a page, by name."""
    return {block.title: block.code for block in blocks(None, page) if block.title}


def commands_of(page: str) -> list[str]:
    return [line for block in blocks("console", page) for line in block.code.splitlines()]


@contextmanager
def running(command: str, folder: Path, **variables: str) -> Iterator[subprocess.Popen[bytes]]:
    """A command of a unit or a service, by this interpreter; told to stop as they are, by SIGTERM."""
    program, *arguments = shlex.split(command)
    module = Path(program).name
    words = [sys.executable, *arguments] if module == "python" else [sys.executable, "-m", module, *arguments]
    environment = {**os.environ, "PYTHONSAFEPATH": "", "PYTHONPATH": str(folder), **variables}
    with (folder / f"{module}-{len(list(folder.glob('*.log')))}.log").open("wb") as log:
        process = subprocess.Popen(words, cwd=folder, env=environment, stdout=log, stderr=log)
        try:
            yield process
        finally:
            process.send_signal(signal.SIGTERM)
            process.wait()


def report(store: Path | str) -> dict[str, Any]:
    """What a store holds, by name."""
    command = [sys.executable, "-m", "weighbridge", "report", "--json", "--store", str(store)]
    rows = json.loads(subprocess.run(command, capture_output=True, text=True, check=True).stdout)["transactions"]
    return {f"{row['application']}: {row['group']}/{row['name']}": row for row in rows}


# Docker Compose


def test_the_services_of_compose_report_to_one_store(tmp_path: Path) -> None:
    files = files_of(COMPOSE)
    services = yaml.safe_load(files["compose.yaml"])["services"]
    assert services.keys() == {"web", "worker", "page"}
    stores = {service["environment"]["WEIGHBRIDGE_STORE"] for service in services.values()}
    assert stores == {"/data/weighbridge.db"}
    assert all("figures:/data" in service["volumes"] for service in services.values())
    store = tmp_path / "data" / "weighbridge.db"
    store.parent.mkdir()
    for name in ("shop.py", "worker.py"):
        (tmp_path / name).write_text(files[name], "utf-8")
    (tmp_path / "token.txt").write_text("0123456789abcdef", "utf-8")
    web, page = free_port(), free_port()
    replaced = {"/data": str(store.parent), "0.0.0.0:8000": f"127.0.0.1:{web}", "0.0.0.0": "127.0.0.1"}
    replaced |= {"8610": str(page), "/run/secrets/token": str(tmp_path / "token.txt")}

    def command(name: str) -> str:
        text = services[name]["command"]
        for old, new in replaced.items():
            text = text.replace(old, new)
        return str(text)

    variables = services["web"]["environment"] | {"WEIGHBRIDGE_STORE": str(store)}
    with (
        running(command("web"), tmp_path, **variables),
        running(command("worker"), tmp_path, **variables) as worker,
        running(command("page"), tmp_path, **variables),
    ):
        eventually(lambda: serving(web) and serving(page))
        assert httpx.get(f"http://127.0.0.1:{web}/users/7", timeout=TIMEOUT).text == "user 7"
        eventually(lambda: store.exists() and len(report(store)) == 2)
        url = f"http://127.0.0.1:{page}/api/applications"
        assert httpx.get(url, timeout=TIMEOUT).status_code == 401
        found = httpx.get(url, headers={"Authorization": "Bearer 0123456789abcdef"}, timeout=TIMEOUT)
        assert "Shop" in found.text
    assert worker.returncode == 0  # a normal exit, which writes what is left
    assert report(store).keys() == {"Shop: Route/GET /users/<int:number>", "Shop: Function/__main__:clean_up"}


def test_the_image_has_what_the_services_run() -> None:
    files = files_of(COMPOSE)
    lines = [line.split(maxsplit=1) for line in files["Dockerfile"].splitlines() if line]
    assert {word for word, _ in lines} == {"FROM", "RUN", "WORKDIR", "COPY", "USER"}
    copied = {word for name, rest in lines if name == "COPY" for word in rest.split()}
    assert {"shop.py", "worker.py", "weighbridge"} <= copied
    (install,) = (rest for name, rest in lines if name == "RUN" and "pip install" in rest)
    require_installed(shlex.split(install)[4:])
    built = yaml.safe_load(files["compose.yaml"])
    assert built["secrets"]["token"]["file"] in commands_of(COMPOSE)[0]
    assert all(service["build"] == "." for service in built["services"].values())


# systemd and nginx

_NGINX = """
pid {folder}/nginx.pid;
error_log stderr;
daemon off;
events {{}}
http {{
    access_log off;
    client_body_temp_path {folder}/temporary;
    proxy_temp_path {folder}/temporary;
    fastcgi_temp_path {folder}/temporary;
    uwsgi_temp_path {folder}/temporary;
    scgi_temp_path {folder}/temporary;
    {site}
}}
"""


def nginx_with(site: str, folder: Path) -> list[str]:
    """The command that runs nginx with a site's configuration."""
    (folder / "temporary").mkdir(exist_ok=True)
    user = "user root;\n" if os.geteuid() == 0 else ""
    (folder / "nginx.conf").write_text(user + _NGINX.format(folder=folder, site=site), "utf-8")
    return ["nginx", "-e", "stderr", "-p", str(folder), "-c", str(folder / "nginx.conf")]


@contextmanager
def nginx(site: str, folder: Path, port: int) -> Iterator[None]:
    process = subprocess.Popen(nginx_with(site, folder), stderr=subprocess.PIPE)
    try:
        eventually(lambda: process.poll() is not None or serving(port))
        assert process.poll() is None, process.stderr and process.stderr.read()
        yield
    finally:
        process.terminate()
        process.communicate()


def unit_of(text: str) -> configparser.RawConfigParser:
    """A unit; names in it may be repeated, and the last ``Environment`` is the store's."""
    unit = configparser.RawConfigParser(strict=False)
    unit.optionxform = str  # type: ignore[assignment, method-assign]
    unit.read_string(text)
    return unit


@needs_nginx
def test_the_services_of_systemd_behind_nginx(tmp_path: Path) -> None:
    files = files_of(SYSTEMD)
    (tmp_path / "shop.py").write_text(files["shop.py"], "utf-8")
    (tmp_path / "token").write_text("0123456789abcdef", "utf-8")
    front, page = free_port(), free_port()
    replaced = {"/run/shop": str(tmp_path), "listen 80": f"listen {front}", "8610": str(page)}
    replaced |= {"%d/token": str(tmp_path / "token")}
    texts = {}
    for name in ("shop.service", "shop-page.service", "shop.conf"):
        texts[name] = files[name]
        for old, new in replaced.items():
            texts[name] = texts[name].replace(old, new)
    web, shown = (unit_of(texts[name])["Service"] for name in ("shop.service", "shop-page.service"))
    assert web["Environment"] == shown["Environment"] == "WEIGHBRIDGE_STORE=/var/lib/shop/weighbridge.db"
    assert web["StateDirectory"] == shown["StateDirectory"] == "shop"
    store = tmp_path / "weighbridge.db"
    variables = {"WEIGHBRIDGE_STORE": str(store), "WEIGHBRIDGE_APP_NAME": "Shop"}
    with (
        running(web["ExecStart"], tmp_path, **variables),
        running(shown["ExecStart"], tmp_path, **variables),
        nginx(texts["shop.conf"], tmp_path, front),
    ):
        eventually(lambda: (tmp_path / "web.sock").exists() and serving(page))
        url = f"http://127.0.0.1:{front}"
        named = httpx.get(f"{url}/users/7", headers={"Host": "shop.example.com"})
        assert (named.status_code, named.text) == (200, "user 7")
        eventually(store.exists)
        asked = {"Host": "figures.example.com", "Authorization": "Bearer 0123456789abcdef"}
        eventually(lambda: "Shop" in httpx.get(f"{url}/api/applications", headers=asked, timeout=TIMEOUT).text)
    (row,) = report(store).values()
    assert row["calls"] == 1
    assert row["queue_seconds"] is not None


def test_the_units_are_valid(tmp_path: Path) -> None:
    verify = shutil.which("systemd-analyze")
    for name, text in files_of(SYSTEMD).items():
        if not name.endswith(".service"):
            continue
        assert {"Unit", "Service", "Install"} == set(unit_of(text).sections())
        (tmp_path / name).write_text(re.sub(r"/srv/shop/venv/bin/\w+", "/bin/true", text), "utf-8")
    if verify:
        units = sorted(map(str, tmp_path.glob("*.service")))
        done = subprocess.run([verify, "verify", *units], capture_output=True, text=True, check=False)
        complaints = [line for line in done.stderr.splitlines() if any(unit in line for unit in units)]
        assert [
            line for line in complaints if "Unknown" in line or "Invalid" in line or "Failed to parse" in line
        ] == []


def test_what_is_copied_and_started_is_what_the_page_has() -> None:
    names = files_of(SYSTEMD).keys()
    commands = commands_of(SYSTEMD)
    copied = {word for command in commands if command.startswith("sudo cp ") for word in command.split()[2:-1]}
    assert copied == set(names)
    (enabled,) = (command for command in commands if "enable --now" in command)
    assert {f"{word}.service" for word in enabled.split()[4:]} == {name for name in names if name.endswith(".service")}
    (install,) = (command for command in commands if " pip install " in command)
    require_installed(shlex.split(install.partition(" pip install ")[2]))


# The page behind a proxy


def test_the_page_is_served_as_the_page_on_it_says(tmp_path: Path) -> None:
    plain, tunnel, token, protected = commands_of(SERVING)
    assert tunnel.split()[:4] == ["ssh", "-N", "-L", "8610:127.0.0.1:8610"]
    assert token == "openssl rand -hex 16 > token.txt"
    (tmp_path / "token.txt").write_text("0123456789abcdef" * 2, "utf-8")
    (tmp_path / "job.py").write_text(JOB, "utf-8")
    with walking(tmp_path, ports=(8610,)) as reader:
        reader.run("python job.py")
        reader.run(plain)
        first = reader.adapted("8610")
        assert httpx.get(f"http://127.0.0.1:{first}/", follow_redirects=True, timeout=TIMEOUT).status_code == 200
        assert (
            httpx.get(
                f"http://127.0.0.1:{first}/", headers={"Host": "elsewhere.example.com"}, timeout=TIMEOUT
            ).status_code
            == 421
        )
    with walking(tmp_path, ports=(8610,)) as reader:
        reader.run(f"{protected} --port 8610")
        url = f"http://127.0.0.1:{reader.adapted('8610')}/api/applications"
        asked = {"Host": "figures.example.com"}
        assert httpx.get(url, headers=asked, timeout=TIMEOUT).status_code == 401
        asked["Authorization"] = f"Bearer {'0123456789abcdef' * 2}"
        assert httpx.get(url, headers=asked, timeout=TIMEOUT).status_code == 200
        assert httpx.get(url, headers=asked | {"Host": "elsewhere.example.com"}, timeout=TIMEOUT).status_code == 421


@needs_nginx
def test_the_proxy_in_front_of_the_page_speaks_tls(tmp_path: Path) -> None:
    (block,) = blocks("nginx", SERVING)
    names = ["-keyout", "figures.key", "-out", "figures.pem", "-days", "1", "-subj", "/CN=figures.example.com"]
    made = ["openssl", "req", "-x509", "-newkey", "rsa:2048", "-nodes", *names]
    subprocess.run(made, cwd=tmp_path, check=True, capture_output=True)
    front, page = free_port(), free_port()
    site = block.code.replace("443", str(front)).replace("8610", str(page))
    (tmp_path / "token.txt").write_text("0123456789abcdef", "utf-8")
    command = f"weighbridge serve --port {page} --token-file token.txt --allow-host figures.example.com"
    with running(command, tmp_path), nginx(site, tmp_path, front):
        eventually(lambda: serving(page))
        trusting = ssl.create_default_context(cafile=str(tmp_path / "figures.pem"))
        trusting.check_hostname = False
        with httpx.Client(verify=trusting, timeout=TIMEOUT, base_url=f"https://127.0.0.1:{front}") as client:
            form = {"token": "0123456789abcdef"}
            answer = client.post("/login", data=form, headers={"Host": "figures.example.com"})
    assert answer.status_code == 303
    assert "; Secure" in answer.headers["set-cookie"]


@needs_nginx
def test_nginx_takes_the_keys_of_requests(tmp_path: Path) -> None:
    (block,) = blocks("nginx", KEYS)
    site = block.code.replace("include uwsgi_params;", "include /etc/nginx/uwsgi_params;")
    command = nginx_with(f"server {{ listen {free_port()};\n{site} }}", tmp_path)
    done = subprocess.run([*command, "-t"], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr


def test_blocks_of_nginx_and_yaml_are_all_tried() -> None:
    assert {block.page for block in blocks("nginx")} == {SYSTEMD, SERVING, KEYS}
    elsewhere = {"docs/how-to/prometheus.md", "docs/how-to/opentelemetry.md"}  # each has a file of tests of its own
    assert {block.page for block in [*blocks("yaml"), *blocks("dockerfile")]} == {COMPOSE, POSTGRESQL} | elsewhere
