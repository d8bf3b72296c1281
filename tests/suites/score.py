"""What a suite says of one way to its server: passed of total, and each case that differs or fails."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field


@dataclass
class Score:
    """`peer` is direct, nginx, Envoy or Portico. `deviations` names cases and what came of them."""

    suite: str
    peer: str
    passed: int
    total: int
    skipped: int = 0
    deviations: list[str] = field(default_factory=list)
    note: str = ""

    def __str__(self) -> str:
        skipped = f", {self.skipped} skipped" if self.skipped else ""
        note = f" ({self.note})" if self.note else ""
        return f"{self.suite}, {self.peer}: {self.passed}/{self.total}{skipped}{note}"


def worst(runs: Iterable[Sequence[Score]]) -> list[Score]:
    """Of several runs of a suite, the lowest score of each peer."""
    found: dict[tuple[str, str], Score] = {}
    for scores in runs:
        for score in scores:
            known = found.get((score.suite, score.peer))
            if known is None or score.passed - score.total < known.passed - known.total:
                found[score.suite, score.peer] = score
    return list(found.values())


def table(scores: Sequence[Score]) -> str:
    """Markdown, a row per suite and a column per peer."""
    peers = list(dict.fromkeys(score.peer for score in scores))
    lines = ["| suite | " + " | ".join(peers) + " |", "| --- |" + " --- |" * len(peers)]
    for suite in dict.fromkeys(score.suite for score in scores):
        cells = []
        for peer in peers:
            found = [score for score in scores if (score.suite, score.peer) == (suite, peer)]
            cells.append(f"{found[0].passed}/{found[0].total}" if found else "–")
        lines.append(f"| {suite} | " + " | ".join(cells) + " |")
    return "\n".join(lines)
