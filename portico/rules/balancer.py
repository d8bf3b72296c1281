"""Which instance of a service gets the next attempt.

A balancer picks from a narrowed list: those that are healthy, not ejected, and not tried already by this
request; who may be on it is decided before. Round robin takes the instance that has waited longest, so an
unchanged list is shared exactly, and a list that is narrowed now and then (a retry, an ejection) starves
nobody.
"""

from __future__ import annotations

from collections.abc import Hashable, Sequence
from typing import Protocol, TypeVar

T = TypeVar("T", bound=Hashable)


class Balancer(Protocol[T]):
    """What every algorithm looks like to a service. `candidates` is never empty."""

    def pick(self, candidates: Sequence[T]) -> T:
        """The instance for one attempt."""


class RoundRobin(Balancer[T]):
    """Each instance in turn; those that were never picked come first, in the order of the list."""

    __slots__ = ("_picks", "_turns")

    def __init__(self) -> None:
        self._picks = 0
        self._turns: dict[T, int] = {}  # instance → the pick that was its last

    def pick(self, candidates: Sequence[T]) -> T:
        """The candidate that has waited longest; ties go to the first."""
        chosen = candidates[0]
        if len(candidates) == 1:
            return chosen
        turns = self._turns
        longest = self._picks
        for candidate in candidates:
            turn = turns.get(candidate, -1)
            if turn < longest:
                longest = turn
                chosen = candidate
        turns[chosen] = self._picks
        self._picks += 1
        return chosen

    def __repr__(self) -> str:
        return f"<RoundRobin {len(self._turns)} instances, {self._picks} picks>"
