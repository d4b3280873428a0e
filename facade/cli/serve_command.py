"""``weighbridge serve``: the page in a browser, and the metrics. Needs the extra ``ui``."""

from __future__ import annotations

import shlex
import socket
from contextlib import closing
from pathlib import Path
from typing import NamedTuple

from weighbridge.console import Console
from weighbridge.console.access import require_token
from weighbridge.console.serving import is_loopback, listen, open_browser, serve
from weighbridge.exporting.prometheus import MetricsEndpoint, PageWithMetrics
from weighbridge.reporting.first_steps import NOTHING_YET, is_missing
from weighbridge.transactions.configuration.loading import load_from_environment

from .collecting import collecting
from .demo_store import demo_store
from .errors import CommandError
from .exports import configured_exports
from .output import one_line, say
from .stores import chosen_place
from .watching import watching

__all__ = ["Serving", "bound", "serve_page"]


class Serving(NamedTuple):
    """The options of ``serve``."""

    host: str
    port: int
    store: str | None
    token_file: Path | None
    hosts: tuple[str, ...]
    opened: bool
    metrics_token_file: Path | None
    metrics_names: int


def serve_page(options: Serving) -> None:
    """Serve until Ctrl-C.

    Raises:
        CommandError: the address cannot be had, the token is missing or cannot be read, or the store is not configured.
    """
    token = _token(options.token_file, "--token-file") if options.token_file else None
    metrics_token = token
    if options.metrics_token_file:
        metrics_token = _token(options.metrics_token_file, "--metrics-token-file")
    if token is None and not is_loopback(options.host):
        raise CommandError(f"--host {options.host} is reached from other machines: name a token with --token-file")
    place = chosen_place(options.store)
    listener = bound(options.host, options.port)

    def ready(url: str) -> None:
        say(f"weighbridge: {place.shown} on {url} (Ctrl-C ends it)", error=True)
        if place.is_empty and not is_missing(demo_store()):
            example = f"weighbridge serve --store {shlex.quote(str(demo_store()))}"
            say(f"{NOTHING_YET} there; the figures of the last demo: {example}", error=True)
        if options.opened:
            open_browser(url)

    page = Console(place.path, token, options.hosts, log_link=_log_link())
    metrics = MetricsEndpoint(place.path, metrics_token, options.hosts, options.metrics_names)
    with closing(listener), collecting(place), watching(place), configured_exports(place):
        serve(PageWithMetrics(page, metrics), listener, ready)


def _log_link() -> str | None:
    """Return the template of the configuration; one that is not valid is told, and the page served without."""
    configuration = load_from_environment()
    for problem in configuration.problems:
        if problem.setting == "log_link":
            say(f"weighbridge: {one_line(str(problem))}", error=True)
    return configuration.settings.log_link


def _token(file: Path, option: str) -> str:
    try:
        token = file.read_text("utf-8").strip()
    except (OSError, UnicodeDecodeError) as error:
        raise CommandError(f"{option} {file} cannot be read: {error}") from None
    try:
        require_token(token)
    except ValueError as error:
        raise CommandError(f"{option} {file}: {error}") from None
    return token


def bound(host: str, port: int) -> socket.socket:
    """Listen there, or say why not."""
    try:
        return listen(host, port)
    except OSError as error:
        raise CommandError(f"cannot listen on {host} port {port}: {error.strerror or error}") from None
