"""`weighbridge check`: limits by states, and whatever is wrong is 3, with a line that says what would be right."""

from __future__ import annotations

import re
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import pytest
from click.testing import Result

from weighbridge.transactions.recording.snapshot import Instance, RunningTransaction, Series, Snapshot
from weighbridge.transactions.schedules import Schedule
from weighbridge.transactions.store.sqlite.writer import StoreWriter

from .conftest import Call, WriteStore, write_more

PAGE = Series("shop", "web", "Route", "GET /")
JOB = Series("shop", "background", "Function", "shop:nightly")
SLOW = Series("shop", "background", "Function", "shop:slow")
OFFICE = Series("office|home", "web", "Route", "GET /")
LINE = re.compile(r"WEIGHBRIDGE (OK|WARNING|CRITICAL|UNKNOWN) - [^|\n]+( \| [^|\n]+)?\n")
STATUSES = {"OK": 0, "WARNING": 1, "CRITICAL": 2, "UNKNOWN": 3}

Check = Callable[..., Result]


@pytest.fixture
def store(write_store: WriteStore) -> Path:
    """40 requests of 100 ms, 2 of which fail, and 2 of 2 s; a nightly job two hours ago, one that takes minutes."""
    requests = [Call(PAGE, 0.1, failed=number < 2) for number in range(38)] + [Call(PAGE, 2.0)] * 2
    jobs = [Call(JOB, 60.0, age=7300), *[Call(SLOW, 600.0)] * 30]
    return write_store([*requests, *jobs, Call(OFFICE, 0.1)])


@pytest.fixture
def check(run: Callable[..., Result], store: Path) -> Check:
    return lambda *arguments, **environ: run("check", "--store", store, *arguments, **environ)


def judged(result: Result) -> str:
    """The state that its one line and its exit status agree on."""
    found = LINE.fullmatch(result.stdout)
    assert found, result.output
    assert result.exit_code == STATUSES[found[1]], result.output
    assert result.stderr == ""
    return found[1]


def performance(result: Result) -> dict[str, str]:
    """Its performance data by label."""
    return dict(part.split("=") for part in result.stdout.partition(" | ")[2].split())


@pytest.mark.parametrize(
    ("option", "fine", "warning", "critical", "figure"),
    [
        ("--error-rate", "5%,6%", "4%,5%", "4%", "5%"),
        ("--p95", "0.2s", "50ms,0.2s", "50ms", "s"),
        ("--average", "0.2s,1s", "0.19s,0.2s", "190ms", "0.195s"),
        ("--apdex", "0.9", "0.95,0.9", "0.95,0.93", "0.925"),
        ("--throughput", "1", "100,1", "100", ""),
        ("--missing", "25h", "1s,25h", "1s", "s"),
        ("--queue-wait", None, None, None, ""),
    ],
)
def test_a_limit_in_each_state(
    check: Check, option: str, fine: str | None, warning: str | None, critical: str | None, figure: str
) -> None:
    wanted = ("--app", "shop", "--type", "web", option)
    label = option.removeprefix("--").replace("-", "_")
    for limit, state in ((fine, "OK"), (warning, "WARNING"), (critical, "CRITICAL")):
        if limit is not None:
            result = check(*wanted, limit)
            assert judged(result) == state
            assert performance(result)[label].split(";")[0].endswith(figure)
    nothing = check("--app", "shop", "--transaction", "OtherTransaction/Function/none", option, critical or "1s")
    assert judged(nothing) == ("CRITICAL" if option == "--missing" else "UNKNOWN")


@pytest.mark.parametrize(
    ("option", "limit", "data"),
    [
        ("--error-rate", "2%,5%", "5%;2;5;0;100"),
        ("--average", "300ms", "0.195s;;0.3;0"),
        ("--apdex", "0.95,0.5", "0.925;0.95:;0.5:;0;1"),
    ],
)
def test_performance_data(check: Check, option: str, limit: str, data: str) -> None:
    found = performance(check("--app", "shop", "--type", "web", option, limit))
    assert found == {option.removeprefix("--").replace("-", "_"): data, "calls": "40"}


