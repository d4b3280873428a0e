"""Samples as traces: what they tell, and that each is sent once."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

from click.testing import Result

from weighbridge.transactions.model.finished import NoticedError

from .calls import JOB, PAGE, row, sample, write
from .receiver import TRACES, Answer, Receiver, plain

Export = Callable[..., Result]
ERROR = NoticedError("shop.payment:Declined", "the card was declined")


def sent(done: Result) -> Result:
    assert done.exit_code == 0, done.output
    return done


def spans(receiver: Receiver) -> list[tuple[dict[str, Any], Any]]:
    return [
        ({**plain(resource.resource.attributes), **plain(span.attributes)}, span)
        for message in receiver.sent(TRACES)
        for resource in message.resource_spans
        for scope in resource.scope_spans
        for span in scope.spans
    ]


def names(receiver: Receiver) -> list[str]:
    return [span.name for _, span in spans(receiver)]


def test_only_where_they_are_asked_for(store: Path, receiver: Receiver, export: Export) -> None:
    write(store, row(PAGE, [1.0]), samples=(sample(PAGE, 1.0),))
    sent(export())
    assert names(receiver) == []


def test_a_name_that_is_no_valid_unicode(store: Path, receiver: Receiver, export: Export) -> None:
    odd = JOB._replace(name="read \ud800")
    write(store, row(odd, [1.5]), samples=(sample(odd, 1.5),))
    sent(export("--samples"))
    assert names(receiver) == ["read ?"]


def test_a_request_that_failed(store: Path, receiver: Receiver, export: Export) -> None:
    attributes = {"request.method": "GET", "request.path": "/page", "cart.size": 3, "gift": True, "share": 0.5}
    write(store, row(PAGE, [1.5]), samples=(sample(PAGE, 1.5, error=ERROR, status=500, attributes=attributes),))
    done = sent(export("--samples"))
    assert f"1 traces sent to {receiver.url}/v1/traces" in done.stdout
    ((told, span),) = spans(receiver)
    assert told["service.name"] == "shop"
    assert (told["http.request.method"], told["url.path"], told["http.route"]) == ("GET", "/page", "/page")
    assert (told["http.response.status_code"], told["error.type"]) == (500, "shop.payment.Declined")
    assert (told["cart.size"], told["gift"], told["share"]) == (3, True, 0.5)
    assert (told["weighbridge.transaction.name"], told["weighbridge.sample.reason"]) == (PAGE.name, "failed")
    assert (span.kind, span.status.code) == (2, 2)
    assert round((span.end_time_unix_nano - span.start_time_unix_nano) / 1e9, 6) == 1.5
    (event,) = span.events
    assert event.name == "exception"
    assert plain(event.attributes) == {
        "exception.type": "shop.payment.Declined",
        "exception.message": "the card was declined",
    }
    assert (len(span.trace_id), len(span.span_id)) == (16, 8)


def test_a_job_with_an_expected_error(store: Path, receiver: Receiver, export: Export) -> None:
    job = sample(JOB, 2.0, errors=(ERROR._replace(expected=True),), outcome="retried", queue="mail", queue_time=0.25)
    write(store, row(JOB, [2.0]), samples=(job,))
    sent(export("--samples"))
    ((told, span),) = spans(receiver)
    assert (span.kind, span.status.code) == (1, 0)
    assert "error.type" not in told
    assert told["weighbridge.transaction.outcome"] == "retried"
    assert (told["weighbridge.transaction.queue"], told["weighbridge.transaction.queue_time"]) == ("mail", 0.25)
    assert plain(span.events[0].attributes)["weighbridge.expected"] is True


def test_each_is_sent_once_also_if_it_comes_late(store: Path, receiver: Receiver, export: Export) -> None:
    write(store, row(PAGE, [1.0]), samples=(sample(PAGE, 1.0, ago=5),))
    sent(export("--samples"))
    write(store, row(JOB, [1.0]), samples=(sample(JOB, 1.0, ago=300),))
    sent(export("--samples"))
    sent(export("--samples"))
    assert names(receiver) == [PAGE.name, JOB.name]


def test_those_that_were_not_taken_are_sent_again(store: Path, receiver: Receiver, export: Export) -> None:
    write(store, row(PAGE, [1.0]), samples=(sample(PAGE, 1.0, ago=5),))
    receiver.answers.extend([Answer(), Answer(400)])
    assert export("--samples").exit_code == 2
    assert names(receiver) == []
    sent(export("--samples"))
    assert names(receiver) == [PAGE.name]


def test_a_lost_answer_repeats_the_same_ids(store: Path, receiver: Receiver, export: Export) -> None:
    write(store, row(PAGE, [1.0]), samples=(sample(PAGE, 1.0, ago=5),))
    receiver.answers.extend([Answer(), Answer(cut=True)])
    sent(export("--samples"))
    assert len(spans(receiver)) == 2
    assert len({(span.trace_id, span.span_id) for _, span in spans(receiver)}) == 1


def test_many_are_sent_in_several_messages(store: Path, receiver: Receiver, export: Export) -> None:
    some = [PAGE._replace(name=f"GET /{number}") for number in range(250)]
    write(store, row(PAGE, [1.0]), samples=tuple(sample(one, 1.0, ago=5) for one in some))
    sent(export("--samples"))
    assert sorted(names(receiver)) == sorted(one.name for one in some)
    assert len(receiver.sent(TRACES)) == 2
