"""The address of a store in PostgreSQL: ``postgresql://user@host:port/database?parameter=value``.

It is taken apart here and given to the driver as keywords, never as one text: a driver
repeats a text that it does not understand, with the password in it.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from typing import Final, NamedTuple
from urllib.parse import unquote

from .environment import read_environment
from .postgresql_parameters import DEFAULT_SCHEMA, PARAMETERS, SSL_MODES, WEAK_SSL_MODES, refusal

__all__ = [
    "DEFAULT_SCHEMA",
    "EXAMPLE",
    "SCHEMES",
    "BadURL",
    "ServerAddress",
    "is_local",
    "is_server_url",
    "masked_place",
    "parse_server_url",
]

SCHEMES: Final = ("postgresql", "postgres")
EXAMPLE: Final = "postgresql://db.example/shop"

_ENCODED: Final = "#, /, ? and @ in a user, password or name must be written as %23, %2F, %3F and %40"
_LOOPBACK: Final = re.compile(r"127(\.[0-9]{1,3}){3}")
_HOST: Final = re.compile(r"(?:\[(?P<ipv6>[^\[\]]+)\]|(?P<name>[^\[\]:]*))(?::(?P<port>[^:]*))?")


class BadURL(ValueError):
    """The address is not valid; the message says why, and never repeats it."""


class ServerAddress(NamedTuple):
    """A database and the schema in it."""

    keywords: Mapping[str, str]
    """By libpq's names; may hold a password."""
    schema: str = DEFAULT_SCHEMA

    @property
    def place(self) -> str:
        """The address for people to read: without user, password and parameters."""
        host = self.keywords.get("host", "")
        port = self.keywords.get("port", "")
        database = self.keywords.get("dbname", "")
        schema = "" if self.schema == DEFAULT_SCHEMA else f"?schema={self.schema}"
        if "service" in self.keywords and not host:
            return f"postgresql:///{database}?service={self.keywords['service']}"
        hosts, ports = host.split(","), port.split(",")
        ports = ports if len(ports) == len(hosts) else ports * len(hosts)  # one of them is that of all
        shown = ",".join(map(_host_with_port, hosts, ports))
        return f"postgresql://{shown}/{database}{schema}"


def is_server_url(store: str) -> bool:
    """Whether a store is the address of a server, and not a file."""
    return store.partition("://")[0] in SCHEMES and "://" in store


def masked_place(store: str) -> str:
    """Return a store for people to read: an address without user and password, anything else as it is."""
    return parse_server_url(store).place if is_server_url(store) else store


def parse_server_url(url: str) -> ServerAddress:
    """Take an address apart.

    Raises:
        BadURL: it is not valid.
    """
    rest, _, query = url.partition("://")[2].partition("?")
    authority, _, database = rest.partition("/")
    credentials, _, hosts = authority.rpartition("@")
    user, has_password, password = credentials.partition(":")
    found = {"user": user, "dbname": database, **_hosts(hosts)}
    keywords = {name: _decoded(name, value) for name, value in found.items() if value}
    if has_password and password:
        keywords["password"] = _decoded("password", password)
    if "@" in query and not credentials:  # a part of the password may stand where the parameters do
        raise BadURL(_ENCODED)
    parameters = _parameters(query, keywords.get("password", ""))
    schema = parameters.pop("schema", DEFAULT_SCHEMA)
    keywords.update(parameters)
    if any(character in database for character in "/#@") or "#" in rest:
        raise BadURL(_ENCODED)
    if "dbname" not in keywords and "service" not in keywords:
        raise BadURL(f"the name of the database is missing, as in {EXAMPLE}")
    _require_as_many(keywords)
    return ServerAddress(_secured(keywords, read_environment()), schema)


def _hosts(hosts: str) -> dict[str, str]:
    """Return host and port; several, with commas between them, are tried in turn."""
    pairs = [_host_and_port(one) for one in hosts.split(",")]
    ports = [port for _, port in pairs]
    return {"host": ",".join(host for host, _ in pairs), "port": ",".join(ports) if any(ports) else ""}


