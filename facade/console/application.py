"""The page itself: a request and the store in, a response out, with no other I/O than the store's."""

from __future__ import annotations

import hashlib
import os
import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import replace
from functools import cache, partial
from pathlib import Path
from types import MappingProxyType
from typing import Any, Final, NamedTuple

from weighbridge.reporting.first_steps import NOTHING_YET, is_missing
from weighbridge.reporting.json_csv import as_csv
from weighbridge.reporting.report import UnknownName, require_known
from weighbridge.transactions.configuration.link_template import read_link_template
from weighbridge.transactions.configuration.values import read_store
from weighbridge.transactions.store.reader import Selection, StoreReader, StoreUnreadable

from . import marks, queries
from .access import Access, asked_page, completed
from .http import Request, Response, redirect, text
from .json_output import as_json
from .log_link import linked_attributes, log_link
from .models import MarkComparison, SamplePage
from .parameters import BadParameter, State, parse
from .rendering import NOT_BY_PART, STATIC, render

__all__ = ["Console"]

_Answer = Callable[[StoreReader, State, float], Any]
_Written = Callable[[], Response]


class _Page(NamedTuple):
    """A page: its title, and the query that answers it."""

    title: str
    answer: Callable[..., Any]
    of_one: bool = True
    """Whether it shows one application."""
    needs: tuple[str, ...] = ()
    """The parameters that it requires."""
    by_part: bool = False
    """Whether it can show one host, or one version, alone."""
    json_has_more: bool = False
    """Whether the query can leave out what only the JSON has."""

    def read(self, reader: StoreReader, state: State, now: float, in_full: bool) -> Any:
        """Return what the query finds, with or without what only the JSON has."""
        return self.answer(reader, state, now, **{} if in_full or not self.json_has_more else {"in_full": False})


PAGES: Final[Mapping[str, _Page]] = MappingProxyType(
    {
        "summary": _Page("Summary", queries.summary, by_part=True, json_has_more=True),
        "transactions": _Page("Transactions", queries.transactions, json_has_more=True),
        "transaction": _Page("Transaction", queries.transaction, needs=("app", "group", "name"), json_has_more=True),
        "sample": _Page("Sample", queries.sample, needs=("app", "group", "name", "sample")),
        "samples": _Page("Samples", queries.samples, by_part=True),
        "errors": _Page("Errors", queries.errors, by_part=True, json_has_more=True),
        "error": _Page("Error group", queries.error, needs=("app", "error"), by_part=True),
        "jobs": _Page("Jobs", queries.jobs),
        "applications": _Page("Applications", queries.applications, of_one=False, json_has_more=True),
        "running": _Page("Running now", queries.running, of_one=False, by_part=True),
        "custom": _Page("Metrics and events", queries.custom),
    }
)
_CSV: Final[Mapping[str, Callable[[StoreReader, State, float], str]]] = MappingProxyType(
    {
        "transactions.csv": lambda reader, state, now: as_csv(queries.report(reader, state, now)),
        "samples.csv": lambda reader, state, now: queries.samples_csv(queries.samples(reader, state, now)),
    }
)
API_ALONE: Final[Mapping[str, _Answer]] = MappingProxyType(
    {"api/alerts": marks.alerts_page, "api/hosts": queries.hosts, "api/marks": marks.marks_page}
)
"""What has no page of its own."""
COMPARABLE: Final = frozenset({"summary", "transactions", "transaction", "errors", "jobs"})
"""The pages that show figures before and after a mark."""
_OF_SAMPLES: Final = frozenset({"samples", "sample"})
"""The pages whose addresses say which samples are chosen."""
_NO_SAMPLE: Final = (
    "This sample is not kept any more: samples expire after some days (the setting keep_samples),"
    " and of each transaction and hour only the slowest and the latest failed ones are kept."
)
_NO_GROUP: Final = "This error group is not kept any more, or it is one of another application."
_TYPES: Final = MappingProxyType(
    {".css": "text/css", ".js": "text/javascript", ".svg": "image/svg+xml", ".txt": "text/plain"}
)


