"""For the tests of programs that use weighbridge: see which transactions ended, and how.

    from weighbridge.testing import capture_transactions

    with capture_transactions() as transactions:
        client.get("/users/7")
    assert transactions[0].path == "WebTransaction/Route/GET /users/{id}"

With pytest the fixture ``captured_transactions`` gives the same list. What is
captured is recorded as well: let ``WEIGHBRIDGE_STORE`` be ``:memory:`` in tests.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import wraps
from typing import TYPE_CHECKING, Any, Final

from weighbridge.middleware.wsgi import WSGITransaction
from weighbridge.transactions.handoff import handoff
from weighbridge.transactions.model.finished import FinishedTransaction

if TYPE_CHECKING:
    from weighbridge.transactions.model.transaction import Transaction

__all__ = ["CapturedTransactions", "capture_transactions"]


def end_delivered() -> None:
    """End the open WSGI transactions whose response has been delivered to the last byte.

    Some test clients take the body's chunks, but neither ask for more nor close
    it, so that it is never told to be over. A response that is still being made,
    or read, stays open.
    """
    for transaction in handoff.open_transactions.copy():
        if isinstance(transaction, WSGITransaction) and transaction._between_steps() and transaction._all_sent():
            transaction._finish_response()


def _looking(method: Callable[..., Any]) -> Callable[..., Any]:
    """Wrap a method of a list, so that delivered transactions are in the list before it runs."""

    @wraps(method)
    def look(self: CapturedTransactions, /, *args: Any, **kwargs: Any) -> Any:
        end_delivered()
        return method(self, *args, **kwargs)

    return look


class CapturedTransactions(list[FinishedTransaction]):
    """Finished transactions in the order in which they ended; up to date whenever it is read."""

    __slots__ = ()


_LOOKS: Final = (
    "__len__ __iter__ __reversed__ __getitem__ __contains__ __eq__ __ne__ __repr__ __add__ index count copy pop clear"
).split()

for _name in _LOOKS:
    setattr(CapturedTransactions, _name, _looking(getattr(list, _name)))


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