def _host_and_port(host: str) -> tuple[str, str]:
    found = _HOST.fullmatch(host)
    if found is None:
        raise BadURL("[ and ] stand around an IPv6 address, : before a port; in a password they must be encoded")
    name, port = (found["ipv6"] or found["name"]), found["port"] or ""
    if port and not (port.isascii() and port.isdigit() and 0 < int(port) < 65536):
        raise BadURL("the port must be a number from 1 to 65535; : and @ in a password must be written as %3A and %40")
    return name, port


def _parameters(query: str, password: str) -> dict[str, str]:
    found: dict[str, str] = {}
    for pair in filter(None, query.split("&")):
        name, _, value = pair.partition("=")
        if name in {"password", "sslpassword"}:
            raise BadURL("a password is no parameter; see PGPASSFILE and PGPASSWORD")
        if name not in PARAMETERS:
            known = ", ".join(PARAMETERS)
            raise BadURL(
                f"{name if name.isidentifier() else 'something in it'} is no parameter of it; there are: {known}"
            )
        found[name] = _decoded(name, value)
        # What follows an @ may be the host, and this a part of the password.
        if why := refusal(name, found[name], may_show="@" not in query and found[name] != (password or None)):
            raise BadURL(why)
    return found


def _require_as_many(keywords: Mapping[str, str]) -> None:
    """Refuse lists of servers that cannot belong together."""
    servers = max(keywords.get(name, "").count(",") for name in ("host", "hostaddr"))
    for name, may_be_one in (("port", True), ("host", False), ("hostaddr", False)):
        value = keywords.get(name, "")
        if value and value.count(",") != servers and not (may_be_one and "," not in value):
            raise BadURL(f"{name} has {value.count(',') + 1} values, and there are servers: {servers + 1}")


def _decoded(what: str, text: str) -> str:
    if re.search(r"%(?![0-9A-Fa-f]{2})", text):
        raise BadURL(f"a % in the {what} must be written as %25")
    decoded = unquote(text, errors="strict") if text.isascii() else text
    if "\0" in decoded:
        raise BadURL(f"there is a NUL character in the {what}")
    return decoded


def _secured(keywords: dict[str, str], environ: Mapping[str, str]) -> dict[str, str]:
    """Require TLS unless the server is on this machine: by default libpq goes on without it where it is refused.

    What else tells libpq how to connect is obeyed: ``PGSSLMODE``, if it requires TLS, and a service, of which only
    libpq knows what it stands for. Where that leads to is seen once there is a connection.
    """
    mode = keywords.get("sslmode")
    if all(map(is_local, _servers(keywords, environ))):
        return keywords
    if mode in WEAK_SSL_MODES:
        strong = ", ".join(SSL_MODES)
        raise BadURL(f"sslmode={mode} is for a server on this machine; over a network use one of {strong}")
    is_set_elsewhere = "service" in keywords or "PGSERVICE" in environ or environ.get("PGSSLMODE") in SSL_MODES
    return keywords if is_set_elsewhere else {"sslmode": "require", **keywords}


def _servers(keywords: Mapping[str, str], environ: Mapping[str, str]) -> Iterator[str]:
    """Yield the names and numbers of the servers, as far as they are said here."""
    for name, variable in (("host", "PGHOST"), ("hostaddr", "PGHOSTADDR")):
        yield from (keywords.get(name) or environ.get(variable, "")).split(",")


def is_local(host: str) -> bool:
    """Whether a name or number is one of this machine, or a socket in its files; none stands for the socket."""
    return not host or host.startswith(("/", "@")) or host in {"localhost", "::1"} or bool(_LOOPBACK.fullmatch(host))


def _host_with_port(host: str, port: str) -> str:
    shown = "" if host.startswith("/") else f"[{host}]" if ":" in host else host
    return f"{shown}:{port}" if port else shown
