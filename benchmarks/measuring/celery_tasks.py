"""A Celery application with a task that does nothing, and what measures it: ``SUBJECT`` says who.

As a program it prints messages of that task, as whoever sends them would put them into Redis.
"""

from __future__ import annotations

import json
import os
import sys
from collections.abc import Callable, Mapping
from types import MappingProxyType
from typing import Final

from celery import Celery
from celery.signals import worker_process_init
from kombu import Connection

__all__ = ["SUBJECTS", "app"]

SUBJECTS: Final[Mapping[str, tuple[str, ...]]] = MappingProxyType(
    {
        "none": (),
        "weighbridge": (),
        "opentelemetry": ("opentelemetry-sdk", "opentelemetry-instrumentation-celery"),
        "sentry": ("sentry-sdk",),
    }
)
"""What each needs besides Celery."""

app = Celery("benchmark", broker=os.environ.get("BROKER", "memory://"))
app.conf.update(
    task_ignore_result=True, worker_prefetch_multiplier=64, broker_connection_retry_on_startup=True,
    worker_hijack_root_logger=False, task_default_queue=os.environ.get("SUBJECT", "none"),
)  # fmt: skip


@app.task(name="nothing")
def nothing() -> None:
    """Do nothing."""


def _weighbridge() -> None:
    import weighbridge.jobs.celery

    weighbridge.jobs.celery.measure(app)


def _opentelemetry() -> None:
    from opentelemetry import trace
    from opentelemetry.instrumentation.celery import CeleryInstrumentor
    from opentelemetry.sdk.trace import TracerProvider
    from opentelemetry.sdk.trace.export import BatchSpanProcessor, SpanExporter, SpanExportResult

    class Discarding(SpanExporter):
        def export(self, batch: object) -> SpanExportResult:
            return SpanExportResult.SUCCESS

    def set_up(**_: object) -> None:
        """In the child, as its documentation says: the batch processor's thread does not survive a fork."""
        provider = TracerProvider()
        provider.add_span_processor(BatchSpanProcessor(Discarding()))
        trace.set_tracer_provider(provider)
        CeleryInstrumentor().instrument()

    if __name__ == "__main__":
        set_up()
    else:
        worker_process_init.connect(set_up, weak=False)


def _sentry() -> None:
    import sentry_sdk
    from sentry_sdk.transport import Transport

    class Discarding(Transport):
        def capture_envelope(self, envelope: object) -> None:
            """Throw it away; a real one would compress and send it, too."""

    sentry_sdk.init(dsn="http://key@127.0.0.1:9/1", traces_sample_rate=1.0, transport=Discarding())


_SET_UP: Final[Mapping[str, Callable[[], None]]] = MappingProxyType(
    {"weighbridge": _weighbridge, "opentelemetry": _opentelemetry, "sentry": _sentry}
)


def _print_messages(count: int) -> None:
    """Send the task so many times, and print what was put into the queue."""
    with Connection(app.conf.broker_url) as connection:
        for _ in range(count):
            nothing.apply_async(connection=connection)
        queue = connection.default_channel.client
        print(json.dumps([message.decode() for message in queue.lrange(app.conf.task_default_queue, 0, -1)]))
        queue.delete(app.conf.task_default_queue)


_SET_UP.get(os.environ.get("SUBJECT", "none"), lambda: None)()
if __name__ == "__main__":
    _print_messages(int(sys.argv[1]))
