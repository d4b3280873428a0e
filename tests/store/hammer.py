"""A process that writes to a store: ``hammer.py PATH INSTANCE SNAPSHOTS``. Prints a line for each snapshot written."""

import sys
import time

from weighbridge.transactions.recording.histogram import bin_of
from weighbridge.transactions.recording.snapshot import (
    ErrorCount,
    Instance,
    MinuteRow,
    Series,
    Snapshot,
    StoreUnavailable,
)
from weighbridge.transactions.recording.totals import Totals
from weighbridge.transactions.store.sqlite.writer import StoreWriter

NOW = 1_800_000_000
SERIES = 40
QUARTER = 250_000_000  # of a second, in nanoseconds

PASSING = ("locked", "while it was in use", "No such file", "unable to open")
"""What is said of a store that others use, replace or delete at that moment."""


def snapshot(instance: str, sequence: int) -> Snapshot:
    """One call of each of forty series, whose sums tell whether a snapshot is there as a whole."""
    once = Totals(
        1, QUARTER, QUARTER, QUARTER, failed=1, satisfied=1, apdex_t=0.5, histogram={bin_of(QUARTER / 1e9): 1}
    )
    rows = tuple(MinuteRow(Series("shop", "web", "Route", f"GET /{number}"), NOW, once) for number in range(SERIES))
    errors = tuple(ErrorCount(row.series, NOW, "shop:Broken", "x", False, 1) for row in rows)
    return Snapshot(Instance(instance, "host", 1, NOW, "hammer"), sequence, NOW + sequence, rows, errors)


def write(writer: StoreWriter, one: Snapshot) -> None:
    """As a recorder does: try again until it is written."""
    while True:
        try:
            return writer.write(one)
        except StoreUnavailable as error:
            if not any(passing in str(error) for passing in PASSING):
                raise
            time.sleep(0.01)


def main(path: str, instance: str, snapshots: str) -> None:
    """Write so many snapshots."""
    writer = StoreWriter(path)
    for sequence in range(1, int(snapshots) + 1):
        write(writer, snapshot(instance, sequence))
        sys.stdout.write(f"{sequence}\n")
        sys.stdout.flush()


if __name__ == "__main__":
    main(*sys.argv[1:])
