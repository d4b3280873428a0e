"""Figures against the raw durations, computed here by other means."""

import statistics

import pytest

from weighbridge.transactions.recording.totals import Totals
from weighbridge.transactions.store.reader import Selection
from weighbridge.transactions.store.statistics import Window, statistics_of

BOTH_ENGINES = True


def test_all_figures_of_a_window(make, writer, read) -> None:
    durations = [0.1, 0.2, 0.3, 0.6, 0.9, 2.5]
    writer.write(
        make.snapshot(
            make.row(durations[:4], errors=1, response_starts=4, response_start_total=0.4, statuses={200: 3, 500: 1}),
            make.row(
                durations[4:], minute=make.now + 60, queued=2, queue_total=0.06, disconnected=1, statuses={200: 2}
            ),
        )
    )
    window = Window(make.now, make.now + 120)
    with read() as reader:
        (line,) = reader.transactions(window)
        assert reader.statuses(window) == {200: 5, 500: 1}
    found = line.statistics
    assert (found.calls, found.per_minute, found.errors, found.disconnected) == (6, 3.0, 1, 1)
    assert found.total == pytest.approx(sum(durations))
    assert found.average == pytest.approx(statistics.mean(durations))
    assert (found.minimum, found.maximum) == (0.1, 2.5)
    assert found.median == pytest.approx(0.3, rel=0.011)
    assert found.p95 == found.p99 == pytest.approx(2.5, rel=0.011)
    assert found.error_rate == pytest.approx(1 / 6)
    assert (found.satisfied, found.tolerating, found.frustrated) == (3, 2, 1)
    assert found.apdex == pytest.approx((3 + 2 / 2) / 6)
    assert (found.apdex_t, found.apdex_samples) == (0.5, 6)
    assert found.response_start == pytest.approx(0.1)
    assert found.queue_time == pytest.approx(0.03)
    assert line.share == 1.0


def test_a_background_transaction_has_no_apdex(make, writer, read) -> None:
    writer.write(make.snapshot(make.row([1.0], make.job)))
    found = read().totals(make.always)
    assert (found.calls, found.apdex, found.apdex_t) == (1, None, None)


def test_nothing_has_no_figures_but_zero_counts() -> None:
    found = statistics_of(Totals(), 10.0)
    assert (found.calls, found.per_minute, found.total, found.errors) == (0, 0.0, 0.0, 0)
    assert {found.average, found.minimum, found.median, found.p99, found.maximum, found.error_rate, found.apdex} == {
        None
    }


def test_the_latest_threshold_is_shown(make, writer, read) -> None:
    writer.write(make.snapshot(make.row([1.0], apdex_t=2.0)))
    writer.write(make.snapshot(make.row([1.0], apdex_t=3.0)))
    writer.write(make.snapshot(make.row([1.0], apdex_t=None)))
    writer.write(make.snapshot(make.row([1.0], minute=make.now - 600, apdex_t=0.1)))
    with read() as reader:
        assert reader.totals(make.always).apdex_t == 3.0
        assert reader.transactions(make.always)[0].statistics.apdex_t == 3.0


def test_an_applications_threshold_is_that_of_most_of_its_transactions(make, writer, read) -> None:
    export = make.page._replace(name="GET /export")
    writer.write(make.snapshot(make.row([0.1] * 9), make.row([4.0], export, apdex_t=5.0)))
    assert read().totals(make.always).apdex_t == 0.5


def test_the_parts_make_the_whole(make, writer, read) -> None:
    other = make.page._replace(application="office")
    api = make.page._replace(name="GET /api")
    writer.write(
        make.snapshot(make.row([0.1, 0.4]), make.row([1.5], api), make.row([1.0], make.job), make.row([3.0], other))
    )
    with read() as reader:
        assert [(one.application, one.kind, one.statistics.calls) for one in reader.applications(make.always)] == [
            ("office", "web", 1), ("shop", "web", 3), ("shop", "background", 1)
        ]  # fmt: skip
        shares = {line.series: line.share for line in reader.transactions(make.always)}
        assert shares[api] == pytest.approx(0.75)
        assert shares[make.job] == shares[other] == 1.0
        assert reader.totals(make.always, Selection("shop")).calls == 4
        assert reader.totals(make.always, Selection(kind="web")).calls == 4
        assert reader.totals(make.always, Selection(name="GET /page")).total == pytest.approx(3.5)
        assert [line.series for line in reader.transactions(make.always, Selection("shop", "web"))] == [api, make.page]
