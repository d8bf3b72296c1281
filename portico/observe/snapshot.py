"""A worker's metrics as plain data, the sum of several workers', and what dead workers leave behind.

Counters and histograms add up. A gauge follows its family's rule. Adding is associative, so that the order in which
workers answer changes nothing. Nothing here knows where a snapshot came from or how it travelled.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Literal, TypedDict

Kind = Literal["counter", "gauge", "histogram"]
Merge = Literal["sum", "max", "min", "breaker"]


class FamilySnapshot(TypedDict):
    """One family. A child's numbers are `[value]`, or `[sum, count per bucket…]` for a histogram.

    `count_of` names the histogram whose counts this counter shows; its own children are empty then.
    """

    kind: Kind
    help: str
    labels: Sequence[str]
    merge: Merge
    bounds: Sequence[float]
    count_of: str
    children: Sequence[tuple[Sequence[str], Sequence[float]]]


Snapshot = dict[str, FamilySnapshot]


def combine(rule: Merge, left: float, right: float) -> float:
    """What two figures of the same child amount to."""
    if rule == "sum":
        return left + right
    if rule == "max":
        return max(left, right)
    if rule == "min":
        return min(left, right)
    # A breaker is 0 closed, 1 open, 2 half-open: open anywhere is what an alert must see.
    return 1 if 1 in (left, right) else max(left, right)


def _shape(family: FamilySnapshot) -> tuple[object, ...]:
    return family["kind"], tuple(family["labels"]), tuple(family["bounds"]), family["count_of"]


def merge(snapshots: Iterable[Snapshot]) -> Snapshot:
    """The view of all workers together.

    Where two snapshots disagree on a family's shape (workers of two releases), the later one's shape counts and
    the other's figures are left out: there is no honest sum.
    """
    merged: Snapshot = {}
    tables: dict[str, dict[tuple[str, ...], list[float]]] = {}
    for snapshot in snapshots:
        for name, family in snapshot.items():
            if name not in merged or _shape(merged[name]) != _shape(family):
                tables[name] = {}
            merged[name] = family
            table = tables[name]
            rule = family["merge"]
            for labels, numbers in family["children"]:
                key = tuple(labels)
                present = table.get(key)
                table[key] = (
                    list(numbers)
                    if present is None
                    else [combine(rule, left, right) for left, right in zip(present, numbers, strict=True)]
                )
    return {name: {**family, "children": list(tables[name].items())} for name, family in merged.items()}


def lasting(snapshot: Snapshot) -> Snapshot:
    """What remains true of a worker after its death: what it counted, not what it held."""
    return {name: family for name, family in snapshot.items() if family["kind"] != "gauge"}


class Member:
    """One living worker in a `Fold`."""

    __slots__ = ("_fold", "_last")

    def __init__(self, fold: Fold) -> None:
        self._fold: Fold | None = fold
        self._last: Snapshot = {}

    @property
    def last(self) -> Snapshot:
        """The last report."""
        return self._last

    def report(self, snapshot: Snapshot) -> None:
        """Its newest figures. A report that arrives after `leave` changes nothing."""
        if self._fold is not None:
            self._last = snapshot

    def leave(self) -> None:
        """The worker is dead: its counts stay, its gauges go. Doing it twice changes nothing."""
        fold, self._fold = self._fold, None
        if fold is not None:
            fold.bury(self)


class Fold:
    """The metrics of all workers, dead ones included, so that counters never fall.

    The supervisor lets each new worker `join`, hands over every report, and shows `snapshot()`.
    """

    def __init__(self) -> None:
        self._dead: Snapshot = {}
        self._members: list[Member] = []

    def join(self) -> Member:
        """A place for a new worker."""
        member = Member(self)
        self._members.append(member)
        return member

    def bury(self, member: Member) -> None:
        """Keep what `member` counted; called by `Member.leave`."""
        self._members.remove(member)
        self._dead = merge([self._dead, lasting(member.last)])

    def snapshot(self) -> Snapshot:
        """All workers together, as last reported."""
        return merge([self._dead, *(member.last for member in self._members)])

    def __repr__(self) -> str:
        return f"<Fold {len(self._members)} members, {len(self._dead)} families of the dead>"
