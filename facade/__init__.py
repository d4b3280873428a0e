"""weighbridge: measure every web request and background job without slowing it down.

The whole public API is importable from this package; `weighbridge.agent` offers
the same names to code that was written for New Relic's agent.
"""

from __future__ import annotations

from weighbridge.transactions import late_imports as _late_imports  # isort: skip  # noqa: F401  first: it watches forks
from typing import TYPE_CHECKING, Final

from weighbridge import middleware
from weighbridge.middleware.lazy_names import load_lazily
from weighbridge.transactions.api import (
    add_custom_attribute,
    add_custom_attributes,
    application,
    application_settings,
    capture_request_params,
    current_transaction,
    end_of_transaction,
    flush,
    global_settings,
    ignore_transaction,
    initialize,
    notice_error,
    preload,
    record_custom_event,
    record_custom_metric,
    record_custom_metrics,
    register_application,
    set_background_task,
    set_transaction_name,
    shutdown_agent,
    suppress_apdex_metric,
    suppress_transaction_trace,
)
from weighbridge.transactions.model.applications import Application
from weighbridge.transactions.model.finished import FinishedTransaction, NoticedError
from weighbridge.transactions.model.naming import callable_name
from weighbridge.transactions.model.transaction import Transaction
from weighbridge.transactions.wrappers.background import (
    BackgroundTask,
    BackgroundTaskWrapper,
    background_task,
    wrap_background_task,
)
from weighbridge.transactions.wrappers.handles import BackgroundTaskHandle, begin_background_task
from weighbridge.transactions.wrappers.renaming import TransactionNameWrapper, transaction_name, wrap_transaction_name
from weighbridge.transactions.wrappers.scheduled import scheduled
from weighbridge.transactions.wrappers.web import (
    WebTransaction,
    WebTransactionWrapper,
    web_transaction,
    wrap_web_transaction,
)

if TYPE_CHECKING:
    from weighbridge.middleware import (
        ASGIApplicationWrapper,
        ASGITransactionMiddleware,
        DjangoTransactionMiddleware,
        WSGIApplicationWrapper,
        WSGITransactionMiddleware,
        asgi_application,
        wrap_asgi_application,
        wrap_wsgi_application,
        wsgi_application,
    )

__all__ = [
    "ASGIApplicationWrapper",
    "ASGITransactionMiddleware",
    "Application",
    "BackgroundTask",
    "BackgroundTaskHandle",
    "BackgroundTaskWrapper",
    "DjangoTransactionMiddleware",
    "FinishedTransaction",
    "NoticedError",
    "Transaction",
    "TransactionNameWrapper",
    "WSGIApplicationWrapper",
    "WSGITransactionMiddleware",
    "WebTransaction",
    "WebTransactionWrapper",
    "add_custom_attribute",
    "add_custom_attributes",
    "application",
    "application_settings",
    "asgi_application",
    "background_task",
    "begin_background_task",
    "callable_name",
    "capture_request_params",
    "current_transaction",
    "end_of_transaction",
    "flush",
    "global_settings",
    "ignore_transaction",
    "initialize",
    "notice_error",
    "preload",
    "record_custom_event",
    "record_custom_metric",
    "record_custom_metrics",
    "register_application",
    "scheduled",
    "set_background_task",
    "set_transaction_name",
    "shutdown_agent",
    "suppress_apdex_metric",
    "suppress_transaction_trace",
    "transaction_name",
    "web_transaction",
    "wrap_asgi_application",
    "wrap_background_task",
    "wrap_transaction_name",
    "wrap_web_transaction",
    "wrap_wsgi_application",
    "wsgi_application",
]

__version__: Final[str] = "0.1.0"
version: Final[str] = __version__
version_info: Final[tuple[int, ...]] = tuple(int(part) for part in version.split(".") if part.isdigit())

if not TYPE_CHECKING:  # with a module `__getattr__` in view, a type checker would accept any name
    load_lazily(__name__, dict.fromkeys(middleware.__all__, middleware.__name__))
