"""The cases."""

from __future__ import annotations

import sys
from typing import Final

from .row import FRESH, JOB, LINKED, OTHER, WEB, Row

_BOTH: Final = {WEB: 1, FRESH: 1}
_JOB: Final = {JOB: 1}
_OTHER: Final = {OTHER: 1}
_NONE: Final[dict[str, int]] = {}
_INNER: Final = "WebTransaction/Function/inner"


def _needs(*features: str) -> frozenset[str]:
    return frozenset(features)


_LOOP: Final = _needs("asyncio")
_COROUTINES: Final = _needs("coroutines")
_ASYNCIO: Final = _needs("coroutines", "asyncio")
_ASGI: Final = _needs("asgi")
_TIMEOUT: Final = _JOB if sys.version_info >= (3, 12) else _BOTH
"""Of ``asyncio.wait_for``, which makes a task of its own up to Python 3.11."""

_PLAIN: Final = "in a plain function"
_SYNC: Final = (
    Row(_PLAIN, "nothing special", "/sync/plain"),
    Row(_PLAIN, "a decorated function", "/sync/decorated", _JOB),
    Row(_PLAIN, "`with BackgroundTask`", "/sync/block", _JOB),
    Row(_PLAIN, "two, one after the other: the first one wins", "/sync/first_of_two", _JOB),
    Row(_PLAIN, "one inside another: the outer one wins", "/sync/nested", _JOB),
    Row(_PLAIN, "its `application=` is not used", "/sync/of_another_application", _JOB),
    Row(_PLAIN, "a decorated generator", "/sync/steps", _JOB),
    Row(_PLAIN, "its exception is handled: not failed", "/sync/handled_error", _JOB),
    Row(_PLAIN, "its exception is not handled: failed", "/sync/failing", _JOB, failed=1, status=500),
    Row(_PLAIN, "`notice_error()`: failed", "/sync/noticed_error", failed=1),
    Row(_PLAIN, "`notice_error(expected=True)`: not failed", "/sync/expected_error"),
    Row(_PLAIN, "`set_background_task()`", "/sync/kind_only", _OTHER),
    Row(_PLAIN, "`set_background_task()` and back", "/sync/kind_and_back"),
    Row(_PLAIN, "a name of a higher priority stays", "/sync/given_name", {"OtherTransaction/Function/given": 1}),
    Row(_PLAIN, "`ignore_transaction()`, then a background task", "/sync/ignored", _NONE),
    Row(_PLAIN, "`ignore_transaction()` and back", "/sync/ignored_and_back"),
    Row(_PLAIN, "after `end_of_transaction()`", "/sync/stopped"),
    Row(_PLAIN, "`suppress_apdex_metric()`: not in the score", "/sync/without_apdex", scored=False),
    Row(_PLAIN, "`suppress_transaction_trace()`: no sample", "/sync/without_sample", sampled=False),
    Row(
        _PLAIN,
        "`capture_request_params()`: kept, but for denied ones",
        "/sync/with_parameters",
        query="colour=red&password=secret",
        parameters={"request.parameters.colour": "red"},
    ),
    Row(_PLAIN, "no parameters otherwise", "/sync/plain", query="colour=red"),
    Row(_PLAIN, "key `set_background_task` set by the handler", "/sync/key_background", _OTHER),
    Row(_PLAIN, "key `ignore_transaction` set by the handler", "/sync/key_ignore", _NONE),
    Row(_PLAIN, "a web entry in the request: its name counts, no second one", "/sync/web_entry", {_INNER: 1}),
    Row(
        _PLAIN,
        "the same, when the request is background by now",
        "/sync/web_entry_of_background",
        {"OtherTransaction/Function/inner": 1},
    ),
    Row(_PLAIN, "a web entry in a background task: both", "/sync/web_entry_in_job", {WEB: 1, FRESH: 1, _INNER: 1}),
    Row(_PLAIN, "`threading.Thread`", "/sync/in_thread", _BOTH),
    Row(_PLAIN, "two in a thread, one after the other", "/sync/two_in_thread", {WEB: 1, FRESH: 2}),
    Row(_PLAIN, "`ThreadPoolExecutor.submit`", "/sync/in_executor", _BOTH),
    Row(_PLAIN, "a thread with the context, `ctx.run`", "/sync/in_carried_thread", _JOB),
    Row(_PLAIN, "`gevent.spawn`", "/sync/in_greenlet", _BOTH, needs=_needs("gevent")),
    Row(_PLAIN, "a forked child: its own, the request is not its", "/sync/in_forked_child", _BOTH),
    Row(_PLAIN, "`asyncio.run`", "/sync/by_asyncio_run", _JOB, needs=_LOOP),
    Row(_PLAIN, "a task in `asyncio.run`", "/sync/task_in_asyncio_run", _JOB, needs=_LOOP),
    Row(_PLAIN, "`async_to_sync`", "/sync/by_async_to_sync", _JOB, needs=_LOOP),
)

