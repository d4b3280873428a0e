"""Applications, settings and the recorder, as a program sees them."""

from __future__ import annotations

from typing import TYPE_CHECKING

from . import configuration, runtime
from .model.applications import Application
from .model.process import here

if TYPE_CHECKING:
    from .configuration import ApplicationSettings, Settings

__all__ = [
    "application",
    "application_settings",
    "flush",
    "global_settings",
    "initialize",
    "register_application",
    "shutdown_agent",
    "write_at_once",
]


def application(name: str | None = None) -> Application:
    """The application of that name (``"a;b"`` links), by default the configured one."""
    here.read()
    return here.application_of(name)


def register_application(name: str | None = None, timeout: float | None = None) -> Application:
    """The application of that name; nothing needs to be registered, the first transaction is recorded.

    Args:
        name: as for `application`.
        timeout: seconds to wait for a registration elsewhere, of which there is none.
    """
    return application(name)


def application_settings(name: str | None = None) -> ApplicationSettings:
    """The settings in force for an application."""
    wanted = application(name)
    return here.settings.for_application(wanted)


def global_settings() -> Settings:
    """The settings in force in this process."""
    here.read()
    return here.settings


def initialize(
    config_file: str | None = None,
    environment: str | None = None,
    ignore_errors: bool | None = None,
    log_file: str | None = None,
    log_level: str | int | None = None,
) -> None:
    """Read the settings now. Without this call they are read when the first transaction starts.

    Args:
        config_file: a TOML or INI file; by default what ``WEIGHBRIDGE_CONFIG_FILE`` names.
        environment: the section of the file that holds, as ``production``.
        ignore_errors: ``False`` raises what is wrong in the configuration; else it is logged.
        log_file: where our own log lines go: a file, ``"stdout"`` or ``"stderr"``.
        log_level: ``critical``, ``error``, ``warning``, ``info`` or ``debug``.

    Raises:
        weighbridge.transactions.configuration.ConfigurationError: something is
            wrong in the configuration and ``ignore_errors`` is ``False``.
    """
    arguments = {"log_file": log_file, "log_level": log_level}
    given = {name: value for name, value in arguments.items() if value is not None}
    read = configuration.load_from_environment(config_file, environment, given)
    if ignore_errors is False:
        read.require()
    runtime.renew(read)
    if ignore_errors is False:
        configuration.current().require()


def flush(timeout: float | None = None) -> bool:
    """Write all that has finished to the store now; whether all of it is there.

    Args:
        timeout: seconds to wait at most where another write is under way.
    """
    return runtime.flush(timeout)


def shutdown_agent(timeout: float | None = None) -> None:
    """Write what is left and stop the background thread; a transaction that ends later starts it again.

    Args:
        timeout: seconds to wait at most; by default the setting ``shutdown_timeout``.
    """
    runtime.shutdown(timeout)


def write_at_once() -> None:
    """The process is about to end in a way that Python is not told of: from now on everything is written as it ends."""
    runtime.write_at_once()
