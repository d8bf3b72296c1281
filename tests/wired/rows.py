"""A row of the table: one key, two values, and what a probe sees of each from outside.

A row is written in terms of the one configuration below, which every row starts from. Paths are those of
`leaf_keys`, with names and numbers in the place of `*` and `[]`: `services.backend.timeout`, `routes[0].match`.
`<name>` in any text stands for the address of the row's upstream of that name, `<folder>` for a folder of its own.
"""

from __future__ import annotations

import copy
import re
from collections.abc import Awaitable, Callable, Mapping
from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass, field
from enum import Enum
from typing import Any, Protocol

from portico.testing import Upstream


class Written(Enum):
    """What cannot be said by a value."""

    UNSET = "the key is not written"
    REFUSED = "the configuration is refused"


UNSET, REFUSED = Written.UNSET, Written.REFUSED


class Reachable(Protocol):
    """A service that a row's gateways forward to."""

    @property
    def url(self) -> str: ...


Start = Callable[[], AbstractAsyncContextManager[Any]]
Probe = Callable[[Any], Awaitable[object]]

BASE: Mapping[str, Any] = {
    "version": 1,
    "logs": {"access": "off"},
    "services": {"backend": {"url": "<backend>"}},
    "routes": [{"match": "/**", "service": "backend", "authenticate": "none"}],
}

# The names that stand for `*` and `[]` unless a row says where its key is.
_USUAL = {
    "services.*": "services.backend",
    "identity.*": "identity.users",
    "roles.*": "roles.agent",
    "routes[]": "routes[0]",
}


@dataclass(frozen=True)
class Row:
    """`key` as `leaf_keys` spells it; `values`: the first and the second; `seen`: what `probe` sees of them.

    `given` is written beside the key, `at` says where exactly it stands, `upstreams` start what `<name>` means,
    `files` are there, by name, in the row's folder. `process`: it takes a real process to see the effect.
    """

    key: str
    values: tuple[object, object]
    seen: tuple[object, object]
    probe: Probe
    given: Mapping[str, object] = field(default_factory=dict)
    at: str = ""
    upstreams: Mapping[str, Start] = field(default_factory=lambda: {"backend": Upstream})
    files: Mapping[str, str] = field(default_factory=dict)
    process: bool = False

    @property
    def place(self) -> str:
        """Where the key stands."""
        if self.at:
            return self.at
        place = self.key
        for pattern, usual in _USUAL.items():
            place = place.replace(pattern, usual)
        return place

    def configuration(self, number: int) -> dict[str, Any]:
        """The first configuration (0) or the second (1), which differ in the one key."""
        if pattern_of(self.place, self.key) is None:
            raise ValueError(f"{self.place} is no place of the key {self.key}")
        tree: dict[str, Any] = copy.deepcopy(dict(BASE))
        for place, value in {**self.given, self.place: self.values[number]}.items():
            put(tree, place, value)
        return tree


def pattern_of(place: str, key: str) -> re.Match[str] | None:
    """Whether `place` is one of those that `key` stands for."""
    pattern = re.escape(key).replace(r"\[\]", r"\[[0-9]+\]").replace(r"\*", r"[^.\[\]]+")
    return re.fullmatch(pattern, place)


def put(tree: dict[str, Any], place: str, value: object) -> None:
    """Write `value` at `place`, or take away what is there for UNSET. What leads there is made if missing."""
    *way, last = _steps(place)
    at: Any = tree
    for step in way:
        at = _below(at, step)
    if value is UNSET:
        at.pop(last, None)
    elif isinstance(last, int) and last == len(at):
        at.append(copy.deepcopy(value))
    else:
        at[last] = copy.deepcopy(value)


def fill(value: Any, meanings: Mapping[str, str]) -> Any:
    """The same with every `<name>` in its texts replaced."""
    if isinstance(value, str):
        for name, meaning in meanings.items():
            value = value.replace(f"<{name}>", meaning)
        return value
    if isinstance(value, list):
        return [fill(item, meanings) for item in value]
    if isinstance(value, dict):
        return {key: fill(item, meanings) for key, item in value.items()}
    return value


def _steps(place: str) -> list[str | int]:
    return [
        int(number) if number else name
        for name, number in re.findall(r"([^.\[\]]+)(?!\])|\[([0-9]+)\]", place)
    ]


def _below(at: Any, step: str | int) -> Any:
    if isinstance(step, int):
        return at[step]
    if not isinstance(at.get(step), dict | list):
        at[step] = {}
    return at[step]