class Console:
    """The APM page for one store, which it only reads.

    Args:
        store: the file; it need not exist yet.
        token: requests without it get a form that asks for it; ``None``: no token is needed.
        hosts: names, in addition to loopback names, by which the page may be reached.
        clock: returns the time in epoch seconds.
        log_link: a template of links to the log lines of samples, as the setting of that name has it.

    Raises:
        ValueError: the token has fewer than 16 characters, or others than printable ASCII; ``store`` is not a valid
            store; or ``log_link`` is not a valid template.
    """

    def __init__(
        self,
        store: str | os.PathLike[str],
        token: str | None = None,
        hosts: Iterable[str] = (),
        clock: Callable[[], float] = time.time,
        log_link: str | None = None,
    ) -> None:
        self._reader = StoreReader(read_store(store))
        self._access = Access(token, hosts)
        self._clock = clock
        self._log_link = None if log_link is None else read_link_template(log_link)

    def close(self) -> None:
        """Close the store."""
        self._reader.close()

    def respond(self, request: Request) -> Response:
        """Return the response to any request."""
        return completed(request, self._guarded(request))

    def _guarded(self, request: Request) -> Response:
        if not self._access.knows_host(request):
            return text(421, "text/plain", "This page is not served under that host name; see --allow-host.\n")
        if request.path.startswith("/static/"):
            return _static(request.path)
        if request.path == "/login" and request.method == "POST":
            return self._access.log_in(request) or _token_form(request, asked_page(request), "That is not the token.")
        if not self._access.admits(request):
            return _login(request)
        if request.method not in {"GET", "HEAD"}:
            return text(405, "text/plain", "This page only reads: use GET.\n", ("allow", "GET, HEAD"))
        return self._shown(request)

    def _shown(self, request: Request) -> Response:
        name, now = request.path.strip("/"), self._clock()
        try:
            state = parse(request.query, by_browser=not name.startswith("api/"))
            special = self._special(request, name, state, now)
            if special is not None:
                return special
            with self._reader.at_one_moment():
                written = self._page(request, name, state, now)
            return written()  # when nobody waits for the store any more
        except BadParameter as error:
            return _problem(request, 400, str(error), error.name)
        except UnknownName as error:
            return _problem(request, 404, f"{error}.", applications=error.applications)
        except StoreUnreadable as error:
            return self._unreadable(request, error)

    def _unreadable(self, request: Request, error: StoreUnreadable) -> Response:
        store = self._reader.path
        if not is_missing(store):
            return _problem(request, 503, str(error))
        return _problem(request, 503, f"{NOTHING_YET}: {error}", looked_for=store)

    def _special(self, request: Request, name: str, state: State, now: float) -> Response | None:
        """Return the response to a request for anything but a page of figures; ``None`` if it asks for one."""
        if name == "api":
            return _html(request, 200, "api.html", page=name, title="API", state=state, window=state.window(now))
        require_known(self._reader, Selection(state.app or None))
        if not name:
            opened = queries.landing(self._reader, state, now)
            return redirect(f"{request.root}/{'summary' if opened.app else 'applications'}?{opened.query()}")
        if name in {"api/hosts", "transactions.csv"}:
            _refuse_parts(state)
        if name in API_ALONE:
            return _json(API_ALONE[name](self._reader, state, now))
        if name in _CSV:
            return _csv(name, _CSV[name](self._reader, self._known(self._named(state, now)), now))
        return None

    def _page(self, request: Request, name: str, state: State, now: float) -> _Written:
        """Read all that a page or its JSON shows; what is returned writes it."""
        wanted, is_api = name.removeprefix("api/"), name.startswith("api/")
        if wanted not in PAGES:
            return partial(_problem, request, 404, "There is no such page.")
        page = PAGES[wanted]
        if is_api and not page.by_part:
            _refuse_parts(state)
        state = self._named(state, now) if page.of_one else state
        state = state if wanted in _OF_SAMPLES else state.unfiltered
        _require(state, page.needs)
        if "name" in page.needs or wanted == "samples":
            state = self._known(state)
        answer = page.read(self._reader, state, now, in_full=is_api)
        if answer is None:
            return partial(_problem, request, 404, _NO_GROUP if wanted == "error" else _NO_SAMPLE)
        if not self._access.shows_tracebacks(request) and hasattr(answer, "without_tracebacks"):
            answer = answer.without_tracebacks()
        if self._log_link and isinstance(answer, SamplePage):
            answer = replace(answer, log_link=log_link(self._log_link, answer.sample.transaction.attributes))
        if is_api:
            return partial(_json, answer)
        window = getattr(answer, "window", state.window(now))
        return partial(
            _html, request, 200, f"{wanted}.html", page=wanted, title=page.title, state=state, answer=answer,
            window=window, now=now, names=self._names(state, now), filters=self._filters(state), by_part=page.by_part,
            former_bins=self._reader.has_former_bins(window), health=self._reader.health(),
            lost=self._reader.dropped(window, state.app or None), comparable=wanted in COMPARABLE,
            alerts=marks.alerts_to_show(self._reader, now),
            marks=self._reader.marks(window, state.app or None) if page.of_one else [],
            linked=linked_attributes(self._log_link) if self._log_link else (),
            at_mark=self._at_mark(wanted, state, now) if wanted in COMPARABLE else None,
        )  # fmt: skip

    def _at_mark(self, page: str, state: State, now: float) -> MarkComparison | None:
        """Return the figures of a page before and after the mark that is chosen, if one is."""
        of_all = state if PAGES[page].by_part else state.changed(host="", version="")
        if page == "jobs":
            return marks.comparison_at_mark(self._reader, of_all.changed(kind="background"), now, state.queue)
        return marks.comparison_at_mark(self._reader, of_all, now)

    def _known(self, state: State) -> State:
        """Require that the transaction exists, if one is named."""
        if state.group and state.name:
            require_known(self._reader, Selection(state.app, state.kind, state.group, state.name))
        return state

    def _names(self, state: State, now: float) -> list[str]:
        """Return the applications to choose from: those of the time range, or all if it has none."""
        names = self._reader.application_names(state.window(now)) or self._reader.known_applications()
        return names if state.app in ("", *names) else sorted([*names, state.app], key=str.casefold)

    def _filters(self, state: State) -> dict[str, list[str]]:
        """Return the hosts and versions to choose from, where there are several to choose from."""
        known = {
            "host": self._reader.known_parts("host", state.app or None),
            "version": self._reader.known_parts("version", state.app or None),
        }
        for part, names in known.items():
            chosen = getattr(state, part)
            if chosen and chosen not in names:
                names.append(chosen)
        return {part: names for part, names in known.items() if len(names) > 1 or getattr(state, part)}

    def _named(self, state: State, now: float) -> State:
        return state if state.app else state.changed(app=queries.first_application(self._reader, state.window(now)))


