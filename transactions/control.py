"""Applications, settings and the recorder, as a program sees them."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING, Final, cast

from . import configuration, lifecycle
from .late_imports import late_imports
from .log import capture_internal_exception, log_import_failure
from .model.applications import Application
from .model.process import runtime

if TYPE_CHECKING:
    from .configuration import ApplicationSettings, Configuration, Settings

__all__ = [
    "application",
    "application_settings",
    "flush",
    "global_settings",
    "initialize",
    "preload",
    "register_application",
    "shutdown_agent",
    "write_at_once",
]


def application(name: str | None = None) -> Application:
    """The application of that name (``"a;b"`` links), by default the configured one."""
    late_imports.retry()
    runtime.try_load()
    return runtime.resolve_application(name)


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
    return global_settings().for_application(wanted)


def global_settings() -> Settings:
    """The settings in force in this process.

    Where they cannot be read at this moment (there is no free file descriptor,
    say), nothing is measured, and every one of them is ``None``.
    """
    late_imports.retry()
    return runtime.settings if runtime.try_load() else cast("Settings", _UNREAD)


class _Unread:
    """In the place of settings whose modules cannot be imported."""

    def __getattr__(self, name: str) -> None:
        if name.startswith("__"):
            raise AttributeError(name)

    def for_application(self, name: str) -> _Unread:
        """As `Settings.for_application`."""
        return self


_UNREAD: Final = _Unread()


def initialize(
    config_file: str | None = None,
    environment: str | None = None,
    ignore_errors: bool | None = None,
    log_file: str | None = None,
    log_level: str | int | None = None,
) -> None:
    """Read the settings now, and import what measuring takes. Without this call the first transaction does that.

    Args:
        config_file: a TOML or INI file; by default what ``WEIGHBRIDGE_CONFIG_FILE`` names.
        environment: the section of the file that holds, as ``production``.
        ignore_errors: ``False`` raises what is wrong in the configuration; else it is logged.
        log_file: where our own log lines go: a file, ``"stdout"`` or ``"stderr"``.
        log_level: ``critical``, ``error``, ``warning``, ``info`` or ``debug``.

    Raises:
        weighbridge.transactions.configuration.ConfigurationError: something is
            wrong in the configuration and ``ignore_errors`` is ``False``.
        ImportError, OSError: likewise, where what reads it cannot be imported.
    """
    arguments = {"log_file": log_file, "log_level": log_level}
    given = {name: value for name, value in arguments.items() if value is not None}
    late_imports.retry()
    try:
        with late_imports:
            from .configuration.loading import load_from_environment  # noqa: PLC0415  see `RuntimeState.load`
        read = load_from_environment(config_file, environment, given)
    except (ImportError, OSError) as problem:
        if ignore_errors is False:
            raise
        log_import_failure(problem)
        runtime.deferred = partial(initialize, config_file, environment, ignore_errors, log_file, log_level)
        return
    if ignore_errors is False:
        read.require()
    _use(read)
    if ignore_errors is False:
        configuration.current().require()


def _use(read: Configuration) -> None:
    """Put settings into force. What fails after they were read is no matter of the program's."""
    try:
        lifecycle.restart(read)
    except Exception:
        capture_internal_exception("initialize")
    if read.settings.enabled:
        lifecycle.preload()


def preload() -> None:
    """Import all that measuring and writing takes, for the sake of children that this process is going to fork.

    A child that is forked for each job, as RQ does it, imports it otherwise
    again and again. Starts no thread, opens and reads nothing, and may be
    called at any time.
    """
    late_imports.retry()
    lifecycle.preload()


def flush(timeout: float | None = None) -> bool:
    """Write all that has finished to the store now; whether all of it is there.

    Args:
        timeout: seconds to wait at most where another write is under way.
    """
    late_imports.retry()
    try:
        return lifecycle.flush(timeout)
    except Exception:
        capture_internal_exception("flush")
        return False


def shutdown_agent(timeout: float | None = None) -> None:
    """Write what is left and stop the background thread; a transaction that ends later starts it again.

    Args:
        timeout: seconds to wait at most; by default the setting ``shutdown_timeout``.
    """
    try:
        lifecycle.shutdown(timeout)
    except Exception:
        capture_internal_exception("shutdown_agent")


def write_at_once() -> None:
    """The process is about to end in a way that Python is not told of: from now on everything is written as it ends."""
    try:
        lifecycle.write_at_once()
    except Exception:
        capture_internal_exception("write_at_once")
