"""The ways in which public programs call the agent, each as a small function of the module that they call.

Every kind of call was seen in public programs; the functions are written here. The
number and the kinds were counted: what programs do with a transaction, an application
or a trace once they have it, how they wrap, what they set, and in which old forms.
"""

from __future__ import annotations

import asyncio
import logging
import sys
import types
from collections.abc import Callable
from typing import Any

__all__ = ["PATTERNS", "RAISE_THERE"]

PATTERNS: dict[str, Callable[[Any], Any]] = {}
"""By name."""

RAISE_THERE = {
    "errors_in_the_form_of_before",
    "errors_in_the_form_of_before_with_params",
    "an_attribute_under_its_old_name",
    "attributes_under_their_old_name",
    "a_background_task_without_arguments",
    "an_event_without_params",
    "the_version_of_the_module",
}
"""Those that raise in the agent's release 14.1, which has dropped what they call."""


def pattern(function: Callable[[Any], Any]) -> Callable[[Any], Any]:
    """Add a function to the patterns."""
    PATTERNS[function.__name__] = function
    return function


def in_a_task(function: Callable[[Any], Any]) -> Callable[[Any], Any]:
    """Add a function to the patterns, which runs within a background task."""

    def within(agent: Any) -> Any:
        return agent.background_task(name="pattern")(lambda: function(agent))()

    PATTERNS[function.__name__] = within
    return function


def in_a_request(function: Callable[[Any], Any]) -> Callable[[Any], Any]:
    """Add a function to the patterns, which runs within a web transaction."""

    def within(agent: Any) -> Any:
        return agent.web_transaction(name="pattern", request_path="/")(lambda: function(agent))()

    PATTERNS[function.__name__] = within
    return function


class Sample:
    """What is wrapped."""

    def run(self, number: int = 1) -> int:
        """Return the number."""
        return number


def module() -> types.ModuleType:
    """A module with a function and a class."""
    made = types.ModuleType("pattern_sample")
    made.run = lambda number=1: number  # type: ignore[attr-defined]
    made.Sample = type("Sample", (Sample,), {})  # type: ignore[attr-defined]
    sys.modules[made.__name__] = made
    return made


# Settings


@pattern
def license_key_before_initialize(agent: Any) -> None:
    agent.global_settings().license_key = "0" * 40


@pattern
def several_settings_in_code(agent: Any) -> None:
    settings = agent.global_settings()
    settings.app_name = "Sample"
    settings.log_level = "info"
    settings.transaction_tracer.enabled = True
    settings.transaction_tracer.transaction_threshold = 0.5
    settings.error_collector.enabled = True
    settings.browser_monitoring.auto_instrument = False


@pattern
def developer_mode_in_tests(agent: Any) -> None:
    agent.global_settings().developer_mode = True


@pattern
def a_log_file_unless_there_is_one(agent: Any) -> None:
    settings = agent.global_settings()
    if settings.log_file is None:
        settings.log_file = "stderr"


@pattern
def all_settings_in_the_log(agent: Any) -> None:
    assert [f"{name} = {value}" for name, value in dict(agent.global_settings()).items()]


@pattern
def a_nested_setting_is_asked_for(agent: Any) -> None:
    settings = agent.global_settings()
    assert hasattr(settings, "cloud")
    assert hasattr(settings.cloud, "aws")
    assert getattr(settings.cloud.aws, "account_id", None) is None


@pattern
def a_setting_that_may_not_exist(agent: Any) -> None:
    assert getattr(agent.global_settings(), "no_such_setting", None) is None


@pattern
def whether_it_monitors(agent: Any) -> None:
    assert agent.global_settings().monitor_mode in (True, False)


@pattern
def classes_to_ignore(agent: Any) -> None:
    agent.global_settings().error_collector.ignore_classes = ["sample:NotFound"]


@pattern
def settings_of_the_application(agent: Any) -> None:
    settings = agent.application_settings()
    assert settings is None or settings.app_name


# Applications


@pattern
def registration_with_a_timeout(agent: Any) -> None:
    assert agent.register_application(timeout=0.1) is not None


@pattern
def registration_by_name(agent: Any) -> None:
    agent.register_application("Sample", timeout=0.1)


@pattern
def is_the_application_active(agent: Any) -> None:
    application = agent.application()
    assert application is not None
    assert application.active in (True, False)


@pattern
def an_application_by_name(agent: Any) -> None:
    assert agent.application("Sample").name == "Sample"


@pattern
def activation_by_hand(agent: Any) -> None:
    agent.application("Sample").activate()


