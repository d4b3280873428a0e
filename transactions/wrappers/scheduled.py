"""``@scheduled``: says when a background task should run, so that a run that is missing is noticed."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Any, Final, TypeVar

from ..handoff import handoff
from ..host_exceptions import refuses
from ..model.identity import DEFAULT_GROUP
from ..model.naming import callable_name
from ..schedules import Schedule
from .opening import BackgroundOpener

__all__ = ["declare_named", "scheduled"]

_Function = TypeVar("_Function", bound=Callable[..., Any])

_DECLARED: Final = "__weighbridge_schedule__"
"""The attribute of a function that is its schedule, for a ``background_task`` that is put on top."""


def scheduled(cron: str, within: float | None = None, timezone: str | None = None) -> Callable[[_Function], _Function]:
    """Say when a background task should run: ``@scheduled("0 3 * * *")``, under or over `background_task`.

    It runs nothing and changes no call. A run that should have begun and did not is
    shown as missed, by the page of jobs and by ``/api/jobs``.

    Args:
        cron: a cron expression of five fields.
        within: seconds after which a run that has not begun is missed; by default
            600, or until the next one is due if that is sooner.
        timezone: the time zone of the expression, such as ``Europe/Berlin``; by
            default the local one of the machine that shows it.

    Raises:
        ValueError: an argument is not valid.
    """
    _check(cron, within, timezone)

    def decorator(function: _Function) -> _Function:
        name, group = _name_of(function)
        rule = " ".join(cron.split())
        schedule = Schedule("", "code", group, name, rule, timezone or "", None if within is None else int(within))
        handoff.schedules.declare(schedule, (name, rule))
        # A bound method or a builtin refuses: it keeps its own name.
        refuses(partial(setattr, function, _DECLARED, schedule), AttributeError)
        return function

    return decorator


def declare_named(wrapped: Any, name: object, group: object) -> None:
    """Give the schedule of a function, if it has one, the name and the group that its transactions have."""
    schedule = getattr(wrapped, "__dict__", {}).get(_DECLARED)
    if isinstance(schedule, Schedule):
        named = schedule._replace(
            name=name if isinstance(name, str) else schedule.name,
            group=group if isinstance(group, str) else schedule.group,
        )
        handoff.schedules.declare(named, (schedule.name, schedule.rule))


def _name_of(function: Any) -> tuple[str, str]:
    """Return name and group of the function's transactions, as far as they are known before it is called."""
    for cell in getattr(function, "__closure__", None) or ():
        try:
            opener = cell.cell_contents
        except ValueError:  # a variable that gets its value later
            continue
        if isinstance(opener, BackgroundOpener) and opener.call_name.constant is not None:
            return opener.call_name.constant.name, opener.call_name.constant.group
    return callable_name(function), DEFAULT_GROUP


def _check(cron: object, within: object, timezone: object) -> None:
    if not isinstance(cron, str) or len(cron.split()) != 5 or not _is_valid(cron):
        raise ValueError(f"scheduled({cron!r}): a cron expression of five fields is expected, such as '0 3 * * *'")
    if within is not None and not (isinstance(within, (int, float)) and 0 < within < float("inf")):
        raise ValueError(f"scheduled(within={within!r}): a positive number of seconds is expected")
    if timezone is not None and not _is_zone(timezone):
        raise ValueError(f"scheduled(timezone={timezone!r}): a name such as 'Europe/Berlin' or 'UTC' is expected")


def _is_valid(cron: str) -> bool:
    """Whether an expression makes sense, as far as croniter is there to tell."""
    try:
        from croniter import croniter  # type: ignore[import-untyped]  # noqa: PLC0415 - for those who use it
    except ImportError:
        return True
    return bool(croniter.is_valid(cron))


def _is_zone(name: object) -> bool:
    from zoneinfo import ZoneInfo  # noqa: PLC0415 - for those who use it

    try:
        return isinstance(name, str) and bool(ZoneInfo(name).key)
    except (KeyError, ValueError, OSError):
        return False
