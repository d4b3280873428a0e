"""What the ``OTEL_*`` variables ask for, read as OpenTelemetry's specification has them.

An empty variable counts as one that is not set, and one of a signal (``OTEL_EXPORTER_OTLP_METRICS_HEADERS``) takes the
place of the one of all (``OTEL_EXPORTER_OTLP_HEADERS``).
"""

from __future__ import annotations

import base64
import re
from collections.abc import Callable, Iterator, Mapping
from contextlib import suppress
from dataclasses import dataclass
from hashlib import pbkdf2_hmac
from pathlib import Path
from typing import Final, Literal, TypeVar
from urllib.parse import SplitResult, unquote, urlsplit

__all__ = [
    "BadVariable",
    "Endpoint",
    "HistogramForm",
    "Temporality",
    "Variables",
    "read_variables",
]

Temporality = Literal["cumulative", "delta"]
HistogramForm = Literal["explicit", "exponential"]
Signal = Literal["METRICS", "TRACES"]

_T = TypeVar("_T")

_DEFAULT: Final = "http://localhost:4318"
_PREFIX: Final = "OTEL_EXPORTER_OTLP_"
_TOKEN: Final = re.compile(r"[!#$%&'*+.^_`|~0-9A-Za-z-]+")
_ROUNDS: Final = 100_000
_SHORT: Final = 0.5
"""Seconds; whoever writes a shorter timeout has most likely thought in seconds, as some libraries do."""
_DISABLED: Final = "OTEL_SDK_DISABLED"
_NO_BOOLEAN: Final = "{} is {!r}, which OpenTelemetry's specification takes for false; only true means yes"
_TOO_SHORT: Final = (
    "{} gives a receiver {:g} milliseconds to answer: OpenTelemetry's specification, unlike its library for Python,"
    " counts in milliseconds"
)


class BadVariable(ValueError):
    """A variable has a value that cannot be used; the message names both, and what would be right."""


@dataclass(frozen=True, repr=False)
class Endpoint:
    """Where and how one signal is sent."""

    scheme: str
    host: str
    port: int
    target: str
    """Path and query."""
    headers: Mapping[str, str]
    timeout: float
    """Seconds that sending one request may take."""
    gzip: bool
    certificate: str | None
    """File of the authorities that may have signed the receiver's certificate; ``None``: those of the system."""
    client_certificate: str | None
    client_key: str | None

    @property
    def place(self) -> str:
        """The address for people to read: without credentials, which may be in its query, too."""
        host = f"[{self.host}]" if ":" in self.host else self.host
        return f"{self.scheme}://{host}:{self.port}{self.target.partition('?')[0]}"

    @property
    def account(self) -> str:
        """The address, with a mark that tells accounts there apart; too short for a password to be found by it."""
        query = self.target.partition("?")[2]
        told = [*([query] if query else []), *(f"{name}: {value}" for name, value in sorted(self.headers.items()))]
        if not told:
            return self.place
        mark = pbkdf2_hmac("sha256", "\n".join(told).encode(), self.place.encode(), _ROUNDS, 4)
        return f"{self.place} {mark.hex()}"

    def credentials(self) -> Iterator[str]:
        """Yield all that may be a credential, whole and in parts: of headers, of the address, and of its query."""
        for value in self.headers.values():
            yield value
            yield from value.split()
        scheme, _, coded = self.headers.get("authorization", "").partition(" ")
        if scheme.lower() == "basic":
            with suppress(ValueError):
                decoded = base64.b64decode(coded).decode()
                yield from (decoded, decoded.partition(":")[2])
        query = self.target.partition("?")[2]
        for pair in query.split("&"):
            value = pair.partition("=")[2] or pair
            yield from (pair, value, unquote(value))

    def __repr__(self) -> str:
        """Show no credentials."""
        return f"Endpoint({self.place})"


