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
    """What remains true of a worker after its death: what it counted, not what it held.

    Whoever shows the figures of all workers merges this of the dead into what it shows, and counters never fall.
    """
    return {name: family for name, family in snapshot.items() if family["kind"] != "gauge"}
