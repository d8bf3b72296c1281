"""The plain tree → settings, section by section, so that one mistake hides no other.

Each service, role and route is validated by itself: those that are right are there for the cross-checks whatever the
others are. Stage keys are checked by the types that the stages registered.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field
from functools import cache
from typing import Any, TypeVar

from pydantic import TypeAdapter, ValidationError

from portico.config.extensions import DEFAULT_KEYS, ROUTE_KEYS, StageAdapters
from portico.config.load import Written
from portico.config.marks import Path
from portico.config.models.gateway import GatewaySettings, LogSettings
from portico.config.models.hosts import Hosts
from portico.config.models.identity import IdentitySettings, RoleSettings
from portico.config.models.route import DefaultSettings, RouteSettings
from portico.config.models.service import ServiceSettings
from portico.config.models.settings import DevelopmentSettings, Includes, Plugins, Settings
from portico.config.models.venues import VenuesSettings
from portico.config.problems import quote
from portico.config.references import declared_in
from portico.config.schema import build_schema, keys_at
from portico.config.values import Name
from portico.config.wording import unknown_key, word

T = TypeVar("T")


@dataclass(slots=True)
class Parts:
    """What is right of a configuration: whole sections, and single entries of named sections and of routes.

    A section that is wrong is None; an entry that is wrong is absent. ``routes`` are by their index in the file.
    """

    gateway: GatewaySettings | None
    logs: LogSettings | None
    development: DevelopmentSettings | None
    defaults: DefaultSettings | None
    include: Includes | None
    plugins: tuple[str, ...] | None
    identity: dict[str, IdentitySettings] = field(default_factory=dict)
    roles: dict[str, RoleSettings] = field(default_factory=dict)
    services: dict[str, ServiceSettings] = field(default_factory=dict)
    venues: VenuesSettings | None = None
    hosts: Hosts = field(default_factory=dict)
    routes: dict[int, RouteSettings] = field(default_factory=dict)


def validate(written: Written, stages: StageAdapters) -> Parts:
    """Validate what was written. Problems go to ``written.problems``."""
    return _Validation(written, stages).run()


@cache
def _adapter(kind: Any) -> TypeAdapter[Any]:
    return TypeAdapter(kind)


class _Validation:
    def __init__(self, written: Written, stages: StageAdapters) -> None:
        self._tree = written.tree
        self._problems = written.problems
        self._stages = stages
        self._declared = declared_in(written.tree)
        self._schema: dict[str, Any] | None = None

    def run(self) -> Parts:
        for key in self._tree:
            if key not in Settings.model_fields:
                self._unknown((), key, Settings.model_fields)
        return Parts(
            gateway=self._section("gateway", GatewaySettings),
            logs=self._section("logs", LogSettings),
            development=self._section("development", DevelopmentSettings),
            defaults=self._staged(
                DefaultSettings, DEFAULT_KEYS, self._tree.get("defaults", {}), ("defaults",)
            ),
            include=self._value(Includes, self._tree.get("include", []), ("include",)),
            plugins=self._value(Plugins, self._tree.get("stages", []), ("stages",)),
            identity=self._named("identity", IdentitySettings),
            roles=self._named("roles", RoleSettings),
            services=self._named("services", ServiceSettings),
            venues=self._section("venues", VenuesSettings) if "venues" in self._tree else None,
            hosts=self._value(Hosts, self._tree.get("hosts", {}), ("hosts",)) or {},
            routes=self._routes(),
        )

    def _section(self, key: str, kind: type[T]) -> T | None:
        value: T | None = self._value(kind, self._tree.get(key, {}), (key,))
        return value

    def _value(self, kind: Any, value: object, path: Path) -> Any:
        return self._checked(_adapter(kind), value, path)

    def _checked(self, adapter: TypeAdapter[Any], value: object, path: Path) -> Any:
        """The validated value, or None with a problem for everything that is wrong with it."""
        try:
            return adapter.validate_python(value, context=self._declared)
        except ValidationError as error:
            self._report(error, path)
            return None

    def _named(self, key: str, kind: type[T]) -> dict[str, T]:
        section = self._tree.get(key, {})
        if not isinstance(section, dict):
            self._value(dict[str, Any], section, (key,))
            return {}
        found: dict[str, T] = {}
        for name, value in section.items():
            path = (key, name)
            good_name = self._value(Name, name, path)
            entry = self._value(kind, value, path)
            if good_name is not None and entry is not None:
                found[name] = entry
        return found

    def _routes(self) -> dict[int, RouteSettings]:
        section = self._tree.get("routes", [])
        if not isinstance(section, list):
            self._value(list[Any], section, ("routes",))
            return {}
        found: dict[int, RouteSettings] = {}
        for index, value in enumerate(section):
            route = self._staged(RouteSettings, ROUTE_KEYS, value, ("routes", index))
            if route is not None:
                found[index] = route
        return found

    def _staged(self, kind: type[T], own_keys: frozenset[str], value: object, path: Path) -> T | None:
        """Settings that have keys of their own and keys of stages."""
        if not isinstance(value, dict):
            nothing: T | None = self._value(kind, value, path)
            return nothing
        own: dict[str, Any] = {}
        staged: dict[str, Any] = {}
        good = True
        for key, item in value.items():
            if key in own_keys:
                own[key] = item
            elif key in self._stages:
                try:
                    staged[key] = self._stages[key].validate_python(item, context=self._declared)
                except ValidationError as error:
                    good = False
                    self._report(error, (*path, key))
            else:
                good = False
                self._unknown(path, key, own_keys.union(self._stages))
        own["stages"] = staged
        settings: T | None = self._value(kind, own, path)
        return settings if good else None

    def _report(self, error: ValidationError, path: Path) -> None:
        for details in error.errors(include_url=False):
            self._add(details, path)

    def _add(self, details: Any, path: Path) -> None:
        where, keys_wrong = _location(details["loc"])
        full = (*path, *where)
        marks = self._problems.marks
        written = marks.find(full)[1]
        parent = full[:-1]
        wording = word(details, lambda: self._keys(parent))
        # Names that pydantic puts into a path for the branches of a union were not written by anybody.
        shown = full if details["type"] == "missing" and parent == written else written
        suggestion = wording.suggestion
        if marks.find(shown)[0].secret is not None and "{written}" not in suggestion:
            suggestion = ""  # it is made from the value, and would tell what that is
        self._problems.add(
            shown,
            wording.reason,
            suggestion,
            shown=wording.shown or quote(details["input"]),
            on_key=wording.on_key or keys_wrong,
            foreign=wording.foreign,
        )

    def _keys(self, path: Path) -> Iterable[str]:
        if self._schema is None:
            self._schema = build_schema(self._stages)
        return keys_at(self._schema, path)

    def _unknown(self, path: Path, key: str, known: Iterable[str]) -> None:
        wording = unknown_key(key, known)
        self._problems.add((*path, key), wording.reason, wording.suggestion, on_key=True, foreign=False)


def _location(location: tuple[str | int, ...]) -> tuple[Path, bool]:
    """The path in a validation error, and whether it is about the key at its end."""
    if location and location[-1] == "[key]":
        return location[:-1], True
    return location, False
