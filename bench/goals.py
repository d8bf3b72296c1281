"""The goals of the project beside what was measured: one sentence each, and one entry among the figures."""

from __future__ import annotations

import statistics
from collections.abc import Sequence

from .results import Result


def goal(result: Result, number: str, what: str, reached: bool, measured: str) -> None:
    """Add "Goal G5 (at most 5 % slower): 1.2 %, reached." to a result."""
    result.notes.append(f"Goal {number} ({what}): {measured}, {'reached' if reached else 'missed'}.")
    result.measured.setdefault("goals", []).append(
        {"goal": number, "what": what, "measured": measured, "reached": reached}
    )


def spread(values: Sequence[float], digits: int = 0) -> str:
    """The median, and the smallest and greatest behind it."""
    median, low, high = (
        f"{each:,.{digits}f}" for each in (statistics.median(values), min(values), max(values))
    )
    return f"{median} ({low}–{high})" if len(values) > 1 else median
