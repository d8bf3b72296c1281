"""Metrics as plain numbers: families whose children are looked up at load and touched per request (decision 13).

A family admits so many children as its label budget says; whatever comes later is counted on one child whose labels
are all `other`, and on `portico_metric_overflows_total`, so that no client can grow the memory through a label.
A child, once made, lives as long as the worker: a route that vanishes at a reload keeps its counts.
"""

from __future__ import annotations

import re
from bisect import bisect_left
from collections.abc import Callable, Iterable, Sequence
from typing import Generic, Protocol, TypeVar

from .snapshot import FamilySnapshot, Kind, Merge, Snapshot, combine

OTHER = "other"
BUDGET = 5000  # children per family and worker

_NAME = re.compile(r"[a-zA-Z_:][a-zA-Z0-9_:]*")
_LABEL = re.compile(r"(?!__)(?!le$)[a-zA-Z_][a-zA-Z0-9_]*")


class Child(Protocol):
    """One time series of a family."""

    def numbers(self) -> list[float]:
        """Its figures now, as `FamilySnapshot` lays them out."""


class Number:
    """The child of a counter or a gauge: add to `value`, or set it."""

    __slots__ = ("value",)

    def __init__(self) -> None:
        self.value: float = 0.0

    def numbers(self) -> list[float]:
        """Its figures now."""
        return [self.value]

    def __repr__(self) -> str:
        return f"<Number {self.value}>"


class Buckets:
    """The child of a histogram: a count per bucket, the last one for what exceeds every bound, and the sum."""

    __slots__ = ("bounds", "counts", "sum")

    def __init__(self, bounds: tuple[float, ...]) -> None:
        self.bounds = bounds
        self.counts = [0] * (len(bounds) + 1)
        self.sum: float = 0.0

    def observe(self, value: float) -> None:
        """Count one measurement; a value equal to a bound belongs to it (`le`)."""
        self.counts[bisect_left(self.bounds, value)] += 1
        self.sum += value

    def numbers(self) -> list[float]:
        """Its figures now."""
        return [self.sum, *self.counts]

    def __repr__(self) -> str:
        return f"<Buckets {sum(self.counts)} values, sum {self.sum}>"


C = TypeVar("C", bound=Child)
Samples = Callable[[], Iterable[tuple[Sequence[str], float]]]


class Family(Generic[C]):
    """One metric: its name, its labels, and a child per set of label values."""

    kind: Kind

    def __init__(
        self,
        name: str,
        text: str,
        labels: Sequence[str],
        overflows: Callable[[str], None],
        budget: int,
        merge: Merge,
    ) -> None:
        if not _NAME.fullmatch(name):
            raise ValueError(f"{name!r} is no metric name")
        for label in labels:
            if not _LABEL.fullmatch(label):
                raise ValueError(f"{label!r} is no label name")
        self.name = name
        self.text = text
        self.label_names = tuple(labels)
        self.merge = merge
        self.budget = budget
        self._overflows = overflows
        self._children: dict[tuple[str, ...], C] = {}

    def make(self) -> C:
        """A new child."""
        raise NotImplementedError

    def labels(self, *values: str) -> C:
        """The child with these label values; the overflow child when the budget is spent.

        Look it up once and keep it: this is not for the request path. ValueError when the count of values is wrong.
        """
        child = self._children.get(values)
        if child is not None:
            return child
        if len(values) != len(self.label_names):
            raise ValueError(f"{self.name} has {len(self.label_names)} labels, not {len(values)}")
        if len(self._children) >= self.budget:
            self._overflows(self.name)
            values = (OTHER,) * len(values)
            child = self._children.get(values)
            if child is not None:
                return child
        child = self._children[values] = self.make()
        return child

    def clear(self) -> None:
        """Forget the children; for figures that are sampled afresh."""
        self._children.clear()

    def shape(self) -> tuple[object, ...]:
        """What must agree when a family is asked for twice."""
        return self.kind, self.label_names, self.merge

    def snapshot(self) -> FamilySnapshot:
        """The family as plain data. Safe beside a thread that adds a child."""
        return FamilySnapshot(
            kind=self.kind,
            help=self.text,
            labels=list(self.label_names),
            merge=self.merge,
            bounds=[],
            count_of="",
            children=[(list(values), child.numbers()) for values, child in list(self._children.items())],
        )

    def __repr__(self) -> str:
        return f"<{type(self).__name__} {self.name}, {len(self._children)} children>"


class Counter(Family[Number]):
    """A family of numbers that only grow; the name ends in `_total`."""

    kind: Kind = "counter"

    def make(self) -> Number:
        """A new child."""
        return Number()


class Gauge(Family[Number]):
    """A family of numbers that go up and down; `merge` says what several workers' figures amount to."""

    kind: Kind = "gauge"

    def make(self) -> Number:
        """A new child."""
        return Number()


