"""Measure transactions: the model, the current context, the public API, the recorder and the store."""

from __future__ import annotations

from . import late_imports as _late_imports  # isort: skip  # noqa: F401  must come first: it registers fork hooks
from . import lifecycle
from .api import (
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
    register_application,
    set_background_task,
    set_transaction_name,
    shutdown_agent,
    suppress_apdex_metric,
    suppress_transaction_trace,
)
from .model.applications import Application
from .model.finished import FinishedTransaction, NoticedError
from .model.naming import callable_name
from .model.transaction import Transaction
from .wrappers.background import BackgroundTask, BackgroundTaskWrapper, background_task, wrap_background_task
from .wrappers.renaming import TransactionNameWrapper, transaction_name, wrap_transaction_name
from .wrappers.web import WebTransaction, WebTransactionWrapper, web_transaction, wrap_web_transaction

__all__ = [
    "Application",
    "BackgroundTask",
    "BackgroundTaskWrapper",
    "FinishedTransaction",
    "NoticedError",
    "Transaction",
    "TransactionNameWrapper",
    "WebTransaction",
    "WebTransactionWrapper",
    "add_custom_attribute",
    "add_custom_attributes",
    "application",
    "application_settings",
    "background_task",
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
    "register_application",
    "set_background_task",
    "set_transaction_name",
    "shutdown_agent",
    "suppress_apdex_metric",
    "suppress_transaction_trace",
    "transaction_name",
    "web_transaction",
    "wrap_background_task",
    "wrap_transaction_name",
    "wrap_web_transaction",
]

lifecycle.install()