@pattern
def an_event_of_an_application(agent: Any) -> None:
    agent.record_custom_event("Sample", {"count": 1, "name": "a"}, agent.application())


@pattern
def an_event_by_the_application(agent: Any) -> None:
    agent.application().record_custom_event("Sample", {"count": 1})


@pattern
def a_metric_by_the_application(agent: Any) -> None:
    agent.application().record_custom_metric("Custom/Sample", 1)


@pattern
def metrics_by_the_application(agent: Any) -> None:
    agent.application().record_custom_metrics([("Custom/Sample", 1), ("Custom/Other", 2.5)])


@pattern
def an_error_by_the_application(agent: Any) -> None:
    try:
        raise ValueError
    except ValueError:
        agent.application().notice_error()


@pattern
def an_error_outside_for_an_application(agent: Any) -> None:
    try:
        raise ValueError
    except ValueError:
        agent.notice_error(application=agent.application())


@pattern
def settings_by_the_application(agent: Any) -> None:
    settings = agent.application().settings
    assert settings is None or settings.app_name


@pattern
def the_names_linked(agent: Any) -> None:
    assert list(agent.application().linked_applications) is not None


@pattern
def shutdown_at_the_end(agent: Any) -> None:
    agent.shutdown_agent(timeout=0.1)


# Tasks and requests


@pattern
def a_decorated_task(agent: Any) -> None:
    assert agent.background_task()(Sample().run)(2) == 2


@pattern
def a_decorated_task_with_names(agent: Any) -> None:
    assert agent.background_task(name="sample", group="Task")(Sample().run)(2) == 2


@pattern
def a_decorated_coroutine(agent: Any) -> None:
    @agent.background_task(name="sample")
    async def work() -> int:
        return 2

    assert asyncio.run(work()) == 2


@pattern
def a_task_as_a_block(agent: Any) -> None:
    with agent.BackgroundTask(agent.application(), name="sample", group="Task"):
        pass


@pattern
def a_task_as_a_block_that_is_used(agent: Any) -> None:
    with agent.BackgroundTask(agent.application(), name="sample") as task:
        task.add_custom_attribute("a", 1)
        task.set_transaction_name("other", group="Task")


@pattern
def a_task_entered_by_hand(agent: Any) -> None:
    task = agent.BackgroundTask(agent.application(), name="sample")
    task.__enter__()
    task.__exit__(None, None, None)


@pattern
def a_task_entered_by_hand_with_an_error(agent: Any) -> None:
    task = agent.BackgroundTask(agent.application(), name="sample")
    task.__enter__()
    try:
        raise ValueError
    except ValueError:
        task.__exit__(*sys.exc_info())


@pattern
def a_background_task_without_arguments(agent: Any) -> None:
    with agent.BackgroundTask():
        pass


@pattern
def a_task_wrapped(agent: Any) -> None:
    assert agent.BackgroundTaskWrapper(Sample().run, name="sample")(2) == 2


@pattern
def a_task_wrapped_by_path(agent: Any) -> None:
    made = module()
    agent.wrap_background_task(made, "run", name="sample")
    assert made.run(2) == 2


@pattern
def a_request_as_a_block(agent: Any) -> None:
    with agent.WebTransaction(
        agent.application(),
        name="sample",
        scheme="https",
        host="here",
        request_method="GET",
        request_path="/",
        headers=[("accept", "*/*")],
    ) as transaction:
        transaction.process_response("200", [("content-type", "text/plain")])  # fmt: skip


@pattern
def an_async_request_as_a_block(agent: Any) -> None:
    async def work() -> None:
        with agent.WebTransaction(agent.application(), name="sample"):
            await asyncio.sleep(0)

    asyncio.run(work())


@pattern
def a_wsgi_application(agent: Any) -> None:
    wrapped = agent.WSGIApplicationWrapper(lambda environ, start: (start("200 OK", []), [b"x"])[1])
    environ = {"REQUEST_METHOD": "GET", "PATH_INFO": "/", "SCRIPT_NAME": "", "wsgi.errors": sys.stderr}
    response = wrapped(environ, lambda *args: None)
    assert b"".join(response) == b"x"
    getattr(response, "close", lambda: None)()


@pattern
def an_asgi_application(agent: Any) -> None:
    async def app(scope: Any, receive: Any, send: Any) -> None:
        await send({"type": "http.response.start", "status": 200, "headers": []})
        await send({"type": "http.response.body", "body": b""})

    async def receive() -> Any:
        return {"type": "http.request", "body": b""}

    async def send(message: Any) -> None: ...

    scope = {"type": "http", "method": "GET", "path": "/", "headers": [], "query_string": b"", "scheme": "http"}
    asyncio.run(agent.ASGIApplicationWrapper(app)(scope, receive, send))