@dataclass(frozen=True)
class Variables:
    """All that was asked for."""

    metrics: Endpoint | None
    """``None``, like that of traces, if they are not sent."""
    traces: Endpoint | None
    temporality: Temporality
    histogram: HistogramForm
    interval: float
    """Seconds between two exports."""
    resource: Mapping[str, str]
    """Attributes of what reports, besides those that the store tells."""
    is_disabled: bool
    notes: tuple[str, ...]
    """What is most likely not meant as it is written."""


_NOTHING: Final = Variables(None, None, "cumulative", "explicit", 60.0, {}, is_disabled=True, notes=())


def read_variables(environment: Mapping[str, str], metrics: bool = True, traces: bool = True) -> Variables:
    """Read the variables from an environment; if nothing is to be sent, the others do not matter.

    Args:
        environment: their values by name.
        metrics: whether metrics are sent; variables that only they need are not looked at otherwise.
        traces: whether traces are, likewise.

    Raises:
        BadVariable: one of them cannot be used.
    """
    reading = _Reading(environment)
    if reading.is_true(_DISABLED):
        return _NOTHING
    return Variables(
        reading.endpoint("METRICS") if metrics else None,
        reading.endpoint("TRACES") if traces else None,
        reading.one_of(f"{_PREFIX}METRICS_TEMPORALITY_PREFERENCE", _TEMPORALITIES, "cumulative"),
        reading.one_of(f"{_PREFIX}METRICS_DEFAULT_HISTOGRAM_AGGREGATION", _HISTOGRAMS, "explicit"),
        reading.milliseconds(("OTEL_METRIC_EXPORT_INTERVAL",), 60_000.0),
        reading.pairs(("OTEL_RESOURCE_ATTRIBUTES",)),
        False,
        tuple(reading.notes),
    )


_TEMPORALITIES: Final[Mapping[str, Temporality]] = {
    "cumulative": "cumulative",
    "delta": "delta",
    "lowmemory": "delta",  # cumulative for asynchronous counters only; all of these are counted as things happen
}
_HISTOGRAMS: Final[Mapping[str, HistogramForm]] = {
    "explicit_bucket_histogram": "explicit",
    "base2_exponential_bucket_histogram": "exponential",
}
_PROTOCOLS: Final[Mapping[str, str]] = {"http/protobuf": "http/protobuf"}
_COMPRESSIONS: Final[Mapping[str, bool]] = {"gzip": True, "none": False}


