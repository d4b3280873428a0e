"""What runs around the handlers: middleware and hooks, of those frameworks that have them."""

from __future__ import annotations

from typing import Any, Literal

from .jobs import Keys, coroutine_job, job

HOOKS = ("before", "after", "teardown")
"""Moments, each with a path ``/hook/<moment>`` whose handler does nothing."""
Moment = Literal["before", "after", "teardown"]


def at(moment: Moment, path: str, keys: Keys) -> None:
    """Run a background task in the hook that the path names."""
    if path == f"/hook/{moment}":
        job(keys)


async def at_async(moment: Moment, path: str, keys: Keys) -> None:
    """Await a background task in the hook that the path names."""
    if path == f"/hook/{moment}":
        await coroutine_job(keys)


class HookMiddleware:
    """Pure ASGI: before the rest of the chain, and before the response starts."""

    def __init__(self, app: Any) -> None:
        self.app = app

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        """Pass everything on."""
        path = scope.get("path", "").removeprefix(scope.get("root_path", ""))

        async def hooked(message: Any) -> None:
            if message["type"] == "http.response.start":
                await at_async("after", path, scope)
            await send(message)

        await at_async("before", path, scope)
        await self.app(scope, receive, hooked)