class Histogram(Family[Buckets]):
    """A family of distributions over ascending upper `bounds`; the bucket `+Inf` is implied.

    `counted_as` names a counter that is shown beside it with the same labels and the counts of its values, so that
    the request path touches one object for both.
    """

    kind: Kind = "histogram"
    bounds: tuple[float, ...] = ()
    counted_as: tuple[str, str] | None = None

    def make(self) -> Buckets:
        """A new child."""
        return Buckets(self.bounds)

    def shape(self) -> tuple[object, ...]:
        """What must agree when a family is asked for twice."""
        return *super().shape(), self.bounds

    def snapshot(self) -> FamilySnapshot:
        """The family as plain data."""
        return {**super().snapshot(), "bounds": list(self.bounds)}


F = TypeVar("F", Counter, Gauge, Histogram)


class Registry:
    """The families of one worker. Asking twice for the same family gives the same one, also after a reload."""

    def __init__(self, budget: int = BUDGET) -> None:
        self.budget = budget
        self._families: dict[str, Counter | Gauge | Histogram] = {}
        self._sampled: dict[str, Samples] = {}
        self._told: dict[str, dict[tuple[str, ...], float]] = {}  # of counters, at the last snapshot
        self._overflows = self.counter(
            "portico_metric_overflows_total",
            "Label sets counted as `other`: the budget was spent.",
            ["metric"],
        )

    def counter(self, name: str, text: str, labels: Sequence[str] = ()) -> Counter:
        """The counter `name`. ValueError when the name is taken by something else."""
        return self._add(Counter(name, text, labels, self._overflow, self.budget, "sum"))

    def gauge(self, name: str, text: str, labels: Sequence[str] = (), merge: Merge = "sum") -> Gauge:
        """The gauge `name`. ValueError when the name is taken by something else."""
        return self._add(Gauge(name, text, labels, self._overflow, self.budget, merge))

    def histogram(
        self,
        name: str,
        text: str,
        labels: Sequence[str] = (),
        *,
        bounds: Sequence[float],
        counted_as: tuple[str, str] | None = None,
    ) -> Histogram:
        """The histogram `name`. `counted_as`: name and help of the counter shown with it."""
        if list(bounds) != sorted(set(bounds)) or not bounds:
            raise ValueError(f"{name}: bounds must ascend")
        family = Histogram(name, text, labels, self._overflow, self.budget, "sum")
        family.bounds = tuple(float(bound) for bound in bounds)
        family.counted_as = counted_as
        return self._add(family)

    def sample(self, family: Counter | Gauge, samples: Samples) -> None:
        """Ask `samples` for the family's figures whenever a snapshot is taken; the later caller replaces the former.

        A gauge shows what is told and nothing else. A counter never falls: it keeps what it was told of children
        that are gone, and takes a smaller figure for that of a new source, which began at nought.
        """
        self._sampled[family.name] = samples

    def snapshot(self) -> Snapshot:
        """Every figure now, as data that can be pickled and written as JSON."""
        for name, samples in self._sampled.items():
            family = self._families[name]
            assert not isinstance(family, Histogram)
            if isinstance(family, Gauge):
                _show(family, samples())
            else:
                _add_up(family, samples(), self._told.setdefault(name, {}))
        snapshot: Snapshot = {}
        for family in list(self._families.values()):
            snapshot[family.name] = family.snapshot()
            if isinstance(family, Histogram) and family.counted_as:
                snapshot[family.counted_as[0]] = FamilySnapshot(
                    kind="counter",
                    help=family.counted_as[1],
                    labels=list(family.label_names),
                    merge="sum",
                    bounds=[],
                    count_of=family.name,
                    children=[],
                )
        return snapshot

    def _add(self, family: F) -> F:
        present = self._families.setdefault(family.name, family)
        if present.shape() != family.shape():
            raise ValueError(f"the metric {family.name} exists in another shape")
        assert isinstance(present, type(family))
        return present

    def _overflow(self, name: str) -> None:
        if name != self._overflows.name:
            self._overflows.labels(name).value += 1

    def __repr__(self) -> str:
        return f"<Registry {len(self._families)} families>"


def _show(family: Gauge, samples: Iterable[tuple[Sequence[str], float]]) -> None:
    family.clear()
    told: set[Number] = set()
    for values, value in samples:
        child = family.labels(*values)
        child.value = combine(family.merge, child.value, value) if child in told else value
        told.add(child)


def _add_up(
    family: Counter, samples: Iterable[tuple[Sequence[str], float]], before: dict[tuple[str, ...], float]
) -> None:
    for values, value in samples:
        key = tuple(values)
        last = before.get(key, 0)
        family.labels(*key).value += value - last if value >= last else value
        before[key] = value
