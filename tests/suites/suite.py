"""The suites of frameworks and servers, as their sdists have them."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

__all__ = ["SUITES", "Suite"]


@dataclass(frozen=True)
class Suite:
    """The tests of one distribution.

    Args:
        name: of the distribution, and of the way in which its applications are wrapped.
        tests: files and folders of the sdist, or Django's labels.
        without: files and folders that are left out.
        by_pytest: or by a script of its own, which runs tests of unittest.
        looking: tests that look for what we have to do, and so end differently.
    """

    name: str
    tests: tuple[str, ...] = ("tests",)
    without: tuple[str, ...] = ()
    by_pytest: bool = True
    looking: tuple[str, ...] = ()


_DJANGO: Final = """
    asgi auth_tests conditional_processing context_processors csrf_tests decorators file_uploads flatpages_tests
    generic_views handlers httpwrappers logging_tests messages_tests middleware middleware_exceptions redirects_tests
    requests_tests resolve_url responses servers sessions_tests shortcuts signals signed_cookies_tests sitemaps_tests
    sites_tests staticfiles_tests syndication_tests test_client test_client_regress urlpatterns urlpatterns_reverse
    view_tests wsgi
"""
"""All that has to do with requests, but for the admin's tests, which take long."""

SUITES: Final = {
    suite.name: suite
    for suite in (
        Suite("bottle", tests=("test",)),
        Suite("django", tests=tuple(_DJANGO.split()), by_pytest=False),
        Suite(
            "fastapi",
            without=("tests/benchmarks", "tests/memory_benchmarks", "tests/test_telemetry", "tests/test_tutorial"),
        ),
        Suite("flask"),
        Suite("starlette"),
        Suite(
            "uvicorn",
            without=("tests/benchmarks",),
            looking=("tests/test_server.py::test_reset_contextvars_asyncio",),  # at all context variables
        ),
        Suite("werkzeug"),
    )
}