@pattern
def a_message(agent: Any) -> None:
    with agent.MessageTransaction("SQS", "Queue", "sample", application=agent.application()):
        pass


@pattern
def a_decorated_consumer(agent: Any) -> None:
    assert agent.message_transaction("SQS", "Queue", "sample")(Sample().run)(2) == 2


# The current transaction


@pattern
def there_may_be_none(agent: Any) -> None:
    transaction = agent.current_transaction()
    if transaction is not None:
        transaction.add_custom_attribute("a", 1)


@in_a_task
def an_attribute_of_the_transaction(agent: Any) -> None:
    agent.current_transaction().add_custom_attribute("a", 1)


@in_a_task
def attributes_of_the_transaction(agent: Any) -> None:
    agent.current_transaction().add_custom_attributes([("a", 1), ("b", "2")])


@in_a_task
def its_name_is_set(agent: Any) -> None:
    agent.current_transaction().set_transaction_name("other", group="Task", priority=5)


@in_a_task
def its_name_is_read(agent: Any) -> None:
    transaction = agent.current_transaction()
    assert f"{transaction.group}/{transaction.name}" == transaction.name_for_metric


@in_a_task
def its_identifier_for_the_log(agent: Any) -> None:
    transaction = agent.current_transaction()
    assert getattr(transaction, "trace_id", None) or transaction.guid


@in_a_request
def it_is_ignored(agent: Any) -> None:
    agent.current_transaction().ignore_transaction = True


@in_a_request
def it_becomes_a_background_task(agent: Any) -> None:
    transaction = agent.current_transaction()
    if not transaction.background_task:
        transaction.background_task = True


@in_a_request
def it_counts_for_no_apdex(agent: Any) -> None:
    agent.current_transaction().suppress_apdex = True


@in_a_task
def it_ends_early(agent: Any) -> None:
    agent.current_transaction().stop_recording()


@in_a_task
def its_error(agent: Any) -> None:
    try:
        raise ValueError
    except ValueError:
        agent.current_transaction().notice_error(attributes={"a": 1})


@in_a_request
def its_error_with_a_status(agent: Any) -> None:
    try:
        raise ValueError
    except ValueError:
        agent.current_transaction().notice_error(status_code=lambda *exc_info: 404)


@in_a_task
def its_metric(agent: Any) -> None:
    agent.current_transaction().record_custom_metric("Custom/Sample", 1)


@in_a_task
def its_event(agent: Any) -> None:
    agent.current_transaction().record_custom_event("Sample", {"a": 1})


@in_a_task
def its_settings(agent: Any) -> None:
    assert agent.current_transaction().settings.app_name


@in_a_task
def its_application(agent: Any) -> None:
    assert agent.current_transaction().application.name


@in_a_task
def when_it_began(agent: Any) -> None:
    assert agent.current_transaction().start_time > 0


@in_a_task
def headers_that_came_with_it(agent: Any) -> None:
    agent.current_transaction().accept_distributed_trace_headers({"traceparent": ""}, transport_type="Kafka")


@in_a_task
def headers_for_the_next(agent: Any) -> None:
    headers: list[tuple[str, str]] = []
    agent.current_transaction().insert_distributed_trace_headers(headers)
    assert isinstance(headers, list)


@in_a_task
def its_log_event(agent: Any) -> None:
    agent.current_transaction().record_log_event("said", "INFO")


@in_a_task
def the_framework_is_told(agent: Any) -> None:
    agent.current_transaction().add_framework_info("sample", "1.0")


# Functions


@in_a_request
def everything_by_functions(agent: Any) -> None:
    agent.set_transaction_name("other")
    agent.add_custom_attribute("a", 1)
    agent.add_custom_attributes({"b": 2}.items())
    agent.capture_request_params()
    agent.suppress_apdex_metric()
    agent.suppress_transaction_trace()
    agent.set_background_task()
    agent.ignore_transaction()
    agent.end_of_transaction()


@in_a_task
def errors_with_everything(agent: Any) -> None:
    try:
        raise ValueError
    except ValueError:
        agent.notice_error(sys.exc_info(), {"a": 1}, expected=["builtins:ValueError"], ignore=lambda *e: None)


