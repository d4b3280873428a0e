"""Resolution of the settings that were written in several places, and of the problems in them."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import replace
from functools import partial
from typing import Any, Final

from .agent_settings import ALIASES, COUNTERPARTS, is_agent_setting, is_agent_variable
from .postgresql_url import is_server_url
from .privacy import FORCED
from .records import DEFAULT_ORIGINS, Origin, Problem, SettingEntry, Unused
from .redaction import redacted
from .settings import APPLICATION_SETTINGS, DEFAULTS, SETTINGS, ApplicationSettings, SettingInfo, Settings
from .values import Refused, ValueKind

__all__ = ["Resolver"]


def _setting_of(name: str) -> str:
    """Return our name of a setting, given a name or an exact alias of it."""
    return ALIASES.get(name, name)


_INVALID: Final = object()
_SERVER_INTERVAL: Final = 10.0
"""Seconds between two snapshots for a server, whose log of changes each of them makes longer."""
_MAX_PROBLEMS: Final = 50
"""Further problems are only counted: the file is probably not a configuration file at all."""


class Resolver:
    """Applies entries from the lowest precedence to the highest."""

    def __init__(self) -> None:
        self._values: dict[str, Any] = {}
        self.origins: dict[str, Origin] = dict(DEFAULT_ORIGINS)
        self.unused: list[Unused] = []
        self._problems: list[Problem] = []
        self._more_problems = 0

    def apply(self, entries: Iterable[SettingEntry]) -> None:
        """Take every valid entry in order; of several with the same name only the last one counts."""
        valid = [entry for entry in entries if self._knows(entry) and self._is_valid(entry)]
        last = {_setting_of(entry.name): entry for entry in valid}
        for entry in sorted(valid, key=_is_lasting):
            if last[_setting_of(entry.name)] is entry:
                self._take(entry)

    def _knows(self, entry: SettingEntry) -> bool:
        setting = SETTINGS.get(_setting_of(entry.name))
        if entry.from_agent and setting is not None and setting.ours_alone:
            self._note_ours_alone(entry)
            return False
        if setting is not None or entry.name in COUNTERPARTS:
            return True
        if entry.from_agent and (entry.origin.source == "argument" or _may_be_the_agents(entry)):
            self.unused.append(Unused(entry.name, entry.origin.place))
        else:
            self._complain(partial(_unknown, entry, SETTINGS))
        return False

    def _note_ours_alone(self, entry: SettingEntry) -> None:
        """Note an entry that is not read here: a setting of the agent's by that name, or a misplaced one of ours."""
        if is_agent_setting(entry.name):
            self.unused.append(Unused(entry.name, entry.origin.place))
            return
        where = f"WEIGHBRIDGE_{entry.name.upper()}, or {entry.name} in [weighbridge]"
        message = f"{entry.name} is not read here; write {where}"
        self._complain(partial(Problem, entry.origin.place, message, entry.name))

    def _complain(self, make: Callable[[], Problem]) -> None:
        if len(self._problems) < _MAX_PROBLEMS:
            self._problems.append(make())
        else:
            self._more_problems += 1

    @property
    def problems(self) -> list[Problem]:
        """The problems of the entries."""
        more = [Problem("configuration", f"{self._more_problems} more settings do not exist or are not valid")]
        return [*self._problems, *(more if self._more_problems else ())]

    def _is_valid(self, entry: SettingEntry) -> bool:
        name, kind = _target(entry)
        return self._read(entry, kind, SETTINGS[name].default) is not _INVALID

    def _take(self, entry: SettingEntry) -> None:
        name, kind = _target(entry)
        so_far = self._values.get(name, SETTINGS[name].default)
        self._values[name] = kind.read(entry.value, so_far)
        self.origins[name] = entry.origin

    def _read(self, entry: SettingEntry, kind: ValueKind, so_far: object) -> Any:
        try:
            return kind.read(entry.value, so_far)
        except (ValueError, TypeError, OverflowError) as error:
            self._complain(partial(_invalid, entry, kind, error))
            return _INVALID

    def settings(self) -> Settings:
        """Return the settings; what a single application does not set is taken from the settings for all."""
        tables = self._values.pop("applications", {})
        settings = replace(DEFAULTS, **{**self._values, **self._implied()})
        applications = {name: self._application(name, table, settings) for name, table in tables.items()}
        return replace(settings, applications=applications)

    def _implied(self) -> dict[str, Any]:
        """Return the values that follow from other settings."""
        implied = {} if "error_statuses" in self._values else self._implied_statuses()
        if "flush_interval" not in self._values and is_server_url(self._value("store") or ""):
            implied["flush_interval"] = _SERVER_INTERVAL
            self.origins["flush_interval"] = self.origins["store"]
        if self._value("high_security"):
            source, place = self.origins["high_security"]
            forced = {**FORCED, **({"tracebacks": "frames"} if self._value("tracebacks") == "source" else {})}
            self.origins.update(dict.fromkeys(forced, Origin(source, f"high_security, {place}")))
            implied.update(forced)
        return implied

    def _implied_statuses(self) -> dict[str, Any]:
        """Return the failing statuses, without those whose errors are ignored or expected (unless set explicitly)."""
        failing = DEFAULTS.error_statuses
        for name in ("ignore_status_codes", "expected_status_codes"):
            if not failing.isdisjoint(self._value(name)):
                failing -= self._value(name)
                self.origins["error_statuses"] = self.origins[name]
        return {"error_statuses": failing}

    def _value(self, name: str) -> Any:
        return self._values.get(name, SETTINGS[name].default)

    def _application(self, name: str, table: Mapping[str, object], settings: Settings) -> ApplicationSettings:
        values = {key: getattr(settings, key) for key in APPLICATION_SETTINGS}
        for key, written in table.items():
            entry = SettingEntry(f'applications."{name}".{key}', written, self.origins["applications"])
            if key not in APPLICATION_SETTINGS:
                self._complain(partial(_unknown, entry, APPLICATION_SETTINGS))
                continue
            value = self._read(entry, APPLICATION_SETTINGS[key].kind, values[key])
            values[key] = values[key] if value is _INVALID else value
        return ApplicationSettings(**values)


