"""What is counted, in which days, and with what it is compared: by the clock on somebody's wall."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable
from datetime import datetime, timedelta, timezone
from itertools import pairwise
from pathlib import Path
from typing import Any
from urllib.parse import quote_plus
from zoneinfo import ZoneInfo

import pytest

from tests.console import conftest
from tests.console.conftest import EXPORT, ITEM, JOB, NOW, SEARCH, Ask, Call, asking, write
from tests.console.test_statistics import Cells, Charts, address
from weighbridge.console import Console
from weighbridge.console.days import day_note, local_steps
from weighbridge.transactions.recording.snapshot import Instance, Series, Snapshot
from weighbridge.transactions.store.sqlite.writer import StoreWriter
from weighbridge.transactions.store.statistics import Window

HOUR, DAY = 3600, 86400
CHANGES = {
    "Berlin, forward": ("Europe/Berlin", "2026-03-29"),
    "Berlin, back": ("Europe/Berlin", "2026-10-25"),
    "New York, forward": ("America/New_York", "2026-03-08"),
    "New York, back": ("America/New_York", "2026-11-01"),
    "Kolkata": ("Asia/Kolkata", "2026-03-29"),
    "UTC": ("UTC", "2026-03-29"),
}
"""Zones, and the days on which their clocks are put forward or back (in two of them, they never are)."""

Open = Callable[[Iterable[Call]], Ask]


@pytest.fixture
def at(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Callable[[float, Iterable[Call]], Ask]:
    """Open the page, at a moment, on calls whose ages are told from then."""

    def open_page(now: float, calls: Iterable[Call]) -> Ask:
        monkeypatch.setattr(conftest, "NOW", now)
        path = tmp_path / f"{len(list(tmp_path.iterdir()))}.db"
        write(path, list(calls))
        return asking(Console(path, clock=lambda: now))

    return open_page


def local(day: str, clock: str, zone: str, days: int = 0) -> float:
    """The moment at which a clock on a wall shows that, some days later than on ``day``."""
    shown = datetime.fromisoformat(f"{day}T{clock}") + timedelta(days=days)
    return shown.replace(tzinfo=ZoneInfo(zone)).timestamp()


def told(ask: Ask, query: str) -> Any:
    answer = ask(query)
    assert answer.status == 200, answer.body
    return json.loads(answer.body)


# ---- The window that was counted.


PAGES = ("summary", "transactions", "errors", "transaction", "applications")


@pytest.mark.parametrize("page", PAGES)
@pytest.mark.parametrize("more", ["range=5m", "range=15m", "range=30m", "range=3h", "since={since}&until={until}"])
def test_the_window_told_is_the_one_that_was_counted(at: Any, page: str, more: str) -> None:
    now = conftest.NOW + 17.5
    ask = at(now, [Call(SEARCH, 0.1, age=age) for age in (4 * DAY, *range(20, 4 * HOUR, 13))])
    more = more.format(since=now - 1000, until=now - 301)
    found = told(ask, f"{address(f'/api/{page}', SEARCH)}&{more}")
    window, statistics = found["window"], _figures(found)
    assert window["since"] % 60 == 0
    minutes = (window["until"] - window["since"]) / 60
    assert statistics["per_minute"] == pytest.approx(statistics["calls"] / minutes)
    ended = [now - age // 1 for age in range(20, 4 * HOUR, 13)]
    assert statistics["calls"] == sum(window["since"] <= moment // 60 * 60 < window["until"] for moment in ended)


def _figures(found: Any) -> Any:
    if "figures" in found:
        return found["figures"]
    return (found.get("lines") or found["applications"])[0]["figures"]


def test_where_hours_are_kept_hours_are_what_was_counted(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    now = conftest.NOW // DAY * DAY + 20 * HOUR
    monkeypatch.setattr(conftest, "NOW", now)
    write(tmp_path / "old.db", [Call(SEARCH, 0.1, age=age) for age in range(0, 10 * DAY, 600)])
    writer = StoreWriter(str(tmp_path / "old.db"))
    for number in range(2, 400):  # each write lets a few hours of minutes go
        writer.write(Snapshot(Instance("one", "host", 17, now - 3600, "shop"), number, now))
    writer.close()
    ask = asking(Console(tmp_path / "old.db", clock=lambda: now))
    since = now - 5 * DAY
    found = told(ask, f"/api/summary?app=shop&since={since + 600}&until={since + 1200}")
    assert found["window"] == {"since": since, "until": since + HOUR}
    assert (found["figures"]["calls"], found["figures"]["per_minute"]) == (6, 0.1)


# ---- A new application.


def test_a_new_application_starts_at_its_first_figure(at: Any) -> None:
    now = conftest.NOW + 30
    other = SEARCH._replace(application="old")
    new = [Call(SEARCH, 0.1, age=age) for age in range(0, 270, 10)]  # six a minute
    ask = at(now, [*new, *(Call(other, 0.1, age=age) for age in range(0, 4 * HOUR, 20))])
    first = (now - 260) // 60 * 60
    for length in ("5m", "30m", "24h", "7d", "30d"):
        found = told(ask, f"/api/summary?app=shop&range={length}")
        assert found["window"] == {"since": first, "until": now}
        assert found["figures"]["per_minute"] == pytest.approx(27 / ((now - first) / 60))
        assert [bucket["start"] for bucket in found["timeline"]["buckets"]] == list(range(int(first), int(now), 60))
        assert [bucket["figures"]["per_minute"] for bucket in found["timeline"]["buckets"][1:-1]] == [6.0] * 3
        assert told(ask, f"/api/transactions?app=shop&range={length}")["window"]["since"] == first
    assert told(ask, "/api/summary?app=old&range=30m")["window"]["since"] == (now - 1800) // 60 * 60


def test_nothing_of_a_step_is_averaged_over_its_time_before_the_first_figure(at: Any) -> None:
    now = conftest.NOW // HOUR * HOUR
    ask = at(now, [Call(SEARCH, 0.1, age=age) for age in range(60, 7 * HOUR + 180, 60)])  # one a minute, 7 h 2 min long
    timeline = told(ask, "/api/summary?app=shop&range=24h")["timeline"]
    assert timeline["step"] == 120
    assert {bucket["figures"]["per_minute"] for bucket in timeline["buckets"]} == {1.0}
    ask = at(now, [Call(SEARCH, 0.1, age=age) for age in range(60, 5 * DAY + 1260, 60)])
    timeline = told(ask, "/api/summary?app=shop&range=7d")["timeline"]
    assert timeline["step"] == 1800
    assert [bucket["figures"]["per_minute"] for bucket in timeline["buckets"]] == pytest.approx(
        [1.0] * len(timeline["buckets"])
    )


def test_so_it_is_where_the_first_step_begins_before_the_time_that_is_shown(at: Any) -> None:
    now = conftest.NOW // DAY * DAY + 20 * HOUR
    ask = at(now, [Call(SEARCH, 0.1, age=age) for age in range(60, 30 * DAY + 3 * HOUR, 1800)])
    timeline = told(ask, "/api/summary?app=shop&range=30d&tz=UTC")["timeline"]
    assert timeline["step"] == 3 * HOUR
    assert all(0.033 < bucket["figures"]["per_minute"] < 0.036 for bucket in timeline["buckets"][:-1])


def test_it_begins_further_right_among_the_other_applications(at: Any) -> None:
    now = conftest.NOW
    old = SEARCH._replace(application="old")
    ask = at(now, [Call(SEARCH, 0.1, age=300), *(Call(old, 0.1, age=age) for age in range(60, HOUR, 60))])
    page = ask("/applications?range=30m").body.decode()
    points = {name: _points(page, name) for name in ("old", "shop")}
    assert points["old"][0] < 10
    assert points["shop"][0] > 120
    assert [row[4] for row in Cells(page.encode()).rows if row] == ["1.00/min", "0.20/min"]


def _points(page: str, application: str) -> list[float]:
    line = page.partition(f"app={application}")[2].partition('points="')[2].partition('"')[0]
    return [float(point.partition(",")[0]) for point in line.split()]


def test_the_time_since_a_web_application_is_gone_lowers_no_rate(tmp_path: Path) -> None:
    gone = conftest.NOW  # an hour after it was started
    calls = [Call(one, 0.1, age=age) for one in (SEARCH, JOB) for age in range(60, 1800, 60)]
    write(tmp_path / "gone.db", calls)
    ask = asking(Console(tmp_path / "gone.db", clock=lambda: gone + 900))
    for page in ("summary", "transaction", "transactions"):
        found = told(ask, f"/api/{page}?app=shop&range=30m&group=Route&name=GET+/search")
        assert found["window"]["until"] == gone + 900
        assert found["served"] == {"since": gone - 900, "until": gone}
        figures = found["lines"][0]["figures"] if page == "transactions" else found["figures"]
        assert (figures["calls"], figures["per_minute"]) == (15, 1.0)
    assert " · stopped <time" in ask("/summary?app=shop").body.decode()
    assert ask("/transactions.csv?app=shop").body.decode().splitlines()[1].split(",")[4:6] == ["15", "1.0"]
    assert [row[4] for row in Cells(ask("/applications?range=30m").body).rows if row] == ["1.00/min", "0.50/min"]
    jobs = told(ask, "/api/summary?app=shop&range=30m&kind=background")  # scripts are meant to end
    assert (jobs["served"], jobs["figures"]["per_minute"]) == (jobs["window"], 0.5)


def test_an_application_that_is_there_and_idle_has_a_low_rate(at: Any) -> None:
    now = conftest.NOW
    found = told(
        at(now, [Call(SEARCH, 0.1, age=age) for age in range(900, 1801, 60)]), "/api/summary?app=shop&range=30m"
    )
    assert found["served"] == found["window"] == {"since": now - 1800, "until": now}
    assert found["figures"]["per_minute"] == pytest.approx(16 / 30)


def test_one_whose_only_calls_are_later_than_the_window_is_shown_as_it_was_asked_for(at: Any) -> None:
    now = conftest.NOW
    ask = at(now, [Call(SEARCH, 0.1, age=60)])
    found = told(ask, f"/api/summary?app=shop&since={now - 7200}&until={now - 3600}")
    assert found["window"] == {"since": now - 7200, "until": now - 3600}
    assert found["figures"]["calls"] == 0


# ---- Days.


@pytest.mark.parametrize("name", CHANGES)
def test_a_month_is_charted_by_three_hours_of_the_viewers_days(at: Any, name: str) -> None:
    zone, day = CHANGES[name]
    now = local(day, "12:00", zone, 8)
    hourly = range(30 * 60, 45 * DAY, HOUR)
    ask = at(now, [Call(SEARCH, 0.1, failed=True, error="Broken", age=age) for age in hourly])
    query = f"app=shop&range=30d&tz={quote_plus(zone)}"
    buckets = told(ask, f"/api/summary?{query}")["timeline"]["buckets"]
    minute = "30" if zone == "Asia/Kolkata" else "00"
    begin = [datetime.fromtimestamp(bucket["start"], ZoneInfo(zone)) for bucket in buckets]
    assert 240 <= len(begin) <= 242
    assert {f"{start:%H:%M}" for start in begin} == {f"{hour:02}:{minute}" for hour in range(0, 24, 3)}
    midnights = [start.date() for start in begin if start.hour == 0]
    assert [later - earlier for earlier, later in pairwise(midnights)] == [timedelta(days=1)] * 29
    starts = [*(bucket["start"] for bucket in buckets), now]
    ended = [now - age for age in hourly]
    for bucket, (since, until) in zip(buckets, pairwise(starts), strict=True):
        assert bucket["figures"]["calls"] == sum(since <= moment < until for moment in ended)
        whole = until - since > HOUR and until < now
        assert bucket["figures"]["per_minute"] == pytest.approx(1 / 60, rel=0.06) or not whole
    long = [round((until - since) / HOUR) for since, until in pairwise(starts[:-1])]
    changed = {"forward": [2], "back": [4]}.get(name.rpartition(" ")[2], [])
    assert [hours for hours in long if hours != 3] == changed
    over_time = told(ask, f"/api/errors?{query}")["over_time"]
    assert over_time["starts"] == starts[:-1]
    assert over_time["errors"][0]["counts"] == [bucket["figures"]["calls"] for bucket in buckets]
    (trend,) = told(ask, f"/api/transactions?{query}")["trends"]
    assert trend["timeline"]["buckets"] == buckets
    note = f"days from 00:30 to 00:30, {zone}" if minute == "30" else f"days of {zone}"
    assert note in ask(f"/summary?{query}").body.decode()
    assert note in ask(f"/transactions?{query}").body.decode()
    assert note not in ask(f"/summary?{query.replace('30d', '7d')}").body.decode()


@pytest.mark.parametrize("zone", ["Asia/Kolkata", "Asia/Kathmandu", "America/St_Johns"])
@pytest.mark.parametrize("clock", ["00:05", "00:50", "03:20"])
def test_steps_hold_their_hours_whatever_the_time_is(at: Any, zone: str, clock: str) -> None:
    now = local("2026-08-20", clock, zone, 5)
    ages = [*range(60, 5 * HOUR, 240), *range(5 * HOUR, 30 * DAY - HOUR, 5 * HOUR)]
    ask = at(now, [Call(SEARCH, 0.1, failed=True, error="Broken", age=age) for age in ages])
    query = f"app=shop&range=30d&tz={quote_plus(zone)}"
    buckets = told(ask, f"/api/summary?{query}")["timeline"]["buckets"]
    starts = [*(bucket["start"] for bucket in buckets), now]
    counts = [sum(since <= now - age < until for age in ages) for since, until in pairwise(starts)]
    assert [bucket["figures"]["calls"] for bucket in buckets] == counts
    assert told(ask, f"/api/errors?{query}")["over_time"]["errors"][0]["counts"] == counts


def test_days_of_23_to_25_hours_whenever_clocks_are_changed() -> None:
    for zone, day, hours in (
        ("Europe/Berlin", "2026-03-29", 23),
        ("Europe/Berlin", "2026-10-25", 25),
        ("America/Havana", "2026-03-08", 23),  # from midnight to one
        ("America/Havana", "2026-11-01", 25),  # from one to midnight
        ("Australia/Lord_Howe", "2026-04-05", 25),  # by half an hour
    ):
        noon = local(day, "12:00", zone)
        days = local_steps(Window(noon - 5 * DAY, noon + 5 * DAY), DAY, ZoneInfo(zone))
        ends = [*days.starts[1:], days.end]
        (length,) = (end - start for start, end in zip(days.starts, ends, strict=True) if start <= noon < end)
        assert length == hours * HOUR, zone
        assert len(days.starts) == len(days.start_of) == 11


def test_the_days_of_a_zone_hold_the_window_and_no_more() -> None:
    window = Window(1_790_000_040.0, 1_790_000_040.0 + 3 * DAY)
    for zone in map(ZoneInfo, ("Europe/Berlin", "Pacific/Kiritimati", "Pacific/Pago_Pago", "Asia/Kathmandu", "UTC")):
        days = local_steps(window, DAY, zone)
        assert days.starts[0] <= window.since < days.starts[1]
        assert days.starts[-1] < window.until <= days.end
        assert all(start % HOUR == 0 for start in days.starts)


def test_where_no_zone_is_named_the_days_are_said_to_be_those_of_the_machine() -> None:
    assert day_note([1_790_000_000 // DAY * DAY], timezone.utc) == "days of UTC"
    assert day_note([], None) == ""


# ---- The day and the week before.


def rush_hour(now: float, zone: str, days: int) -> list[Call]:
    """Ten calls between nine and ten, one in each other hour, by the clock on the wall."""
    calls = []
    for age in range(int(now) % HOUR + 30, days * DAY, HOUR):
        clock = datetime.fromtimestamp(now - age, ZoneInfo(zone)).hour
        calls += [Call(SEARCH, 0.1, age=age)] * (10 if clock == 9 else 1)
    return calls


@pytest.mark.parametrize("name", CHANGES)
@pytest.mark.parametrize("compare", ["day", "week"])
def test_it_is_compared_with_the_same_hour_on_the_clock(at: Any, name: str, compare: str) -> None:
    zone, day = CHANGES[name]
    now = local(day, "12:00", zone, 0 if compare == "day" else 3)
    ask = at(now, rush_hour(now, zone, 12))
    since, until = (local(day, clock, zone, 0 if compare == "day" else 3) for clock in ("09:00", "10:00"))
    query = f"app=shop&compare={compare}&tz={quote_plus(zone)}&since={since}&until={until}"
    found = told(ask, f"/api/summary?{query}")
    assert found["figures"]["calls"] == found["compared"]["figures"]["calls"] == 10
    shown = [
        [f"{datetime.fromtimestamp(moment, ZoneInfo(zone)):%a %H:%M}"[4:] for moment in one["window"].values()]
        for one in (found, found["compared"])
    ]
    assert shown == [["09:00", "10:00"]] * 2
    chart = Charts(ask(f"/summary?{query}").body).found["Throughput over time"]
    now_line, before = chart["lines"]
    assert before["before"]
    assert before["values"] == now_line["values"]


@pytest.mark.parametrize("name", CHANGES)
def test_each_step_of_a_week_is_compared_with_the_same_time_of_its_day(at: Any, name: str) -> None:
    zone, day = CHANGES[name]
    now = local(day, "12:00", zone, 3)
    ask = at(now, rush_hour(now, zone, 20))
    found = told(ask, f"/api/summary?app=shop&range=7d&compare=week&tz={quote_plus(zone)}")
    changed = name.rpartition(" ")[2] in {"forward", "back"}
    assert found["timeline"]["step"] == found["compared"]["timeline"]["step"] == HOUR
    buckets, before = found["timeline"]["buckets"], found["compared"]["timeline"]["buckets"]
    places = found["compared"]["places"]
    assert len(places) == len(buckets)
    for bucket, place in list(zip(buckets, places, strict=True))[1:-1]:
        assert bucket["figures"]["calls"] == before[place]["figures"]["calls"]
        clocks = [datetime.fromtimestamp(one["start"], ZoneInfo(zone)).hour for one in (bucket, before[place])]
        assert clocks[0] == clocks[1] or (changed and 2 in clocks) or (changed and 3 in clocks)


@pytest.mark.parametrize("name", CHANGES)
def test_a_month_of_days_is_compared_with_the_same_days_of_the_week(at: Any, name: str) -> None:
    zone, day = CHANGES[name]
    now = local(day, "12:00", zone, 3)
    ask = at(now, rush_hour(now, zone, 45))
    found = told(ask, f"/api/summary?app=shop&range=30d&compare=week&tz={quote_plus(zone)}")
    before = found["compared"]["timeline"]["buckets"]
    for bucket, place in zip(found["timeline"]["buckets"], found["compared"]["places"], strict=True):
        days = [datetime.fromtimestamp(one["start"], ZoneInfo(zone)).date() for one in (bucket, before[place])]
        assert days[0] - days[1] == timedelta(days=7)


def test_a_time_that_the_clock_skipped_is_compared_all_the_same(at: Any) -> None:
    monday = "2026-03-30"  # on Sunday there was no time from two to three
    now = local(monday, "12:00", "Europe/Berlin")
    ask = at(now, rush_hour(now, "Europe/Berlin", 4))
    for since, until in (("02:10", "02:40"), ("02:50", "03:10"), ("01:50", "03:10"), ("01:50", "02:10")):
        query = "&".join(f"{n}={local(monday, c, 'Europe/Berlin')}" for n, c in (("since", since), ("until", until)))
        found = told(ask, f"/api/summary?app=shop&{query}&compare=day&tz=Europe/Berlin")
        window = found["compared"]["window"]
        assert 0 < window["until"] - window["since"] <= 80 * 60


def test_where_only_hours_are_kept_each_minute_is_compared_with_its_hour(at: Any) -> None:
    now = conftest.NOW // DAY * DAY + 12 * HOUR + 600
    ask = at(now, [Call(SEARCH, 0.1 if age < DAY else 0.3, age=age) for age in range(0, 12 * DAY, 120)])
    for _ in range(60):
        ask("/")
    found = told(ask, "/api/summary?app=shop&range=1h&compare=week")
    chart = Charts(ask("/summary?app=shop&range=1h&compare=week").body).found["Response time over time"]
    before = next(line for line in chart["lines"] if line.get("before"))
    assert len(before["values"]) == len(found["timeline"]["buckets"])
    assert set(before["values"]) <= {0.3, None}
    assert before["values"].count(0.3) >= len(before["values"]) // 2


def test_an_application_that_was_not_there_yet_is_compared_with_nothing(at: Any) -> None:
    now = conftest.NOW
    ask = at(now, [Call(series, 0.1, age=age) for series in (ITEM, JOB) for age in range(60, 3 * HOUR, 60)])
    found = told(ask, "/api/summary?app=shop&range=3h&compare=day")
    assert found["compared"]["figures"]["calls"] == 0
    assert "none before" in ask("/summary?app=shop&range=3h&compare=day").body.decode()
    one = Series(*ITEM)
    assert told(ask, address("/api/transaction", one, range="24h"))["window"]["since"] == now - 3 * HOUR + 60


# ---- What the page opens on, and what it leaves out.


@pytest.mark.parametrize(
    ("age", "length"), [(60, ""), (2700, "1h"), (5 * HOUR, "6h"), (2 * DAY, "3d"), (29 * DAY, "30d"), (80 * DAY, "")]
)
def test_it_opens_on_the_last_time_in_which_there_was_something(at: Any, age: int, length: str) -> None:
    ask = at(conftest.NOW, [Call(SEARCH, 0.1, age=age)])
    location = dict(ask("/").headers)["location"]
    assert location == ("/applications?" if age > 30 * DAY else f"/summary?app=shop{f'&range={length}' * bool(length)}")
    assert ask(location).status == 200
    assert dict(ask("/?range=12h").headers)["location"].endswith("range=12h")
    other = Call(SEARCH._replace(application="old"), 0.1, age=age)
    location = dict(at(conftest.NOW, [Call(SEARCH, 0.1, age=age), other])("/").headers)["location"]
    assert location == f"/applications?{f'range={length}' * bool(length)}"


def test_it_opens_on_the_kind_of_which_there_is_any(at: Any) -> None:
    worker = JOB._replace(application="worker")
    ask = at(conftest.NOW, [Call(worker, 0.1, age=60)])
    location = dict(ask("/").headers)["location"]
    assert location == "/summary?app=worker&kind=background"
    assert "No non-web transactions" not in ask(location).body.decode()
    ask = at(conftest.NOW, [Call(worker, 0.1, age=60), Call(SEARCH, 0.1, age=60)])
    assert dict(ask("/?app=worker").headers)["location"] == location
    assert dict(ask("/?app=shop").headers)["location"] == "/summary?app=shop"
    assert dict(ask("/").headers)["location"] == "/applications?"


def test_an_application_can_be_chosen_also_where_none_had_anything_to_do(at: Any) -> None:
    page = at(conftest.NOW, [Call(SEARCH, 0.1, age=DAY)])("/summary").body.decode()
    assert '<option value="shop" selected>shop</option>' in page
    assert "No web transactions in this time" in page
    assert "recorded yet" not in page


@pytest.mark.parametrize("page", ["summary", "transactions", "errors", "applications"])
def test_a_store_in_which_nothing_was_recorded_says_what_to_do(at: Any, page: str) -> None:
    body = at(conftest.NOW, [])(f"/{page}").body.decode()
    assert "Nothing has been recorded yet" in body
    assert "WSGITransactionMiddleware" in body


def test_the_first_minute_shows_no_empty_cards(at: Any) -> None:
    now = conftest.NOW + 30
    ask = at(now, [Call(SEARCH, 0.1, age=5), Call(JOB, 0.1, age=5)])
    for kind, series in (("web", SEARCH), ("background", JOB)):
        summary = ask(f"/summary?app=shop&kind={kind}").body
        assert Charts(summary).found == {}
        one = ask(address("/transaction", series)).body
        assert Charts(one).found == {}
        for body in (summary.decode(), one.decode()):
            assert "Charts begin with the second minute." in body
            assert "None in this time" not in body
            assert "None were kept" not in body
            assert "<h2>Errors" not in body
        assert "What if it were non-web" not in one.decode()
    ask = at(now, [Call(series, 0.1, age=age) for series in (SEARCH, JOB) for age in (5, 65)])
    assert len(Charts(ask("/summary?app=shop").body).found) == 5
    assert "Charts begin" not in ask("/summary?app=shop").body.decode()


def test_what_is_not_there_is_not_charted(at: Any) -> None:
    ask = at(conftest.NOW, [Call(JOB, 0.1, age=age) for age in (60, 120, 180)])
    assert len(Charts(ask("/summary?app=shop&kind=background").body).found) == 3
    body = ask("/summary?app=shop&kind=background").body.decode()
    assert 'class="card wide"><h2>Most time consuming' in body
    assert "<h2>Errors" not in body


def test_one_transaction_is_compared_with_its_own_day_before(tmp_path: Path) -> None:
    today = [Call(EXPORT, 0.3, age=age) for age in range(90, 1500, 60)]
    before = [Call(EXPORT, 0.1, age=86400 + age) for age in range(90, 1500, 60)]
    write(tmp_path / "two.db", [*today, *before, *(Call(SEARCH, 9.0, age=86400 + age) for age in (90, 150))])
    ask = asking(Console(tmp_path / "two.db", clock=lambda: NOW))
    query = "app=shop&group=Route&name=GET+/export.csv&tz=UTC&compare=day"
    compared = told(ask, f"/api/transaction?{query}")["compared"]
    assert compared["figures"]["calls"] == len(before)
    assert compared["figures"]["average_seconds"] == pytest.approx(0.1)
    page = ask(f"/transaction?{query}").body
    (line,) = (one for one in Charts(page).found["Response time over time"]["lines"] if one.get("before"))
    assert set(line["values"]) - {None} == {0.1}
    assert page.count(b"+200.0 %") >= 2  # of the average and of the percentiles
