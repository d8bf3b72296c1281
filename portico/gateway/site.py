"""Where stages are compiled: one `Site` per route, over what all routes of a configuration and all of them share."""

from __future__ import annotations

from collections.abc import Callable, Coroutine
from dataclasses import dataclass, field
from typing import Any, TypeVar, cast

from portico.config.marks import Path
from portico.config.models.settings import Settings
from portico.config.problems import Problems
from portico.exchange.call import Call

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


Make = Callable[[], Coroutine[Any, Any, None]]


@dataclass(frozen=True, slots=True)
class Around:
    """What all sites of one configuration share. `background` is what is to run while it is live."""

    settings: Settings
    live: Live
    call: Callable[[str], Call]
    shared: dict[str, Any] = field(default_factory=dict)
    background: dict[str, Make] = field(default_factory=dict)


class RouteSite:
    """The `Site` of one route. `path` leads to the route's settings in the file."""

    __slots__ = (
        "_around",
        "_key",
        "_path",
        "_problems",
        "methods",
        "route",
        "service",
        "settings",
        "template",
    )

    def __init__(
        self,
        around: Around,
        problems: Problems | None,
        path: Path,
        *,
        route: str,
        template: str,
        service: str,
        methods: frozenset[bytes],
    ) -> None:
        self.settings = around.settings
        self.route = route
        self.template = template
        self.service = service
        self.methods = methods
        self._around = around
        self._problems = problems
        self._path = path
        self._key = ""

    def enter(self, path: Path, key: str) -> None:
        """The next problems are about this stage's settings, written at `path`."""
        self._path = path
        self._key = key

    def shared(self, key: str, build: Callable[[], T]) -> T:
        shared = self._around.shared
        if key not in shared:
            shared[key] = build()
        return cast(T, shared[key])

    def live(self, key: str, build: Callable[[], T]) -> T:
        return self._around.live.get(key, build)

    def call(self, service: str) -> Call:
        return self._around.call(service)

    def background(self, key: str, make: Make) -> None:
        self._around.background.setdefault(key, make)

    def problem(self, reason: str, *path: str | int, suggestion: str = "") -> None:
        if self._problems is not None:
            self._problems.add((*self._path, self._key, *path), reason, suggestion)
