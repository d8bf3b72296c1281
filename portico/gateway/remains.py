"""What is left of configurations that were replaced, let go piece by piece.

Ten thousand routes are a million objects: to free them in one go held the loop for 80 to 140 ms at each reload
(measured on a busy machine). So a replaced configuration is kept, and dropped part by part, some at every sweep. The
next reload first lets go of what is left (`steps`), since reloads as fast as they can be told would otherwise fill
the memory faster than sweeps empty it. Requests hold what they still need.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Iterator
from itertools import islice

from .runtime import Runtime

SWEPT_PARTS = 150  # at a sweep: under a millisecond


class Remains:
    """The configurations that were replaced, and the parts of the one that is being dropped."""

    __slots__ = ("_dropping", "_parts", "_replaced")

    def __init__(self) -> None:
        self._replaced: deque[Runtime] = deque()
        self._parts: deque[object] = deque()
        self._dropping: Iterator[None] = iter(())

    def add(self, replaced: Runtime) -> None:
        """Keep a configuration that nobody begins with any more."""
        if not self:
            self._dropping = self._drop()
        self._replaced.append(replaced)

    def sweep(self) -> None:
        """Let some parts go."""
        for _ in islice(self._dropping, SWEPT_PARTS):
            pass

    def steps(self) -> Iterator[None]:
        """Let all go, a part at a time."""
        return self._dropping

    def _drop(self) -> Iterator[None]:
        """What holds others goes before what it holds, so that nothing takes much with it."""
        parts = self._parts
        while self._replaced:
            for _ in map(parts.append, self._replaced[0].table.nodes()):
                yield
            first = self._replaced.popleft()
            parts += first.table.entries
            parts += first.chains
            parts += first.settings.routes
            del first
            while parts:
                parts.popleft()
                yield

    def __len__(self) -> int:
        return len(self._replaced) + len(self._parts)

    def __repr__(self) -> str:
        return f"<Remains {len(self._replaced)} whole, {len(self._parts)} parts>"
