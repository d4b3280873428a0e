r"""Celery: every task of an application is measured, in every pool.

The broker is a folder, so that nothing else needs to run. In this folder, start
a worker, and send letters from another terminal::

    celery -A celery_app worker --concurrency 2
    python celery_app.py ann@example.com bob@example.com
"""

from __future__ import annotations

import sys
import tempfile
from pathlib import Path

from celery import Celery

import weighbridge.jobs.celery

BROKER = Path(tempfile.gettempdir(), "weighbridge-celery-example")
for folder in ("letters", "control"):
    (BROKER / folder).mkdir(parents=True, exist_ok=True)

app = Celery("shop", broker="filesystem://")
app.conf.broker_transport_options = {
    "data_folder_in": str(BROKER / "letters"),
    "data_folder_out": str(BROKER / "letters"),
    "control_folder": str(BROKER / "control"),
}


weighbridge.jobs.celery.measure(app)


@app.task
def send_letter(address: str) -> None:
    """Counted as ``OtherTransaction/Celery/celery_app.send_letter``; an exception fails it."""
    if "@" not in address:
        raise ValueError(f"no address: {address}")
    print(f"sent a letter to {address}")


if __name__ == "__main__":
    for given in sys.argv[1:]:
        app.send_task("celery_app.send_letter", [given])
    print("Stop the worker by Ctrl-C when it is done, then run: weighbridge report --type background")