def test_the_limit_itself_is_fine(check: Check) -> None:
    assert judged(check("--app", "shop", "--type", "web", "--error-rate", "5%")) == "OK"
    assert judged(check("--app", "shop", "--type", "web", "--apdex", "0.925")) == "OK"


@pytest.mark.parametrize(
    ("limits", "state"),
    [
        (("--error-rate", "50%", "--p95", "3s"), "OK"),
        (("--error-rate", "50%", "--p95", "50ms,3s"), "WARNING"),
        (("--error-rate", "1%", "--p95", "50ms,3s"), "CRITICAL"),
        (("--error-rate", "50%", "--queue-wait", "1s"), "UNKNOWN"),
        (("--error-rate", "1%,50%", "--queue-wait", "1s"), "WARNING"),
    ],
)
def test_the_worst_of_several_limits_counts_and_is_named_first(
    check: Check, limits: tuple[str, ...], state: str
) -> None:
    result = check("--app", "shop", "--type", "web", *limits)
    assert judged(result) == state
    if state in ("WARNING", "CRITICAL"):
        assert state.lower() in result.stdout.split(",")[0]


def test_times_are_those_of_the_web_where_there_is_any(check: Check) -> None:
    assert judged(check("--app", "shop", "--average", "1s")) == "OK"
    assert judged(check("--app", "shop", "--average", "1s", "--type", "background")) == "CRITICAL"
    assert performance(check("--app", "shop", "--error-rate", "50%"))["calls"] == "70"


def test_one_transaction_by_its_path(check: Check) -> None:
    path = "OtherTransaction/Function/shop:slow"
    assert judged(check("--transaction", path, "--average", "599s")) == "CRITICAL"
    assert judged(check("--app", "shop", "--transaction", path, "--average", "601s")) == "OK"
    assert judged(check("--app", "office|home", "--transaction", path, "--average", "601s")) == "UNKNOWN"


def test_fewer_calls_than_are_needed(check: Check) -> None:
    result = check("--app", "office|home", "--error-rate", "2%")
    assert judged(result) == "UNKNOWN"
    assert "1 call, and at least 20 are needed" in result.stdout
    assert "office/home" in result.stdout  # a bar would begin the performance data
    assert judged(check("--app", "office|home", "--error-rate", "2%", "--min-calls", "1")) == "OK"
    assert judged(check("--app", "office|home", "--throughput", "100")) == "CRITICAL"


def test_no_calls_in_the_time(check: Check) -> None:
    assert judged(check("--app", "shop", "--error-rate", "2%", "--since", "1s", "--type", "background")) == "UNKNOWN"
    silent = check("--transaction", "OtherTransaction/Function/shop:nightly", "--throughput", "0.1")
    assert judged(silent) == "CRITICAL"
    assert performance(silent)["throughput"] == "0;;0.1:;0"


@pytest.mark.parametrize(("limit", "state"), [("3h", "OK"), ("1h,3h", "WARNING"), ("1h", "CRITICAL")])
def test_a_job_that_should_have_run(check: Check, limit: str, state: str) -> None:
    result = check("--transaction", "OtherTransaction/Function/shop:nightly", "--missing", limit)
    assert judged(result) == state
    assert "last run 2 hours ago" in result.stdout


def test_a_job_that_has_never_run(check: Check) -> None:
    result = check("--app", "shop", "--transaction", "OtherTransaction/Function/shop:weekly", "--missing", "8d")
    assert judged(result) == "CRITICAL"
    assert "it has never run" in result.stdout


NIGHTLY = Schedule("shop", "code", "Function", "shop:nightly", "0 * * * *", "UTC", 60)


