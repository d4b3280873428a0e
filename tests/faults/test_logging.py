"""The host's logging raises, again and again, while there is a lot to be logged: it stands in nobody's way."""

from __future__ import annotations

import pytest

from .conftest import Programs, Stored

RAISING = """
import logging, random, threading
choose = random.Random(int(os.environ["SEED"]))

class Raising(logging.Handler):
    def emit(self, record):
        raise choose.choice([ValueError, RuntimeError, OSError, KeyError, LookupError])("of the host's logging")

class Failing(logging.Filter):
    def filter(self, record):
        raise ValueError("of the host's filter")

logger = logging.getLogger("weighbridge")
logger.addHandler(Raising()) if choose.random() < 0.5 else logger.addFilter(Failing())
logger.setLevel("DEBUG")

def app(environ, start_response):
    weighbridge.set_transaction_name(None)
    weighbridge.add_custom_attribute(choose.choice(["", "x" * 300, None]), object)
    start_response("200 OK", [])
    return [b"answer"]

door = weighbridge.WSGITransactionMiddleware(app, name="request")
store, away = os.environ["WEIGHBRIDGE_STORE"], os.environ["WEIGHBRIDGE_STORE"] + ".away"

def request():
    bad = choose.choice([None, "yes please", b"1", [], object()])
    environ = {"REQUEST_METHOD": "GET", "PATH_INFO": "/", "newrelic.set_background_task": bad}
    environ["newrelic.app_name"] = choose.choice(["", 7, "a\\nb", "Python Application"])
    assert b"".join(door(environ, lambda *_: None)) == b"answer"
    calls.append(1)

calls, until = [], time.monotonic() + float(os.environ["SECONDS"])

def busy():
    while time.monotonic() < until:
        request()
        if choose.random() < 0.1:
            weighbridge.flush(0.05)

threads = [threading.Thread(target=busy) for _ in range(3)]
for thread in threads:
    thread.start()
for thread in threads:
    thread.join()
assert weighbridge.flush(), "the recorder has not come back"
print(len(calls))
"""


@pytest.mark.parametrize("seed", range(3))
def test_whatever_is_said_while_logging_raises(seed: int, seconds: float, programs: Programs, stored: Stored) -> None:
    ran = programs.run(RAISING, "-W", "ignore", SEED=str(seed), SECONDS=str(seconds), WEIGHBRIDGE_FLUSH_INTERVAL="0.02")
    assert programs.errors == ""
    assert stored.total() == int(ran)