class _Reading:
    """Reads one variable after the other."""

    def __init__(self, environment: Mapping[str, str]) -> None:
        self._environment = environment
        self.notes: dict[str, None] = {}

    def first(self, names: tuple[str, ...]) -> tuple[str, str] | None:
        """Return the first of these variables that is set, with its value."""
        found = ((name, self._environment.get(name, "").strip()) for name in names)
        return next(((name, value) for name, value in found if value), None)

    def endpoint(self, signal: Signal) -> Endpoint:
        """Return where a signal is sent."""

        def names(name: str) -> tuple[str, ...]:
            return (f"{_PREFIX}{signal}_{name}", f"{_PREFIX}{name}")

        self._of(names("PROTOCOL"), _PROTOCOLS, "http/protobuf")
        url, own_headers = self._url(signal)
        headers = {name.lower(): value for name, value in self.pairs(names("HEADERS"), _checked_header).items()}
        certificate, key = self._file(names("CLIENT_CERTIFICATE")), self._file(names("CLIENT_KEY"))
        if key is not None and certificate is None:
            raise BadVariable(f"{self._name(names('CLIENT_KEY'))} needs {names('CLIENT_CERTIFICATE')[1]} beside it")
        return Endpoint(
            url.scheme,
            url.hostname or "",
            url.port or (443 if url.scheme == "https" else 80),
            (url.path or "/") + (f"?{url.query}" if url.query else ""),
            {**own_headers, **headers},
            self._timeout(names("TIMEOUT")),
            self._of(names("COMPRESSION"), _COMPRESSIONS, False),
            self._file(names("CERTIFICATE")),
            certificate,
            key,
        )

    def _url(self, signal: Signal) -> tuple[SplitResult, Mapping[str, str]]:
        """Return the address, and the header that a user and password in it stand for."""
        own = f"{_PREFIX}{signal}_ENDPOINT"
        name, value = self.first((own, f"{_PREFIX}ENDPOINT")) or ("", _DEFAULT)
        url = _parsed(value)
        if url is None:
            raise BadVariable(f"{name} is no address of a receiver; one is http://localhost:4318 or https://host")
        headers: dict[str, str] = {}
        if url.username is not None:
            credentials = f"{unquote(url.username)}:{unquote(url.password or '')}".encode()
            headers["authorization"] = f"Basic {base64.b64encode(credentials).decode()}"
        if name != own:
            url = url._replace(path=f"{url.path.rstrip('/')}/v1/{signal.lower()}")
        return url, headers

    def is_true(self, name: str) -> bool:
        """Whether a variable is true; everything else is false, though it may be meant otherwise."""
        _, value = self.first((name,)) or ("", "false")
        if value.lower() not in {"true", "false"}:
            self.notes[_NO_BOOLEAN.format(name, value)] = None
        return value.lower() == "true"

    def one_of(self, name: str, choices: Mapping[str, _T], default: _T) -> _T:
        """Return what one of several words stands for."""
        return self._of((name,), choices, default)

    def _of(self, names: tuple[str, ...], choices: Mapping[str, _T], default: _T) -> _T:
        name, value = self.first(names) or ("", "")
        if not name:
            return default
        if value.lower() not in choices:
            raise BadVariable(f"{name} is {value!r}; it must be {' or '.join(choices)}")
        return choices[value.lower()]

    def _timeout(self, names: tuple[str, ...]) -> float:
        timeout = self.milliseconds(names, 10_000.0)
        if timeout < _SHORT:
            self.notes[_TOO_SHORT.format(self._name(names), timeout * 1000)] = None
        return timeout

    def milliseconds(self, names: tuple[str, ...], default: float) -> float:
        """Return a duration in seconds."""
        name, value = self.first(names) or ("", str(default))
        try:
            duration = float(value) / 1000
        except ValueError:
            duration = 0.0
        if not 0.001 <= duration <= 86400:
            raise BadVariable(f"{name} is {value!r}; it must be a number of milliseconds, from 1 to a day")
        return duration

    def pairs(
        self, names: tuple[str, ...], check: Callable[[str, str], bool] = lambda key, value: True
    ) -> dict[str, str]:
        """Return ``key=value,key=value``, percent-decoded."""
        name, text = self.first(names) or ("", "")
        found: dict[str, str] = {}
        for place, pair in enumerate(filter(str.strip, text.split(",")), 1):
            key, sign, value = (unquote(part.strip()) for part in pair.partition("="))
            if not sign or not key or not check(key, value):  # the value may be a credential: it is not shown
                raise BadVariable(f"pair {place} of {name} is not of the form key=value")
            found[key] = value
        return found

    def _file(self, names: tuple[str, ...]) -> str | None:
        name, value = self.first(names) or ("", "")
        if not name:
            return None
        try:
            with Path(value).open("rb"):
                return value
        except (OSError, ValueError) as error:
            why = getattr(error, "strerror", None) or str(error)
            raise BadVariable(f"{name} is {value!r}, a file that cannot be read: {why}") from None

    def _name(self, names: tuple[str, ...]) -> str:
        return (self.first(names) or names)[0]


def _checked_header(key: str, value: str) -> bool:
    return _TOKEN.fullmatch(key) is not None and value.isprintable() and value.isascii()


def _parsed(address: str) -> SplitResult | None:
    """Return the parts of an address; ``None`` if nobody can be reached by it."""
    try:
        url = urlsplit(address)
        is_right = url.scheme in {"http", "https"} and bool((url.hostname or "").encode("idna")) and url.port != 0
    except ValueError:
        return None
    return url if is_right and address.isascii() and address.isprintable() and " " not in address else None