_AWAITED: Final = "in a coroutine"
_ASYNC: Final = (
    Row(_AWAITED, "a decorated coroutine, awaited", "/async/decorated", _JOB, needs=_COROUTINES),
    Row(_AWAITED, "a decorated function", "/async/plain_call", _JOB, needs=_COROUTINES),
    Row(_AWAITED, "`async with BackgroundTask`", "/async/async_block", _JOB, needs=_COROUTINES),
    Row(_AWAITED, "a decorated async generator", "/async/async_steps", _JOB, needs=_COROUTINES),
    Row(_AWAITED, "its exception is not handled", "/async/failing", _JOB, failed=1, status=500, needs=_COROUTINES),
    Row(_AWAITED, "key `set_background_task` set by the handler", "/async/async_key", _OTHER, needs=_COROUTINES),
    Row(_AWAITED, "`asyncio.timeout`", "/async/timeout", _JOB, needs=_ASYNCIO, since=(3, 11)),
    Row(_AWAITED, "`anyio.fail_after`", "/async/anyio_timeout", _JOB, needs=_COROUTINES),
    Row(
        _AWAITED,
        "`asyncio.wait_for`: a task of its own up to Python 3.11",
        "/async/wait_for",
        _TIMEOUT,
        wsgi=_JOB,
        needs=_ASYNCIO,
    ),
    Row(_AWAITED, "`create_task`", "/async/create_task", _BOTH, wsgi=_JOB, needs=_ASYNCIO),
    Row(
        _AWAITED,
        "`create_task`, not awaited, ends after the response",
        "/async/left_task",
        _BOTH,
        needs=_ASYNCIO | _ASGI,
    ),
    Row(_AWAITED, "`ensure_future`", "/async/ensure_future", _BOTH, wsgi=_JOB, needs=_ASYNCIO),
    Row(_AWAITED, "`gather` of two", "/async/gather", {WEB: 1, FRESH: 2}, wsgi=_JOB, needs=_ASYNCIO),
    Row(_AWAITED, "`asyncio.TaskGroup`", "/async/asyncio_task_group", _BOTH, _JOB, needs=_ASYNCIO, since=(3, 11)),
    Row(_AWAITED, "anyio's task group", "/async/task_group", _BOTH, wsgi=_JOB, needs=_COROUTINES),
    Row(_AWAITED, "`run_coroutine_threadsafe`", "/async/run_coroutine_threadsafe", _BOTH, wsgi=_JOB, needs=_ASYNCIO),
    Row(_AWAITED, "`call_soon`", "/async/call_soon", _BOTH, wsgi=_JOB, needs=_ASYNCIO),
    Row(_AWAITED, "`loop.run_in_executor`", "/async/run_in_executor", _BOTH, needs=_ASYNCIO),
    Row(_AWAITED, "`asyncio.to_thread`", "/async/to_thread", _JOB, needs=_ASYNCIO),
    Row(_AWAITED, "`asyncio.to_thread`, then `asyncio.run`", "/async/asyncio_run_in_thread", _JOB, needs=_ASYNCIO),
    Row(_AWAITED, "`anyio.to_thread`, `run_in_threadpool`", "/async/anyio_thread", _JOB, needs=_COROUTINES),
    Row(_AWAITED, "`anyio.to_thread`, then `from_thread.run`", "/async/anyio_back", _JOB, needs=_COROUTINES),
    Row(
        _AWAITED,
        "`anyio.to_thread`, then `from_thread.run_sync`",
        "/async/anyio_back_sync",
        _BOTH,
        wsgi=_JOB,
        needs=_ASYNCIO,
    ),
    Row(
        _AWAITED,
        "the same under trio, which runs it in the task that waits",
        "/async/anyio_back_sync",
        _JOB,
        needs=_needs("coroutines", "trio"),
    ),
    Row(_AWAITED, "`sync_to_async`", "/async/sensitive_thread", _JOB, needs=_ASYNCIO),
    Row(_AWAITED, "`sync_to_async`, not thread sensitive", "/async/insensitive_thread", _JOB, needs=_ASYNCIO),
    Row(_AWAITED, "`sync_to_async`, then `async_to_sync`", "/async/async_to_sync_in_thread", _JOB, needs=_ASYNCIO),
)