def scheduled(store: Path, *schedules: Schedule, known: float = 4 * 3600) -> None:
    """A process has declared schedules for some hours."""
    now, writer = time.time(), StoreWriter(str(store))
    instance = Instance("scheduler", "host", 2, now - known, "test")
    writer.write(Snapshot(instance, 1, now - known, (), schedules=schedules))
    writer.close()


def test_a_scheduled_job_that_missed_its_run_is_told(check: Check, store: Path) -> None:
    path = "OtherTransaction/Function/shop:nightly"
    assert judged(check("--transaction", path, "--missing", "3h")) == "OK"
    scheduled(store, NIGHTLY)  # due every hour, and run two hours ago
    for asked in (("--transaction", path), ("--app", "shop"), ()):
        result = check(*asked, "--missing", "3h")
        assert judged(result) == "CRITICAL"
        assert re.search(
            r"last run .* ago, shop:nightly was due .* ago \(0 \* \* \* \*\) and has not run", result.stdout
        )
    for asked in (
        ("--type", "web"),
        ("--app", "office|home"),
        ("--transaction", "OtherTransaction/Function/shop:slow"),
    ):
        assert judged(check(*asked, "--missing", "3h")) == "OK"
    write_more(store, [Call(JOB, 1.0)])  # late, but it has run
    assert judged(check("--transaction", path, "--missing", "3h")) == "OK"


def test_a_scheduled_job_that_is_not_due_yet_or_was_not_known(check: Check, store: Path) -> None:
    later, new = NIGHTLY._replace(rule="every 18000"), NIGHTLY._replace(name="shop:new", within=7200)
    scheduled(store, later, new, known=3000)
    assert judged(check("--app", "shop", "--missing", "3h")) == "OK"


def test_a_scheduled_job_that_has_never_run(check: Check, store: Path) -> None:
    scheduled(store, *(NIGHTLY._replace(name=f"shop:{name}") for name in ("a", "b", "c", "d", "e")))
    result = check("--app", "shop", "--transaction", "OtherTransaction/Function/shop:a", "--missing", "8d")
    assert judged(result) == "CRITICAL"
    assert re.search("it has never run .*, shop:a was due .* ago", result.stdout)
    assert "shop:b" not in result.stdout
    assert "2 more" in check("--app", "shop", "--missing", "8d").stdout


def test_a_job_that_is_running_has_begun(check: Check, store: Path) -> None:
    weekly = JOB._replace(name="shop:weekly")
    now = time.time()
    writer = StoreWriter(str(store))
    instance = Instance("two", "host", 2, now - 9000, "test")
    writer.write(Snapshot(instance, 1, now, (), running=(RunningTransaction(weekly, now - 5400),)))
    writer.close()
    path = "OtherTransaction/Function/shop:weekly"
    assert judged(check("--transaction", path, "--missing", "2h")) == "OK"
    assert judged(check("--transaction", path, "--missing", "1h")) == "CRITICAL"


