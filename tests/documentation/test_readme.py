"""The README is short, says what it promises, and what it says of others is what its table says."""

from __future__ import annotations

import re

from .pages import README, text_of

TEXT = text_of(README)


def test_it_has_at_most_1200_words() -> None:
    assert len(TEXT.split()) <= 1200


def test_its_first_fifteen_lines_have_the_picture_and_the_others() -> None:
    first = "\n".join(TEXT.splitlines()[:15])
    assert "](docs/screenshots/summary.png)" in first
    for other in ("Prometheus", "Sentry", "New Relic", "Datadog", "Flask-MonitoringDashboard", "django-silk"):
        assert other in first


def test_what_it_says_of_the_others_costs_is_what_its_table_says() -> None:
    table = (line.split("|")[1:-1] for line in TEXT.splitlines() if " µs |" in line)
    micros = {name.strip(): [float(cell.split()[-2]) for cell in cells] for name, *cells in table}
    others = [micros[name] for name in ("sentry", "newrelic", "datadog")]
    ratios = [cost[middleware] / micros["weighbridge"][middleware] for cost in others for middleware in (0, 1)]
    least, most = map(int, re.findall(r"a (\d+)th", TEXT)[:2])
    assert 0.9 * least <= min(ratios)
    assert max(ratios) <= 1.1 * most