_AROUND: Final = "around the handler"
_HOOKS: Final = (
    Row(_AROUND, "before it: middleware, `before_request`", "/hook/before", _JOB, needs=_needs("before")),
    Row(_AROUND, "after it: middleware, `after_request`", "/hook/after", _JOB, needs=_needs("after")),
    Row(_AROUND, "`teardown_request`", "/hook/teardown", _JOB, needs=_needs("teardown")),
    Row(_AROUND, "the entry of a `yield` dependency", "/dependency/entry", _JOB, needs=_needs("dependencies")),
    Row(
        _AROUND,
        "the exit of a `yield` dependency, after the response",
        "/dependency/exit",
        _BOTH,
        needs=_needs("dependencies"),
    ),
    Row(_AROUND, "after the last byte: `close()`, `BackgroundTask`, `request_finished`", "/after", _BOTH),
    Row(_AROUND, "after the last byte: a coroutine", "/after-async", _BOTH, needs=_needs("async after")),
)

_SHAPE: Final = "the response"
_RESPONSES: Final = (
    Row(_SHAPE, "204", "/status/204", status=204),
    Row(_SHAPE, "304", "/status/304", status=304),
    Row(_SHAPE, "500 by return", "/status/500", failed=1, status=500),
    Row(_SHAPE, "503 by return", "/status/503", failed=1, status=503),
    Row(_SHAPE, "500 by exception", "/raise", failed=1, status=500),
    Row(_SHAPE, "an exception that is answered further out by a 409: not failed", "/answered", status=409),
    Row(_SHAPE, "404, no route", "/nowhere", status=404, routed=False),
    Row(
        _SHAPE,
        "405; named by its route where that is found before the method",
        "/upload",
        status=405,
        routed=False,
        needs=_needs("router", "methods"),
    ),
    Row(_SHAPE, "`HEAD`", "/sync/plain", method="HEAD", needs=_needs("head")),
    Row(_SHAPE, "a generator that runs a background task", "/stream/job", _JOB),
    Row(_SHAPE, "a generator that sets the key `set_background_task`", "/stream/key", _OTHER),
    Row(_SHAPE, "server-sent events from a generator", "/stream/events"),
    Row(_SHAPE, "an async generator that runs a background task", "/async-stream/job", _JOB, needs=_ASGI),
    Row(_SHAPE, "an async generator that sets the key", "/async-stream/key", _OTHER, needs=_ASGI),
    Row(_SHAPE, "server-sent events from an async generator", "/async-stream/events", needs=_ASGI),
    Row(_SHAPE, "a generator that breaks: failed", "/stream/broken", failed=1, mode="broken"),
    Row(_SHAPE, "an async generator that breaks", "/async-stream/broken", failed=1, mode="broken", needs=_ASGI),
    Row(_SHAPE, "a file: `wsgi.file_wrapper`, `pathsend`", "/file"),
    Row(
        _SHAPE,
        "trailers, with a background task before them",
        "/trailers",
        _JOB,
        mode="HTTP/2",
        needs=_needs("trailers", "bare"),
    ),
)

_NAMES: Final = "where it is routed to"
_ROUTES: Final = (
    Row(_NAMES, "a route with a parameter", "/items/7", needs=_needs("router")),
    Row(_NAMES, "a blueprint, a router, `include()`", "/prefixed/here", needs=_needs("prefixes")),
    Row(_NAMES, "a mounted application", "/mounted/here", needs=_needs("mounts")),
    Row(_NAMES, "a mount with a parameter", "/tenants/acme/here", needs=_needs("tenants")),
    Row(_NAMES, "in a copy of environ or scope", "/copied/here", needs=_needs("copies")),
    Row(_NAMES, "in a copy behind a second middleware", "/joined/here", needs=_needs("copies")),
    Row(
        _NAMES,
        "405 for a method of its own: `_OTHER`, where there is a route",
        "/upload",
        method="REPORT",
        status=405,
        routed=False,
        needs=_needs("router", "methods"),
    ),
)

