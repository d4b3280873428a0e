"""Jobs for RQ, which end in every way that RQ knows, and a worker whose children write before they are gone."""

from __future__ import annotations

import time
from typing import Any

from rq import SimpleWorker, Worker

from weighbridge import background_task, flush, preload

__all__ = ["MeasuredWorker", "SimpleWorker"]


class MeasuredWorker(Worker):
    def work(self, *args: Any, **options: Any) -> bool:
        preload()
        return super().work(*args, **options)

    def perform_job(self, *args: Any, **kwargs: Any) -> bool:
        try:
            return super().perform_job(*args, **kwargs)
        finally:
            flush()


@background_task
def count_words(text: str) -> int:
    return len(text.split())


@background_task(name=lambda number: f"number {number % 2}", group="Python/Job")
def named(number: int) -> None: ...


@background_task
def fail() -> None:
    raise LookupError("no such book")


@background_task
def late() -> None:
    """Takes longer than its queue allows."""
    time.sleep(600)


class Letter:
    @classmethod
    @background_task
    def draft(cls) -> str:
        return "drafted"
