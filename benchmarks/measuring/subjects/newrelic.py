"""The New Relic agent in its developer mode, which sends nothing."""

from __future__ import annotations

import os
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

_NAME = "benchmark"
os.environ |= {
    "NEW_RELIC_APP_NAME": _NAME,
    "NEW_RELIC_DEVELOPER_MODE": "true",
    "NEW_RELIC_LICENSE_KEY": "0" * 40,
    "NEW_RELIC_LOG": os.devnull,
}

from newrelic import agent  # noqa: E402  reads the settings above
from newrelic.core.agent import agent_instance  # noqa: E402

from .subject import ASGIApplication, Subject  # noqa: E402

if TYPE_CHECKING:
    from _typeshed.wsgi import WSGIApplication

__all__ = ["Measured"]


class Measured(Subject):
    """Its WSGI and ASGI wrappers and its decorator."""

    def __init__(self) -> None:
        agent.initialize()
        agent.register_application(timeout=30.0)
        self._application = agent_instance().application(_NAME)
        self._recorded = 0
        self._count_recorded()

    def _count_recorded(self) -> None:
        record = self._application.record_transaction

        def counting(data: Any) -> None:
            record(data)
            self._recorded += 1

        self._application.record_transaction = counting

    def wsgi(self, app: WSGIApplication) -> WSGIApplication:
        return agent.WSGIApplicationWrapper(app)  # type: ignore[no-any-return]

    def asgi(self, app: ASGIApplication) -> ASGIApplication:
        return agent.ASGIApplicationWrapper(app)  # type: ignore[no-any-return]

    def task(self, function: Callable[..., Any]) -> Callable[..., Any]:
        traced: Callable[..., Any] = agent.background_task()(function)
        return traced

    def settle(self) -> None:
        self._application.collect(shutdown=False, flexible=False)

    def recorded(self) -> int:
        return self._recorded
