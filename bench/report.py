"""One run's results as files: a page in Markdown, the figures in JSON, the charts in SVG.

Written anew after each scenario, so that a run that is broken off keeps what it has measured.
"""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from pathlib import Path

from .chart import svg
from .machine import Machine
from .results import Result, Table


@dataclass(slots=True)
class Report:
    """What has been measured so far."""

    machine: Machine
    versions: dict[str, str]
    left_out: dict[str, str]
    rounds: int
    seconds: int
    results: list[Result] = field(default_factory=list)

    def write(self, folder: Path) -> None:
        """`results.md`, `results.json` and one SVG for each chart."""
        folder.mkdir(parents=True, exist_ok=True)
        (folder / "results.md").write_text(self.markdown(), encoding="utf-8")
        (folder / "results.json").write_text(self.json(), encoding="utf-8")
        for result in self.results:
            for name, chart in zip(chart_names(result), result.charts, strict=True):
                (folder / name).write_text(svg(chart, self.machine.footer()), encoding="utf-8")

    def markdown(self) -> str:
        """The page."""
        parts = ["# Results", f"{self.machine.sentence()} {self.rounds} rounds of {self.seconds} s."]
        for result in self.results:
            parts.append(f"## {result.title}")
            parts += [markdown(table) for table in result.tables]
            parts += [
                f"![{chart.title}, {chart.unit}]({name})"
                for name, chart in zip(chart_names(result), result.charts, strict=True)
            ]
            parts += result.notes
            parts += [f"**{name} failed:** {reason}" for name, reason in result.failed.items()]
        if self.left_out:
            parts.append("## Left out")
            parts.append("\n".join(f"- {name}: {reason}" for name, reason in self.left_out.items()))
        parts.append("## Versions")
        parts.append("\n".join(f"- {name}: {version}" for name, version in self.versions.items()))
        return "\n\n".join(parts) + "\n"

    def json(self) -> str:
        """The figures."""
        whole = {
            "machine": self.machine.fields(),
            "rounds": self.rounds,
            "seconds": self.seconds,
            "versions": self.versions,
            "left_out": self.left_out,
            "scenarios": {
                result.name: {
                    "title": result.title,
                    "measured": result.measured,
                    "notes": result.notes,
                    "failed": result.failed,
                }
                for result in self.results
            },
        }
        return json.dumps(whole, indent=2, ensure_ascii=False) + "\n"


def chart_names(result: Result) -> list[str]:
    """The files of its charts."""
    return [f"{result.name}{'' if n == 0 else f'-{n + 1}'}.svg" for n in range(len(result.charts))]


def markdown(table: Table) -> str:
    """A table; a bar in a cell would end it, and is escaped."""
    lines = [f"**{table.title}**\n"] if table.title else []
    lines.append(_line(table.columns))
    lines.append(_line(("---",) * len(table.columns)))
    lines += [_line(row) for row in table.rows]
    return "\n".join(lines)


def _line(cells: tuple[str, ...]) -> str:
    return "| " + " | ".join(cell.replace("|", "\\|") for cell in cells) + " |"
