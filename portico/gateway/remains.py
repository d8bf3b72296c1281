"""What is left of configurations that were replaced, let go piece by piece.

Ten thousand routes are a million objects: to free them in one go held the loop for 80 to 140 ms at each reload
(measured on a busy machine). So their parts are kept when the whole goes, and some are dropped at every sweep; more of
them while more are left, so that reloads without end cannot fill the memory. Requests hold what they still need.
"""

from __future__ import annotations

from .runtime import Runtime

_LEAST = 100  # parts at a sweep
_SHARE = 50  # of all that are left, one in so many as well


class Remains:
    """The parts of replaced configurations that are still in memory."""

    __slots__ = ("_parts",)

    def __init__(self) -> None:
        self._parts: list[object] = []

    def add(self, replaced: Runtime) -> None:
        """Keep the parts of a configuration that nobody begins with any more."""
        self._parts += replaced.settings.routes
        self._parts += replaced.table.entries
        self._parts += replaced.chains

    def sweep(self) -> None:
        """Let some of them go."""
        if self._parts:
            del self._parts[-(_LEAST + len(self._parts) // _SHARE) :]

    def __len__(self) -> int:
        return len(self._parts)

    def __repr__(self) -> str:
        return f"<Remains {len(self)} parts>"
