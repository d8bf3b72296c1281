"""Where every written value stands: file, line and column of each key and value of the configuration.

The places form a tree beside the plain tree of values, so that ten thousand routes cost no table of paths.
A place also remembers that its text came from a variable or a secret file: such text is never shown in a
problem, only the way that it was written (``${JWT_SECRET}``).
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

Path = tuple[str | int, ...]


@dataclass(frozen=True, slots=True, order=True)
class Mark:
    """A position in a file; lines and columns count from 1."""

    file: str
    line: int
    column: int

    def __str__(self) -> str:
        return f"{self.file}:{self.line}:{self.column}"


class Place:
    """The position of one value and of its key, with the places of what it contains."""

    __slots__ = (
        "broken",
        "children",
        "column",
        "file",
        "key_column",
        "key_line",
        "line",
        "secret",
        "written",
    )

    def __init__(self, file: str, line: int, column: int) -> None:
        self.file = file
        self.line = line
        self.column = column
        self.key_line = 0
        self.key_column = 0
        self.children: dict[str, Place] | list[Place] | None = None
        self.broken = False
        self.secret: str | None = None
        self.written = ""

    @property
    def mark(self) -> Mark:
        return Mark(self.file, self.line, self.column)

    @property
    def key(self) -> Mark:
        """The position of the key that leads here, or of the value where there is no key (an item of a list)."""
        return Mark(self.file, self.key_line, self.key_column) if self.key_line else self.mark

    @property
    def shown(self) -> Mark:
        """The position to print for a problem with this value: itself when it is a scalar, else its key."""
        return self.mark if self.children is None else self.key

    def child(self, step: str | int) -> Place | None:
        children = self.children
        if isinstance(children, dict):
            return children.get(step) if isinstance(step, str) else None
        if isinstance(children, list) and isinstance(step, int) and 0 <= step < len(children):
            return children[step]
        return None

    def __iter__(self) -> Iterator[Place]:
        """This place and all that it contains."""
        yield self
        children = self.children
        for child in children.values() if isinstance(children, dict) else children or ():
            yield from child

    def __repr__(self) -> str:
        return f"<Place {self.mark}>"


class Marks:
    """Answers where a path such as ``("routes", 3, "service")`` was written."""

    __slots__ = ("root",)

    def __init__(self, root: Place) -> None:
        self.root = root

    def find(self, path: Path) -> tuple[Place, Path]:
        """The deepest place on ``path`` that was written, and the part of ``path`` that leads to it."""
        place = self.root
        for depth, step in enumerate(path):
            below = place.child(step)
            if below is None:
                return place, path[:depth]
            place = below
        return place, path

    def at(self, path: Path) -> Mark:
        """Where the value at ``path`` stands; the nearest thing around it if ``path`` was not written."""
        return self.find(path)[0].shown

    def key(self, path: Path) -> Mark:
        """Where the key at the end of ``path`` stands."""
        return self.find(path)[0].key

    def has(self, path: Path) -> bool:
        """Whether ``path`` was written."""
        return self.find(path)[1] == path

    def varies(self, path: Path) -> bool:
        """Whether the value at ``path`` came, wholly or partly, from a variable or a secret file."""
        place, found = self.find(path)
        return found == path and place.secret is not None

    def __repr__(self) -> str:
        return f"<Marks of {self.root.file}>"


def show_path(path: Path) -> str:
    """``routes[3].service`` for ``("routes", 3, "service")``."""
    text = ""
    for step in path:
        if isinstance(step, int):
            text += f"[{step}]"
        else:
            plain = step.replace("_", "a").replace("-", "a").isalnum()
            name = step if plain else '"' + step.replace('"', '\\"') + '"'
            text += f".{name}" if text else name
    return text
