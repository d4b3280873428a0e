"""Tools for the tests of programs that use weighbridge: capture the transactions that end.

    from weighbridge.testing import capture_transactions

    with capture_transactions() as transactions:
        client.get("/users/7")
    assert transactions[0].path == "WebTransaction/Route/GET /users/{id}"

With pytest, the fixture ``captured_transactions`` provides the same list. Captured
transactions are also recorded: set ``WEIGHBRIDGE_STORE`` to ``:memory:`` in tests.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any, ClassVar, SupportsIndex, overload

from weighbridge.middleware.wsgi import WSGITransaction
from weighbridge.transactions.handoff import handoff
from weighbridge.transactions.model.finished import FinishedTransaction

if TYPE_CHECKING:
    from weighbridge.transactions.model.transaction import Transaction

__all__ = ["CapturedTransactions", "capture_transactions"]


def end_delivered() -> None:
    """End the open WSGI transactions whose response has been delivered to the last byte.

    Some test clients take the body's chunks, but neither ask for more nor close it,
    so nothing announces its end. A response that is still being produced or read
    stays open.
    """
    for transaction in handoff.open_transactions.copy():
        if isinstance(transaction, WSGITransaction) and transaction._between_steps() and transaction._all_sent():
            transaction._finish_response()


class CapturedTransactions(list[FinishedTransaction]):
    """A list of finished transactions in the order in which they ended, which is up to date whenever it is read."""

    __slots__ = ()

    def __len__(self) -> int:
        end_delivered()
        return super().__len__()

    def __iter__(self) -> Iterator[FinishedTransaction]:
        end_delivered()
        return super().__iter__()

    def __reversed__(self) -> Iterator[FinishedTransaction]:
        end_delivered()
        return super().__reversed__()

    @overload
    def __getitem__(self, index: SupportsIndex, /) -> FinishedTransaction: ...
    @overload
    def __getitem__(self, index: slice, /) -> list[FinishedTransaction]: ...
    def __getitem__(self, index: Any, /) -> Any:
        end_delivered()
        return super().__getitem__(index)

    def __contains__(self, transaction: object, /) -> bool:
        end_delivered()
        return super().__contains__(transaction)

    def __eq__(self, other: object, /) -> bool:
        end_delivered()
        return super().__eq__(other)

    def __ne__(self, other: object, /) -> bool:
        end_delivered()
        return super().__ne__(other)

    __hash__: ClassVar[None] = None  # as every list's

    def __repr__(self) -> str:
        end_delivered()
        return super().__repr__()

    def __add__(self, other: list[Any], /) -> list[Any]:
        end_delivered()
        return super().__add__(other)

    def index(self, transaction: Any, *bounds: SupportsIndex) -> int:
        """See `list.index`."""
        end_delivered()
        return super().index(transaction, *bounds)

    def count(self, transaction: Any, /) -> int:
        """See `list.count`."""
        end_delivered()
        return super().count(transaction)

    def copy(self) -> list[FinishedTransaction]:
        """See `list.copy`."""
        end_delivered()
        return super().copy()

    def pop(self, index: SupportsIndex = -1, /) -> FinishedTransaction:
        """See `list.pop`."""
        end_delivered()
        return super().pop(index)

    def clear(self) -> None:
        """See `list.clear`."""
        end_delivered()
        super().clear()


@contextmanager
def capture_transactions() -> Iterator[CapturedTransactions]:
    """Capture the transactions that end during the block, in any thread of this process, as a list.

    A transaction is in the list as soon as it has ended; ignored ones never are. The
    list does not change after the block.
    """
    captured = CapturedTransactions()

    def listener(transaction: Transaction) -> None:
        captured.append(transaction._as_finished())

    handoff.add_listener(listener)
    try:
        yield captured
    finally:
        end_delivered()
        handoff.remove_listener(listener)
