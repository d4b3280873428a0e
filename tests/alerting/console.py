"""A console that does nothing but judge: store, alerts as JSON, pauses as JSON; a line for each time it has."""

from __future__ import annotations

import json
import sys
import time

from weighbridge.alerting.watching import Watch
from weighbridge.transactions.configuration.alerts import read_alerts

watch = Watch(sys.argv[1], read_alerts(json.loads(sys.argv[2])), print, json.loads(sys.argv[3]))
while True:
    watch.step()
    sys.stdout.write("judged\n")
    sys.stdout.flush()
    time.sleep(0.02)