@in_a_task
def errors_in_the_form_of_before(agent: Any) -> None:
    try:
        raise ValueError
    except ValueError:
        agent.record_exception(*sys.exc_info())


@in_a_task
def errors_in_the_form_of_before_with_params(agent: Any) -> None:
    agent.record_exception(exc=ValueError("sample"), params={"a": 1})


@in_a_task
def an_attribute_under_its_old_name(agent: Any) -> None:
    agent.add_custom_parameter("a", 1)


@in_a_task
def attributes_under_their_old_name(agent: Any) -> None:
    agent.add_custom_parameters([("a", 1)])


@pattern
def an_event_without_params(agent: Any) -> None:
    agent.record_custom_event("Sample")


@pattern
def metrics_outside_a_transaction(agent: Any) -> None:
    agent.record_custom_metric("Custom/Sample", 1, agent.application())
    agent.record_custom_metrics([("Custom/Sample", {"count": 2, "total": 3, "min": 1, "max": 2})], agent.application())


@in_a_request
def the_headers_of_a_page(agent: Any) -> None:
    assert isinstance(agent.get_browser_timing_header(), str)


@pattern
def metadata_for_the_log(agent: Any) -> None:
    assert agent.get_linking_metadata()["entity.type"] == "SERVICE"


@in_a_task
def a_formatter_for_the_log(agent: Any) -> None:
    record = logging.LogRecord("sample", logging.INFO, "sample.py", 1, "said %s", ("a",), None)
    assert '"message":"said a"' in agent.NewRelicContextFormatter().format(record)


@in_a_task
def the_user(agent: Any) -> None:
    agent.set_user_id("7")


# Parts of a transaction


@in_a_task
def traces_of_all_kinds(agent: Any) -> None:
    with agent.FunctionTrace("part", group="Python/Part"):
        pass
    with agent.ExternalTrace("requests", "http://here/", "GET"):
        pass
    with agent.DatastoreTrace("Redis", "key", "get"):
        pass
    with agent.MessageTrace("SQS", "Produce", "Queue", "sample"):
        pass


@in_a_task
def a_trace_that_is_used(agent: Any) -> None:
    with agent.FunctionTrace("part") as trace:
        trace.add_custom_attribute("a", 1)
        assert isinstance(trace.user_attributes, dict)


@pattern
def a_trace_with_a_transaction_as_its_first_argument(agent: Any) -> None:
    with agent.FunctionTrace(agent.current_transaction(), "part"):
        pass


@in_a_task
def decorated_parts(agent: Any) -> None:
    assert agent.function_trace(name="part")(Sample().run)(2) == 2
    assert agent.datastore_trace("Redis", "key", "get")(Sample().run)(2) == 2
    assert agent.external_trace("requests", "http://here/")(Sample().run)(2) == 2


@in_a_task
def headers_of_an_external_call(agent: Any) -> None:
    assert isinstance(list(agent.ExternalTrace.generate_request_headers(agent.current_transaction())), list)


@pattern
def parts_wrapped_by_path(agent: Any) -> None:
    made = module()
    agent.wrap_function_trace(made, "Sample.run")
    assert made.Sample().run(2) == 2


# Wrapping


@pattern
def a_function_wrapped_by_path(agent: Any) -> None:
    made = module()
    agent.wrap_function_wrapper(made, "Sample.run", lambda wrapped, instance, args, kwargs: wrapped(*args) + 1)
    assert made.Sample().run(2) == 3


@pattern
def a_decorator_by_a_wrapper(agent: Any) -> None:
    @agent.function_wrapper
    def plus_one(wrapped: Any, instance: Any, args: Any, kwargs: Any) -> Any:
        return wrapped(*args, **kwargs) + 1

    assert plus_one(Sample().run)(2) == 3


@pattern
def a_name_from_a_callable(agent: Any) -> None:
    assert agent.callable_name(Sample.run).endswith(":Sample.run")


@pattern
def a_proxy_of_ones_own(agent: Any) -> None:
    class Proxy(agent.ObjectProxy):  # type: ignore[misc]
        def hello(self) -> str:
            return "hello"

    assert Proxy([1]).hello() == "hello"


@pattern
def what_runs_before_and_after(agent: Any) -> None:
    made, seen = module(), []
    agent.wrap_pre_function(made, "run", lambda *args, **kwargs: seen.append("before"))
    agent.wrap_post_function(made, "run", lambda *args, **kwargs: seen.append("after"))
    made.run(1)
    assert seen == ["before", "after"]


@pattern
def the_version_of_the_module(agent: Any) -> None:
    assert agent.version
