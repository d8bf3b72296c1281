"""Where stages are compiled: one `Site` per route, over what all routes of a configuration and all of them share."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, TypeVar, cast

from portico.config.marks import Path
from portico.config.models.settings import Settings
from portico.config.problems import Problems

T = TypeVar("T")


class Live:
    """Named objects that survive reloads. What a compilation adds is kept only if it is committed."""

    def __init__(self) -> None:
        self._objects: dict[str, Any] = {}
        self._staged: dict[str, Any] = {}

    def get(self, key: str, build: Callable[[], T]) -> T:
        """The object of this name, built on first use."""
        for known in (self._objects, self._staged):
            if key in known:
                return cast(T, known[key])
        made = self._staged[key] = build()
        return made

    def put(self, key: str, value: object) -> None:
        """Hand in an object that somebody else owns."""
        self._objects[key] = value

    def commit(self) -> None:
        """Keep what was staged."""
        self._objects |= self._staged
        self._staged = {}

    def discard(self) -> None:
        """Forget what was staged."""
        self._staged = {}


class RouteSite:
    """The `Site` of one route. `path` leads to the route's settings in the file."""

    __slots__ = (
        "_key",
        "_live",
        "_path",
        "_problems",
        "_shared",
        "methods",
        "route",
        "service",
        "settings",
        "template",
    )

    def __init__(
        self,
        settings: Settings,
        shared: dict[str, Any],
        live: Live,
        problems: Problems | None,
        path: Path,
        *,
        route: str,
        template: str,
        service: str,
        methods: frozenset[bytes],
    ) -> None:
        self.settings = settings
        self.route = route
        self.template = template
        self.service = service
        self.methods = methods
        self._shared = shared
        self._live = live
        self._problems = problems
        self._path = path
        self._key = ""

    def enter(self, path: Path, key: str) -> None:
        """The next problems are about this stage's settings, written at `path`."""
        self._path = path
        self._key = key

    def shared(self, key: str, build: Callable[[], T]) -> T:
        if key not in self._shared:
            self._shared[key] = build()
        return cast(T, self._shared[key])

    def live(self, key: str, build: Callable[[], T]) -> T:
        return self._live.get(key, build)

    def problem(self, reason: str, *path: str | int, suggestion: str = "") -> None:
        if self._problems is not None:
            self._problems.add((*self._path, self._key, *path), reason, suggestion)
