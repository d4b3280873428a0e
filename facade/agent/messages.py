"""Transactions of messages that are being handled: ``OtherTransaction/Message/<library>/<type>/Named/<name>``."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import weighbridge
from weighbridge.agent.transactions import BackgroundTask
from weighbridge.transactions.model.applications import ApplicationArgument
from weighbridge.transactions.wrappers.callables import Decorated
from weighbridge.transactions.wrappers.opening import TextArgument

__all__ = ["MessageTransaction", "MessageTransactionWrapper", "message_transaction", "wrap_message_transaction"]


def _together(pattern: str, *parts: Any) -> TextArgument:
    """Return the parts in a pattern; a function of the call's arguments, if one of the parts is."""
    if not any(map(callable, parts)):
        return pattern.format(*parts)

    def evaluate(*args: Any, **kwargs: Any) -> str:
        return pattern.format(*(part(*args, **kwargs) if callable(part) else part for part in parts))

    return evaluate


def _name_and_group(library: Any, destination_type: Any, destination_name: Any) -> tuple[TextArgument, TextArgument]:
    return _together("Named/{}", destination_name), _together("Message/{}/{}", library, destination_type)


def message_transaction(
    library: TextArgument,
    destination_type: TextArgument,
    destination_name: TextArgument,
    application: ApplicationArgument = None,
    *details: Any,
    **more_details: Any,
) -> Callable[[Decorated], Decorated]:
    """Measure every call of the decorated callable as the handling of a message: a background task.

    Args:
        library: what the message came with, such as ``RabbitMQ``; like the next two, a
            text or a callable that takes the call's arguments and returns it.
        destination_type: ``Queue``, ``Topic``, ``Exchange``.
        destination_name: the name of that.
        application: as for `weighbridge.background_task`.
        details: accepted and not used, as are those by name (``routing_key``, ``headers``...).
    """
    name, group = _name_and_group(library, destination_type, destination_name)
    return weighbridge.background_task(application, name, group)


def MessageTransactionWrapper(  # noqa: N802  the agent's name
    wrapped: Decorated,
    library: TextArgument,
    destination_type: TextArgument,
    destination_name: TextArgument,
    application: ApplicationArgument = None,
    *details: Any,
    **more_details: Any,
) -> Decorated:
    """Return a wrapper of ``wrapped`` whose calls are measured as by `message_transaction`."""
    name, group = _name_and_group(library, destination_type, destination_name)
    return weighbridge.BackgroundTaskWrapper(wrapped, application, name, group)


def wrap_message_transaction(
    module: Any,
    object_path: str,
    library: TextArgument,
    destination_type: TextArgument,
    destination_name: TextArgument,
    application: ApplicationArgument = None,
    *details: Any,
    **more_details: Any,
) -> None:
    """Replace ``module``'s attribute at a dotted path by its measured wrapper: see `message_transaction`."""
    name, group = _name_and_group(library, destination_type, destination_name)
    weighbridge.wrap_background_task(module, object_path, application, name, group)


class MessageTransaction(BackgroundTask):
    """Measure a block of code as the handling of a message; the arguments are those of `message_transaction`."""

    def __init__(
        self,
        library: TextArgument,
        destination_type: TextArgument,
        destination_name: TextArgument,
        application: ApplicationArgument = None,
        *details: Any,
        **more_details: Any,
    ) -> None:
        super().__init__(application, *_name_and_group(library, destination_type, destination_name))

    @staticmethod
    def get_transaction_name(library: str, destination_type: str, destination_name: str) -> tuple[str, str]:
        """Return name and group of such a transaction."""
        return f"Named/{destination_name}", f"Message/{library}/{destination_type}"
