"""Parts of a transaction, which the agent measures and which mean nothing here: blocks that do nothing."""

from __future__ import annotations

from typing import Any, Final

import weighbridge
from weighbridge.agent.linking import get_linking_metadata
from weighbridge.agent.pass_through import Block, Method
from weighbridge.agent.settings import Settings, global_settings
from weighbridge.agent.transactions import Transaction, current_transaction

__all__ = [
    "DatabaseTrace",
    "DatastoreTrace",
    "ErrorTrace",
    "ExternalTrace",
    "FunctionTrace",
    "MemcacheTrace",
    "MessageTrace",
    "SolrTrace",
    "TimeTrace",
    "WithLlmCustomAttributes",
]


class TimeTrace(Block):
    """A part of a transaction. It is not measured; the errors noticed in it are the transaction's."""

    name: str | None = None
    guid: str | None = None
    start_time: float = 0.0
    end_time: float = 0.0
    duration: float = 0.0

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.user_attributes: dict[str, Any] = {}
        self.params: dict[str, Any] = {}

    @property
    def transaction(self) -> Transaction | None:
        """The current transaction."""
        return current_transaction()

    @property
    def settings(self) -> Settings | None:
        """The settings, within a transaction."""
        return None if self.transaction is None else global_settings()

    def add_custom_attribute(self, key: str, value: Any) -> None:
        """Keep the attribute with this block only: there is nothing that it is reported with."""
        self.user_attributes[key] = value

    def notice_error(self, *args: Any, **kwargs: Any) -> None:
        """Record an error of the current transaction: see `weighbridge.notice_error`."""
        weighbridge.notice_error(*args, **kwargs)

    def get_linking_metadata(self, application: weighbridge.Application | None = None) -> dict[str, str]:
        """See `weighbridge.agent.get_linking_metadata`."""
        return get_linking_metadata(application)

    add_code_level_metrics: Final = Method()
    complete_trace: Final = Method()
    finalize_data: Final = Method()


class _Exchange(TimeTrace):
    """A request to something else, whose headers stay as they are."""

    @staticmethod
    def generate_request_headers(transaction: Any = None) -> list[tuple[str, str]]:
        """Return no headers to add."""
        return []

    process_response: Final = Method()
    process_response_headers: Final = Method()


class DatabaseTrace(TimeTrace):
    """A database statement."""


class DatastoreTrace(TimeTrace):
    """A call of a data store."""


class ErrorTrace(TimeTrace):
    """Errors of a block."""


class ExternalTrace(_Exchange):
    """A call of another service."""


class FunctionTrace(TimeTrace):
    """A part of a transaction."""


class MemcacheTrace(TimeTrace):
    """A call of memcached."""


class MessageTrace(_Exchange):
    """A message sent or received."""


class SolrTrace(TimeTrace):
    """A call of Solr."""


class WithLlmCustomAttributes(Block):
    """Attributes for language model calls."""