def test_a_job_of_the_day_before_yesterday(check: Check, store: Path) -> None:
    """Whatever of it has been rolled up by then."""
    write_more(store, [Call(JOB._replace(name="shop:rare"), 1.0, age=200_000)])
    path = "OtherTransaction/Function/shop:rare"
    assert judged(check("--transaction", path, "--missing", "3d")) == "OK"
    assert judged(check("--transaction", path, "--missing", "54h")) == "CRITICAL"


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        ((), ("nothing to judge by", "--error-rate")),
        (("--error-rate", "2"), ("--error-rate", "'2'", "2%")),
        (("--error-rate", "101%"), ("--error-rate", "'101%'", "percentage")),
        (("--error-rate", "-1%"), ("'-1%'",)),
        (("--error-rate", "nan%"), ("'nan%'", "percentage")),
        (("--error-rate", "5%,2%"), ("'5%,2%'", "must not be above")),
        (("--error-rate", "1%,2%,3%"), ("1%,2%,3%", "two with a comma")),
        (("--error-rate", ""), ("--error-rate", "percentage")),
        (("--p95", "800"), ("--p95", "'800'", "no unit", "800ms")),
        (("--p95", "0ms"), ("'0ms'", "more than nothing")),
        (("--p95", "fast"), ("'fast'", "length of time")),
        (("--average", "1s,"), ("--average", "length of time")),
        (("--apdex", "1.5"), ("'1.5'", "from 0 to 1")),
        (("--apdex", "0.7,0.85"), ("0.7,0.85", "must not be below")),
        (("--throughput", "10/s"), ("'10/s'", "per minute")),
        (("--missing", "401d"), ("'401d'", "at most 400d")),
        (("--queue-wait", "1 week"), ("'1 week'", "length of time")),
        (("--p95", "1s", "--since", "tomorrow"), ("--since", "'tomorrow'", "30m")),
        (("--p95", "1s", "--min-calls", "few"), ("--min-calls", "'few'")),
        (("--p95", "1s", "--type", "cron"), ("--type", "'cron'", "background")),
        (("--p95", "1s", "--app", "shp"), ("'shp'", "shop")),
        (("--p95", "1s", "--colour"), ("--colour",)),
        (("--p95", "1s", "more"), ("more",)),
    ],
)
def test_bad_input_is_unknown_and_says_what_would_be_right(
    check: Check, arguments: tuple[str, ...], words: tuple[str, ...]
) -> None:
    result = check(*arguments)
    assert judged(result) == "UNKNOWN"
    for word in words:
        assert word in result.stdout


def test_a_store_that_is_not_there(run: Callable[..., Result], tmp_path: Path) -> None:
    result = run("check", "--store", tmp_path / "none.db", "--p95", "1s")
    assert judged(result) == "UNKNOWN"
    assert str(tmp_path / "none.db") in result.stdout
    assert not (tmp_path / "none.db").exists()
    assert judged(run("check", "--p95", "1s")) == "UNKNOWN"


def test_a_file_that_is_no_store_and_a_bad_configuration(run: Callable[..., Result], tmp_path: Path) -> None:
    file = tmp_path / "notes.txt"
    file.write_text("not a database " * 100)
    assert judged(run("check", "--store", file, "--p95", "1s")) == "UNKNOWN"
    assert judged(run("check", "--p95", "1s", WEIGHBRIDGE_APDEX_T="fast")) == "UNKNOWN"


def test_whatever_else_goes_wrong_is_no_judgement(check: Check, store: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("weighbridge.cli.check_command.time.time", lambda: 1 / 0)
    result = check("--p95", "1s")
    assert judged(result) == "UNKNOWN"
    assert "ZeroDivisionError" in result.stdout


def test_no_password_is_shown(run: Callable[..., Result]) -> None:
    result = run("check", "--p95", "1s", "--store", "postgresql://shop:s3cret@127.0.0.1:1/shop")
    assert judged(result) == "UNKNOWN"
    assert "s3cret" not in result.output


def test_the_status_of_a_real_process(store: Path) -> None:
    command = [sys.executable, "-m", "weighbridge.cli", "check", "--store", str(store), "--app", "shop"]
    done = subprocess.run([*command, "--error-rate", "1%,90%"], capture_output=True, text=True, check=False)
    assert (done.returncode, done.stderr) == (1, "")
    assert subprocess.run([*command, "--p95", "x"], capture_output=True, check=False).returncode == 3


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="needs a device that is always full")
def test_a_result_that_cannot_be_written_is_unknown(tmp_path: Path) -> None:
    command = [sys.executable, "-m", "weighbridge", "check", "--error-rate", "1%", "--store", str(tmp_path / "none.db")]
    with Path("/dev/full").open("w") as full:
        assert subprocess.run(command, stdout=full, stderr=subprocess.DEVNULL, check=False).returncode == 3
