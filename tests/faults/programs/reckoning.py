"""What a program that was struck has to answer for, printed as JSON."""

from __future__ import annotations

import json
import os
import sqlite3
from typing import Any

import weighbridge
from weighbridge.transactions.handoff import handoff


def reckon(**known: Any) -> None:
    """Print what was counted, what is counted as interrupted, and what is still open or current."""
    left_current = weighbridge.current_transaction(active_only=False) is not None
    left_open = len(handoff.open_transactions)
    weighbridge.shutdown_agent()
    with sqlite3.connect(os.environ["WEIGHBRIDGE_STORE"]) as store:
        counted = store.execute(
            "SELECT coalesce(sum(t.count), 0) FROM totals t JOIN series s ON s.id = t.series"
            " WHERE s.whole = 1 AND t.span = 60"
        ).fetchone()[0]
        lost = dict(store.execute("SELECT cause, sum(count) FROM loss GROUP BY cause"))
    print(json.dumps({"counted": counted, "lost": lost, "open": left_open, "current": left_current, **known}))
