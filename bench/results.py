"""What a scenario hands to the report: tables, charts, notes, and every figure that was measured."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any


@dataclass(frozen=True, slots=True)
class Table:
    """Cells are text, ready for Markdown; a title is put above the table when there is one."""

    columns: tuple[str, ...]
    rows: list[tuple[str, ...]]
    title: str = ""


@dataclass(frozen=True, slots=True)
class Bar:
    """One bar of a chart. `low` and `high` are the spread; `marked` bars are ours, and coloured. A `group` gets a
    heading where it begins."""

    label: str
    value: float
    low: float
    high: float
    marked: bool = False
    group: str = ""


@dataclass(frozen=True, slots=True)
class Chart:
    """Horizontal bars in the order given. `caption` says under which conditions, in one line."""

    title: str
    unit: str
    bars: list[Bar]
    caption: str = ""


@dataclass(slots=True)
class Result:
    """What came out of one scenario.

    `notes` are sentences under the tables: conditions, oddities, who failed. `measured` goes into the JSON file as it
    is. `failed` names peers that broke during the scenario, with the reason: the run ends with exit code 1.
    """

    name: str
    title: str
    tables: list[Table] = field(default_factory=list)
    charts: list[Chart] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)
    measured: dict[str, Any] = field(default_factory=dict)
    failed: dict[str, str] = field(default_factory=dict)
