"""Snapshots as the Prometheus text format 0.0.4, which `promtool check metrics` accepts.

Source: Prometheus documentation, "Exposition formats". Families and children are sorted, so that two scrapes differ
only in their figures.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence

from .snapshot import FamilySnapshot, Snapshot

CONTENT_TYPE = b"text/plain; version=0.0.4; charset=utf-8"

_HELP = str.maketrans({"\\": "\\\\", "\n": "\\n"})
_VALUE = str.maketrans({"\\": "\\\\", "\n": "\\n", '"': '\\"'})


def render(snapshot: Snapshot) -> bytes:
    """The whole page."""
    lines: list[str] = []
    for name in sorted(snapshot):
        family = snapshot[name]
        children = _counts(snapshot, family) if family["count_of"] else family["children"]
        if not children and family["labels"]:
            continue  # nothing has been counted yet
        lines.append(f"# HELP {name} {family['help'].translate(_HELP)}\n# TYPE {name} {family['kind']}\n")
        for values, numbers in sorted(children, key=_labels):
            labels = _pairs(family["labels"], values)
            if family["kind"] == "histogram":
                lines.extend(_buckets(name, labels, family["bounds"], numbers))
            else:
                lines.append(f"{name}{_braces(labels)} {_number(numbers[0])}\n")
    return "".join(lines).encode("utf-8", "backslashreplace")


def _labels(child: tuple[Sequence[str], Sequence[float]]) -> tuple[str, ...]:
    return tuple(child[0])


def _counts(snapshot: Snapshot, family: FamilySnapshot) -> list[tuple[Sequence[str], Sequence[float]]]:
    source = snapshot.get(family["count_of"])
    children = () if source is None else source["children"]
    return [(values, [sum(numbers[1:])]) for values, numbers in children]


def _buckets(name: str, labels: str, bounds: Sequence[float], numbers: Sequence[float]) -> Iterable[str]:
    lead = labels + "," if labels else ""
    total: float = 0
    for bound, count in zip((*bounds, math.inf), numbers[1:], strict=True):
        total += count
        yield f'{name}_bucket{{{lead}le="{_number(bound)}"}} {_number(total)}\n'
    yield f"{name}_sum{_braces(labels)} {_number(numbers[0])}\n"
    yield f"{name}_count{_braces(labels)} {_number(total)}\n"


def _pairs(names: Sequence[str], values: Sequence[str]) -> str:
    return ",".join(
        [f'{name}="{value.translate(_VALUE)}"' for name, value in zip(names, values, strict=True)]
    )


def _braces(labels: str) -> str:
    return f"{{{labels}}}" if labels else ""


def _number(value: float) -> str:
    if math.isnan(value):
        return "NaN"
    if math.isinf(value):
        return "+Inf" if value > 0 else "-Inf"
    return str(int(value)) if value == int(value) else repr(value)