def _refuse_parts(state: State) -> None:
    """Refuse a host or a version where all are counted together, rather than answer something else."""
    for part in ("host", "version"):
        if getattr(state, part):
            raise BadParameter(part, f"is for summary, samples, errors, error and running; {NOT_BY_PART}")


def _require(state: State, needed: Iterable[str]) -> None:
    for name in needed:
        if not getattr(state, name):
            raise BadParameter(name, f"is missing: which {name if name in ('sample', 'error') else 'transaction'}?")


def _html(request: Request, status: int, template: str, **values: Any) -> Response:
    return text(status, "text/html", render(template, root=request.root, version=_version(), **values))


def _json(answer: object) -> Response:
    return text(200, "application/json", as_json(answer))


def _csv(name: str, body: str) -> Response:
    named = ("content-disposition", f'attachment; filename="{name}"')
    return text(200, "text/csv", f"{body}\n", named)


def _problem(
    request: Request,
    status: int,
    message: str,
    parameter: str = "",
    applications: Sequence[str] = (),
    looked_for: str = "",
) -> Response:
    if request.path.startswith("/api/"):
        told = {"error": message, "parameter": parameter} if parameter else {"error": message}
        return text(status, "application/json", as_json(told))
    values = {
        "code": status,
        "message": message,
        "applications": applications,
        "looked_for": looked_for,
    }
    return _html(request, status, "problem.html", title="Problem", **values)


def _login(request: Request) -> Response:
    if request.path.startswith("/api/"):
        return text(401, "application/json", as_json({"error": "the token is missing or wrong"}))
    page = request.path if request.path.strip("/") in PAGES else "/"
    back = f"{page.lstrip('/')}?{request.query}" if request.query and page != "/" else page.lstrip("/")
    return _token_form(request, back)


def _token_form(request: Request, back: str, message: str = "") -> Response:
    return _html(request, 401, "login.html", message=message, title="Token", back=back)


def _static(path: str) -> Response:
    name = path.removeprefix("/static/")
    if name not in _static_names():
        return text(404, "text/plain", "There is no such file.\n")
    file = STATIC / name
    headers = (
        ("content-type", f"{_TYPES[file.suffix]}; charset=utf-8"),
        ("cache-control", "public, max-age=31536000, immutable"),
    )
    return Response(200, headers, _content(file))


@cache
def _static_names() -> frozenset[str]:
    return frozenset(file.name for file in STATIC.iterdir() if file.suffix in _TYPES)


@cache
def _content(file: Path) -> bytes:
    return file.read_bytes()


@cache
def _version() -> str:
    """Return a version that changes whenever a static file does, as browsers cache those forever."""
    digest = hashlib.sha256()
    for name in sorted(_static_names()):
        digest.update(_content(STATIC / name))
    return digest.hexdigest()[:12]