_FRONT: Final = "keys set in front"
_KEYS: Final = (
    Row(
        _FRONT,
        "`app_name` with a link: reported to both",
        "/sync/plain",
        {WEB: 1, LINKED: 1},
        query="link",
        linked=True,
    ),
    Row(_FRONT, "`set_background_task=on`", "/sync/plain", _OTHER, keys={"set_background_task": "on"}),
    Row(_FRONT, "`set_background_task=no`", "/sync/plain", keys={"set_background_task": "no"}),
    Row(_FRONT, "`set_background_task=banana` is ignored", "/sync/plain", keys={"set_background_task": "banana"}),
    Row(
        _FRONT,
        "`set_background_task=on`, the handler turns it back",
        "/sync/kind_and_back",
        keys={"set_background_task": "on"},
    ),
    Row(_FRONT, "`enabled=false`", "/sync/plain", _NONE, keys={"enabled": "false"}),
    Row(_FRONT, "`enabled=true`", "/sync/plain", keys={"enabled": "true"}),
    Row(_FRONT, "`ignore_transaction=1`", "/sync/plain", _NONE, keys={"ignore_transaction": "1"}),
    Row(_FRONT, "`suppress_apdex_metric=y`", "/sync/plain", keys={"suppress_apdex_metric": "y"}, scored=False),
    Row(
        _FRONT, "`suppress_transaction_trace=t`", "/sync/plain", keys={"suppress_transaction_trace": "t"}, sampled=False
    ),
    Row(
        _FRONT,
        "`capture_request_params=yes`",
        "/sync/plain",
        query="colour=blue&token=secret",
        keys={"capture_request_params": "yes"},
        parameters={"request.parameters.colour": "blue"},
    ),
)

_SWITCH: Final = "measuring is off"
_OFF: Final = (
    Row(_SWITCH, "no key", "/sync/plain", _NONE, needs=_needs("off")),
    Row(_SWITCH, "a decorated function", "/sync/decorated", _NONE, needs=_needs("off")),
    Row(_SWITCH, "`enabled=false`", "/sync/plain", _NONE, keys={"enabled": "false"}, needs=_needs("off")),
    Row(_SWITCH, "`enabled=true`", "/sync/plain", keys={"enabled": "true"}, needs=_needs("off")),
    Row(
        _SWITCH,
        "`enabled=true`, a decorated function",
        "/sync/decorated",
        _JOB,
        keys={"enabled": "true"},
        needs=_needs("off"),
    ),
)

_SOCKET: Final = "on the wire"
_WIRE: Final = (
    Row(_SOCKET, "an upload of 2 MB", "/upload", method="POST", body=b"x" * 2_000_000),
    Row(
        _SOCKET,
        "three requests on one connection",
        "/sync/plain",
        {WEB: 3},
        mode="keep alive",
        needs=_needs("keep alive"),
    ),
    Row(_SOCKET, "three requests sent at once", "/sync/plain", {WEB: 3}, mode="pipelined", needs=_needs("keep alive")),
    Row(_SOCKET, "three requests at the same time", "/sync/in_thread", {WEB: 3, FRESH: 3}, mode="interleaved"),
    Row(
        _SOCKET,
        "three requests with tasks at the same time",
        "/async/create_task",
        {WEB: 3, FRESH: 3},
        mode="interleaved",
        needs=_ASYNCIO | _ASGI,
    ),
    Row(_SOCKET, "HTTP/2", "/sync/plain", mode="HTTP/2", needs=_needs("HTTP/2")),
    Row(_SOCKET, "the client leaves within the body", "/endless", mode="leave", disconnected=True),
    Row(
        _SOCKET,
        "the client resets its stream of HTTP/2",
        "/endless",
        mode="HTTP/2 reset",
        disconnected=True,
        needs=_needs("HTTP/2"),
    ),
    Row(
        _SOCKET,
        "the server is stopped while the request runs",
        "/sync/slow",
        mode="shutdown",
        needs=_needs("graceful"),
    ),
)

ROWS: Final = (*_SYNC, *_ASYNC, *_HOOKS, *_RESPONSES, *_ROUTES, *_KEYS, *_OFF, *_WIRE)