def _may_be_the_agents(entry: SettingEntry) -> bool:
    """Whether this may be a setting of the agent; a variable may also belong to another product of its vendor."""
    if entry.origin.source != "environment":
        return is_agent_setting(entry.name)
    return is_agent_variable(entry.name) or not _near(entry.name.replace(".", "_"), _VARIABLES, 0.9)


def _target(entry: SettingEntry) -> tuple[str, ValueKind]:
    setting = _setting_of(entry.name)
    if setting in SETTINGS:
        return setting, SETTINGS[setting].kind
    counterpart = COUNTERPARTS[entry.name]
    return counterpart.setting, counterpart.kind


def _is_lasting(entry: SettingEntry) -> bool:
    return entry.name in COUNTERPARTS and COUNTERPARTS[entry.name].lasting


_AGENTS: Final = (*ALIASES, *COUNTERPARTS)
_VARIABLES: Final = (*SETTINGS, *(name.replace(".", "_") for name in _AGENTS))


def _near(name: str, names: Iterable[str], likeness: float = 0.6) -> list[str]:
    """Return the most similar name as a list, which is empty if none is similar enough."""
    from difflib import get_close_matches  # noqa: PLC0415 - needed only if something is misspelt

    return get_close_matches(name, list(names), n=1, cutoff=likeness)


def _unknown(entry: SettingEntry, known: Mapping[str, SettingInfo]) -> Problem:
    names = (*known, *_AGENTS) if known is SETTINGS else known
    near = _near(entry.name, names) or _near(entry.name.rpartition(".")[2], known)
    valid = f"did you mean {near[0]}?" if near else "valid are " + ", ".join(known)
    return Problem(entry.origin.place, f"there is no setting {entry.name}; {valid}", entry.name)


def _invalid(entry: SettingEntry, kind: ValueKind, error: Exception) -> Problem:
    why = f": {error}" if isinstance(error, Refused) else ""
    shown = (isinstance(error, Refused) and error.shown) or _shown(entry.value)
    message = f"{entry.name} = {shown} is not valid{why}; it must be {kind.valid}"
    return Problem(entry.origin.place, message, entry.name)


def _shown(value: object) -> str:
    """Return an invalid value, shortened only once credentials are hidden: they are recognized by the whole text."""
    written = redacted(repr(value))
    return written if len(written) <= _SHOWN else written[:_SHOWN] + "..."


_SHOWN: Final = 80
"""Characters of an invalid value that a problem shows."""
