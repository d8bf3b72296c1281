"""Finds the values of a plain tree that a pattern such as ``services.*.tls.ca`` or ``routes[].match`` leads to."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

from portico.config.load import Written
from portico.config.marks import Path, Place


@dataclass(frozen=True, slots=True)
class Found:
    """One value: what it is, where it stands, and the mapping that it can be replaced in."""

    path: Path
    parent: dict[str, Any]
    places: dict[str, Place]

    @property
    def key(self) -> str:
        return str(self.path[-1])

    @property
    def value(self) -> Any:
        return self.parent[self.key]

    @property
    def place(self) -> Place:
        return self.places[self.key]


def walk(written: Written, pattern: str) -> Iterator[Found]:
    """Every value that ``pattern`` leads to: ``*`` stands for any name, ``[]`` for any item of a list.

    The last step is the key of a mapping.
    """
    *steps, last = pattern.replace("[]", ".[]").split(".")
    for value, place, path in _reach(written.tree, written.marks.root, steps, ()):
        if isinstance(value, dict) and isinstance(place.children, dict) and last in value:
            yield Found((*path, last), value, place.children)


def _reach(value: Any, place: Place, steps: Sequence[str], path: Path) -> Iterator[tuple[Any, Place, Path]]:
    if not steps:
        yield value, place, path
        return
    keys: list[str | int] = []
    if steps[0] == "[]":
        keys.extend(range(len(value)) if isinstance(value, list) else ())
    elif isinstance(value, dict):
        keys.extend(value if steps[0] == "*" else {steps[0]} & value.keys())
    for key in keys:
        below = place.child(key)
        if below is not None:
            yield from _reach(value[key], below, steps[1:], (*path, key))
