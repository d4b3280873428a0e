"""The link from a sample to its log lines: what is in it, where it is shown, and what is no template."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner

from weighbridge.cli.commands import weighbridge
from weighbridge.console import Console
from weighbridge.console.log_link import log_link
from weighbridge.transactions.configuration.loading import load

from .conftest import NOW, PAYLOAD, SEARCH, Call, asking, write

TRACE = "0af7651916cd43dd8448eb211c80319c"
TRACEPARENT = f"00-{TRACE}-b7ad6b7169203331-01"
TEMPLATE = "https://logs.example.com/app?q={request.id}&day=7#{trace.id}"


@pytest.mark.parametrize(
    ("attributes", "link"),
    [
        ({"request.id": "r1", "traceparent": TRACEPARENT}, f"https://logs.example.com/app?q=r1&day=7#{TRACE}"),
        ({"request.id": "r1", "trace.id": "mine"}, "https://logs.example.com/app?q=r1&day=7#mine"),
        (
            {"request.id": "a b/é&x=1#\n\ud800{trace.id}", "trace.id": 17},
            "https://logs.example.com/app?q=a%20b%2F%C3%A9%26x%3D1%23%0A%3F%7Btrace.id%7D&day=7#17",
        ),
        ({"request.id": "r1"}, None),
        ({"request.id": "r1", "traceparent": "not one"}, None),
        ({"request.id": "r1", "traceparent": TRACEPARENT.replace(TRACE, "0" * 32)}, None),
        ({"request.id": "r1", "traceparent": f"00-{TRACE}-{'0' * 16}-01"}, None),
        ({"request.id": "r1", "traceparent": f"ff{TRACEPARENT[2:]}"}, None),
        (
            {"request.id": "r1", "traceparent": f"cc{TRACEPARENT[2:]}-later"},
            f"https://logs.example.com/app?q=r1&day=7#{TRACE}",
        ),
        ({"request.id": "", "trace.id": "x"}, None),
        ({"request.id": "..", "trace.id": "x"}, None),
    ],
)
def test_values_are_percent_encoded_and_none_is_missing(attributes: dict[str, Any], link: str | None) -> None:
    assert log_link(TEMPLATE, attributes) == link


def shown(tmp_path: Path, attributes: dict[str, Any], template: str | None = TEMPLATE) -> tuple[str, Any]:
    """The page of a sample with such attributes, and its JSON."""
    path = tmp_path / "linked.db"
    write(path, [Call(SEARCH, 0.3, attributes=attributes)])
    console = Console(path, clock=lambda: NOW, log_link=template)
    ask, query = asking(console), "app=shop&group=Route&name=GET+/search&sample=1"
    page, told = ask(f"/sample?{query}").body.decode(), json.loads(ask(f"/api/sample?{query}").body)
    console.close()
    return page, told["log_link"]


def test_the_page_of_a_sample_leads_to_its_log_lines(tmp_path: Path) -> None:
    page, link = shown(tmp_path, {"request.id": PAYLOAD, "traceparent": TRACEPARENT, "plan": "gold"})
    assert link.startswith("https://logs.example.com/app?q=%3Cscript%3E")
    assert link.endswith(f"#{TRACE}")
    assert page.count(f'href="{link.replace("&", "&amp;")}"') == 3  # the heading, the id, and the traceparent
    assert page.count('rel="noopener noreferrer"') == 3


def test_without_a_template_or_a_value_there_is_none(tmp_path: Path) -> None:
    for template, attributes in ((None, {"request.id": "r1"}), (TEMPLATE, {"request.id": "r1"})):
        page, link = shown(tmp_path, attributes, template)
        assert link is None
        assert "log lines" not in page


WRONG = [
    ("ftp://logs/{request.id}", "must begin with https:// or http://"),
    ("javascript:alert({request.id})", "must begin with https:// or http://"),
    ("https:///{request.id}", "name a host"),
    ("https://{request.id}/", "the host may not come from an attribute"),
    ("https://{request.id}.example.com:1/", "the host may not come from an attribute"),
    ("https://user:pass@logs/{request.id}", "no user or password"),
    ("https://logs/", "{request.id}"),
    ("https://logs/{}", "{request.id}"),
    ("https://logs/{request.id}?{", "%7B"),
    ("https://logs/a b?{request.id}", "percent-encoded"),
    ("https://logs:port/{request.id}", "no URL"),
    (f"https://logs/{{request.id}}{'x' * 2000}", "longer than 2000"),
    ("", "https://logs.example.com/search"),
]


@pytest.mark.parametrize(("template", "why"), WRONG)
def test_what_is_no_template_is_named_with_its_place(tmp_path: Path, template: str, why: str) -> None:
    file = tmp_path / "weighbridge.toml"
    file.write_text(f"[weighbridge]\nlog_link = {json.dumps(template)}\n")
    found = load(file)
    (problem,) = found.problems
    assert found.settings.log_link is None
    for word in (str(file), "log_link", why):
        assert word in str(problem)
    assert "user:pass" not in str(problem)


def test_config_says_what_is_wrong_and_what_is_right(tmp_path: Path) -> None:
    file = tmp_path / "weighbridge.toml"
    runner = CliRunner(env={"WEIGHBRIDGE_CONFIG_FILE": str(file)})
    file.write_text('[weighbridge]\nlog_link = "ftp://logs/{request.id}"\n')
    wrong = runner.invoke(weighbridge, ["config"])
    assert "log_link" in wrong.output
    assert "must begin with https:// or http://" in " ".join(wrong.output.split())
    file.write_text(f'[weighbridge]\nlog_link = "{TEMPLATE}"\n')
    right = runner.invoke(weighbridge, ["config"])
    assert right.exit_code == 0
    assert TEMPLATE in right.output


def test_a_page_that_is_mounted_refuses_what_is_no_template(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="must begin with https"):
        Console(tmp_path / "none.db", log_link="ftp://logs/{request.id}")
