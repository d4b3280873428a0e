"""Transactions of messages, in the four call forms."""

from __future__ import annotations

import types

import pytest

from weighbridge import agent
from weighbridge.testing import CapturedTransactions


def handle(message: str) -> str:
    return message


def wrapped_by_path() -> types.ModuleType:
    module = types.ModuleType("consumers")
    module.handle = handle  # type: ignore[attr-defined]
    agent.wrap_message_transaction(module, "handle", "RabbitMQ", "Queue", "orders", routing_key="k")
    return module


@pytest.mark.parametrize("form", ["decorator", "wrapper", "path", "block"])
def test_the_path_names_library_destination_and_type(form: str, captured_transactions: CapturedTransactions) -> None:
    arguments = ("RabbitMQ", "Queue", "orders")
    if form == "decorator":
        assert agent.message_transaction(*arguments, application="shop", headers={})(handle)("m") == "m"
    elif form == "wrapper":
        assert agent.MessageTransactionWrapper(handle, *arguments, queue_name="q")("m") == "m"
    elif form == "path":
        assert wrapped_by_path().handle("m") == "m"
    else:
        with agent.MessageTransaction(*arguments, application=agent.application(), transport_type="AMQP") as message:
            assert message.path == "OtherTransaction/Message/RabbitMQ/Queue/Named/orders"
    (finished,) = captured_transactions
    assert finished.path == "OtherTransaction/Message/RabbitMQ/Queue/Named/orders"
    assert (finished.group, finished.name) == ("Message/RabbitMQ/Queue", "Named/orders")


def test_each_part_may_depend_on_the_call(captured_transactions: CapturedTransactions) -> None:
    @agent.message_transaction("Kafka", lambda topic: "Topic", lambda topic: topic)
    def consume(topic: str) -> None: ...

    consume("a")
    consume("b")
    assert [finished.name for finished in captured_transactions] == ["Named/a", "Named/b"]


def test_within_a_request_it_makes_that_a_background_transaction(captured_transactions: CapturedTransactions) -> None:
    with agent.WebTransaction(name="page"), agent.MessageTransaction("Kafka", "Topic", "orders"):
        pass
    assert [finished.path for finished in captured_transactions] == [
        "OtherTransaction/Message/Kafka/Topic/Named/orders"
    ]


def test_its_name_can_be_asked_for() -> None:
    assert agent.MessageTransaction.get_transaction_name("Kafka", "Topic", "n") == ("Named/n", "Message/Kafka/Topic")
