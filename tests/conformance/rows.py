"""The cases: what is requested, and which transactions must then be in the store."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Final, Literal

JOB: Final = "{job}"
"""A background task of the cell."""
WEB: Final = "{web}"
"""The request as a web transaction, named by the framework's route or, without a router, by its path."""
OTHER: Final = "{other}"
"""The same, as a background transaction."""

Manner = Literal["once", "leave", "keep alive", "pipelined", "interleaved"]


@dataclass(frozen=True, eq=False)
class Row:
    """One case.

    ``expected`` maps transactions to how many there must be; of those, ``failed``
    must have failed. ``wsgi`` replaces ``expected`` where a coroutine runs in
    a WSGI application: whatever such an event loop runs, the request waits for.
    """

    group: str
    text: str
    path: str
    expected: Mapping[str, int] = field(default_factory=lambda: {WEB: 1})
    wsgi: Mapping[str, int] | None = None
    failed: int = 0
    status: int = 200
    method: str = "GET"
    keys: str = ""
    body: bytes = b""
    manner: Manner = "once"
    routed: bool = True
    disconnected: bool = False
    needs: frozenset[str] = frozenset()
    """``asgi``, ``asyncio``, ``coroutines``, ``methods``: see `Column.offers`."""

    @property
    def job(self) -> str:
        """The name of its background tasks."""
        return f"job of {self.key}"

    @property
    def key(self) -> str:
        """Short and unique: the application that the request is reported to."""
        return f"{self.path.strip('/').replace('/', '-')}-{self.method}-{self.manner}-{self.keys}".translate(
            str.maketrans({"=": "-", "&": "-", ";": "-", " ": "-"})
        )


_BOTH: Final = {WEB: 1, JOB: 1}
_JOB: Final = {JOB: 1}
_NONE: Final[dict[str, int]] = {}
_SYNC: Final = "in a plain function"
_ASYNC: Final = "in a coroutine"
_SHAPE: Final = "the response"
_KEYS: Final = "keys set in front"
_WIRE: Final = "on the wire"
_COROUTINES: Final = frozenset({"coroutines"})
_ASYNCIO: Final = frozenset({"coroutines", "asyncio"})

