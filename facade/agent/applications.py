"""Applications with the methods and properties that the agent gives them."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from typing import Any, Final

import weighbridge
from weighbridge.agent.pass_through import Method, say_unused
from weighbridge.agent.settings import Settings, global_settings

__all__ = ["Application", "application", "application_settings", "face_of", "register_application"]


class Application(weighbridge.Application):
    """An application as the agent shows it. It is its name, as every application here is."""

    enabled: bool = True
    """Whether it reports; setting it has no effect."""

    @property
    def active(self) -> bool:
        """Whether transactions are recorded: no registration is needed."""
        return weighbridge.global_settings().enabled

    @property
    def linked_applications(self) -> list[str]:
        """Names of the applications that receive the same data."""
        return list(self.linked)

    @property
    def settings(self) -> Settings:
        """The settings in force for it."""
        return Settings(self)

    @property
    def global_settings(self) -> Settings:
        """The settings in force for all."""
        return global_settings()

    def record_custom_metric(self, name: str, value: Any) -> None:
        """Record a custom metric: see `weighbridge.record_custom_metric`."""
        weighbridge.record_custom_metric(name, value, self)

    def record_custom_metrics(self, metrics: Iterable[tuple[str, Any]]) -> None:
        """Record several custom metrics."""
        weighbridge.record_custom_metrics(metrics, self)

    def record_custom_event(self, event_type: str, params: Mapping[str, Any] | None = None) -> None:
        """Record a custom event: see `weighbridge.record_custom_event`."""
        weighbridge.record_custom_event(event_type, params, self)

    def notice_error(
        self,
        error: Any = None,
        attributes: Any = None,
        expected: Any = None,
        ignore: Any = None,
        status_code: Any = None,
    ) -> None:
        """Record an error of the current transaction; outside one nothing is recorded, which is logged once."""
        if weighbridge.current_transaction() is None:
            say_unused("Application.notice_error outside a transaction")
        weighbridge.notice_error(error, attributes, expected, ignore, status_code)

    def activate(self, timeout: float | None = None, *args: Any) -> None:
        """Return at once: nothing needs to be activated."""

    def shutdown(self) -> None:
        """Write what is left: see `weighbridge.shutdown_agent`."""
        weighbridge.shutdown_agent()

    def normalize_name(self, name: str, rule_type: str = "url") -> tuple[str, bool]:
        """Return the name unchanged, and that it is not to be ignored."""
        return name, False

    @staticmethod
    def run_on_initialization(name: str, callback: Callable[..., Any]) -> None:
        """Do nothing: there is no registration to wait for."""
        say_unused("Application.run_on_initialization")

    link_to_application: Final = Method()
    record_dimensional_metric: Final = Method()
    record_dimensional_metrics: Final = Method()
    record_log_event: Final = Method()
    record_ml_event: Final = Method()
    record_transaction: Final = Method()


def face_of(found: weighbridge.Application) -> Application:
    """Return an application with the agent's methods."""
    return found if isinstance(found, Application) else Application(found.name, found.linked)


def application(name: str | None = None, activate: bool = True) -> Application:
    """Return the application, as `weighbridge.application` does; nothing needs to be activated."""
    return face_of(weighbridge.application(name))


def register_application(name: str | None = None, timeout: float | None = None) -> Application:
    """Return the application: see `weighbridge.register_application`."""
    return application(name)


def application_settings(name: str | None = None) -> Settings:
    """Return the settings in force for an application, as the agent shows them."""
    return Settings(application(name))