ROWS: Final = (
    Row(_SYNC, "nothing special", "/sync/plain"),
    Row(_SYNC, "a decorated function", "/sync/decorated", _JOB),
    Row(_SYNC, "`with BackgroundTask`", "/sync/block", _JOB),
    Row(_SYNC, "two, one after the other: the first one wins", "/sync/first_of_two", _JOB),
    Row(_SYNC, "one inside another: the outer one wins", "/sync/nested", _JOB),
    Row(_SYNC, "a decorated generator", "/sync/steps", _JOB),
    Row(_SYNC, "its exception is handled: not failed", "/sync/handled_error", _JOB),
    Row(_SYNC, "its exception is not handled: failed", "/sync/failing", _JOB, failed=1, status=500),
    Row(_SYNC, "`set_background_task()`", "/sync/kind_only", {OTHER: 1}),
    Row(_SYNC, "`set_background_task()` and back", "/sync/kind_and_back"),
    Row(_SYNC, "a name of a higher priority stays", "/sync/given_name", {"OtherTransaction/Function/given": 1}),
    Row(_SYNC, "`ignore_transaction()`", "/sync/ignored", _NONE),
    Row(_SYNC, "after `end_of_transaction()`", "/sync/stopped"),
    Row(_SYNC, "key `set_background_task` set by the handler", "/sync/key_background", {OTHER: 1}),
    Row(_SYNC, "key `ignore_transaction` set by the handler", "/sync/key_ignore", _NONE),
    Row(_SYNC, "`threading.Thread`", "/sync/in_thread", _BOTH),
    Row(_SYNC, "`ThreadPoolExecutor.submit`", "/sync/in_executor", _BOTH),
    Row(_SYNC, "a thread with the context, `ctx.run`", "/sync/in_carried_thread", _JOB),
    Row(_SYNC, "`asyncio.run`", "/sync/by_asyncio_run", _JOB, needs=frozenset({"asyncio"})),
    Row(_SYNC, "a task in `asyncio.run`", "/sync/task_in_asyncio_run", _JOB, needs=frozenset({"asyncio"})),
    Row(_SYNC, "`async_to_sync`", "/sync/by_async_to_sync", _JOB, needs=frozenset({"asyncio"})),
    Row(_ASYNC, "a decorated coroutine, awaited", "/async/decorated", _JOB, needs=_COROUTINES),
    Row(_ASYNC, "a decorated function", "/async/plain_call", _JOB, needs=_COROUTINES),
    Row(_ASYNC, "`async with BackgroundTask`", "/async/async_block", _JOB, needs=_COROUTINES),
    Row(_ASYNC, "a decorated async generator", "/async/async_steps", _JOB, needs=_COROUTINES),
    Row(_ASYNC, "key `set_background_task` set by the handler", "/async/async_key", {OTHER: 1}, needs=_COROUTINES),
    Row(_ASYNC, "`create_task`", "/async/create_task", _BOTH, wsgi=_JOB, needs=_ASYNCIO),
    Row(_ASYNC, "`gather` of two", "/async/gather", {WEB: 1, JOB: 2}, wsgi=_JOB, needs=_ASYNCIO),
    Row(_ASYNC, "anyio's task group", "/async/task_group", _BOTH, wsgi=_JOB, needs=_COROUTINES),
    Row(_ASYNC, "`call_soon`", "/async/call_soon", _BOTH, wsgi=_JOB, needs=_ASYNCIO),
    Row(_ASYNC, "`loop.run_in_executor`", "/async/run_in_executor", _BOTH, needs=_ASYNCIO),
    Row(_ASYNC, "`asyncio.to_thread`", "/async/to_thread", _JOB, needs=_ASYNCIO),
    Row(_ASYNC, "`anyio.to_thread`, `run_in_threadpool`", "/async/anyio_thread", _JOB, needs=_COROUTINES),
    Row(_ASYNC, "`sync_to_async`", "/async/sensitive_thread", _JOB, needs=_ASYNCIO),
    Row(_ASYNC, "`sync_to_async`, not thread sensitive", "/async/insensitive_thread", _JOB, needs=_ASYNCIO),
    Row(_SHAPE, "204", "/status/204", status=204),
    Row(_SHAPE, "304", "/status/304", status=304),
    Row(_SHAPE, "500 by return", "/status/500", failed=1, status=500),
    Row(_SHAPE, "503 by return", "/status/503", failed=1, status=503),
    Row(_SHAPE, "500 by exception", "/raise", failed=1, status=500),
    Row(_SHAPE, "404, no route", "/nowhere", status=404, routed=False),
    Row(
        _SHAPE,
        "405; named by its route where that is found before the method",
        "/upload",
        status=405,
        routed=False,
        needs=frozenset({"methods"}),
    ),
    Row(_SHAPE, "`HEAD`", "/sync/plain", method="HEAD", needs=frozenset({"head"})),
    Row(_SHAPE, "a streamed body, from a generator", "/stream", _JOB),
    Row(_SHAPE, "a streamed body, from an async generator", "/async-stream", _JOB, needs=frozenset({"asgi"})),
    Row(_SHAPE, "a background task after the last byte", "/after", _BOTH),
    Row(_KEYS, "`set_background_task=on`", "/sync/plain", {OTHER: 1}, keys="set_background_task=on"),
    Row(_KEYS, "`set_background_task=no`", "/sync/plain", keys="set_background_task=no"),
    Row(_KEYS, "`set_background_task=banana` is ignored", "/sync/plain", keys="set_background_task=banana"),
    Row(_KEYS, "`enabled=false`", "/sync/plain", _NONE, keys="enabled=false"),
    Row(_KEYS, "`ignore_transaction=1`", "/sync/plain", _NONE, keys="ignore_transaction=1"),
    Row(_WIRE, "an upload of 2 MB", "/upload", method="POST", body=b"x" * 2_000_000),
    Row(_WIRE, "three requests on one connection", "/sync/plain", {WEB: 3}, manner="keep alive"),
    Row(_WIRE, "three requests sent at once", "/sync/plain", {WEB: 3}, manner="pipelined"),
    Row(_WIRE, "three requests at the same time", "/sync/in_thread", {WEB: 3, JOB: 3}, manner="interleaved"),
    Row(
        _WIRE,
        "three requests with tasks at the same time",
        "/async/create_task",
        {WEB: 3, JOB: 3},
        manner="interleaved",
        needs=_ASYNCIO | {"asgi"},
    ),
    Row(_WIRE, "the client leaves within the body", "/endless", manner="leave", disconnected=True),
)
