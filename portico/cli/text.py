"""How the command line writes: tables, problems, durations, JSON.

Colours reach only a terminal: `typer.echo` takes them out of what goes to a file or a pipe, and NO_COLOR out of all.
"""

from __future__ import annotations

import json
import os
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import typer

if TYPE_CHECKING:
    from portico.config import Problem

_GAP = "  "


@dataclass(frozen=True, slots=True)
class Cell:
    """Text of a table in a colour."""

    text: str
    colour: str


Cells = Sequence[str | Cell]


def table(head: Sequence[str], rows: Iterable[Cells], indent: str = "") -> list[str]:
    """Lines with aligned columns under a head; the last column is as long as it likes."""
    body = [[cell if isinstance(cell, Cell) else Cell(cell, "") for cell in row] for row in rows]
    widths = [max(len(row[place].text) for row in body) if body else 0 for place in range(len(head))]
    widths = [max(width, len(title)) for width, title in zip(widths, head, strict=True)]
    lines = []
    if any(head):
        titles = _GAP.join(title.ljust(width) for title, width in zip(head, widths, strict=True)).rstrip()
        lines.append(indent + typer.style(titles, bold=True))
    for row in body:
        # Padding stays outside the colours, and there is none behind the last text of a line.
        last = max((place for place, cell in enumerate(row) if cell.text), default=0)
        parts = [
            _coloured(cell) + " " * (width - len(cell.text) if place < last else 0)
            for place, (cell, width) in enumerate(zip(row[: last + 1], widths, strict=False))
        ]
        lines.append(indent + _GAP.join(parts))
    return lines


def _coloured(cell: Cell) -> str:
    return typer.style(cell.text, fg=cell.colour) if cell.colour else cell.text


def title(text: str) -> str:
    """A heading."""
    return typer.style(text, bold=True)


def problem_line(problem: Problem) -> str:
    """A problem with its place made easy to find."""
    text = str(problem)
    place = f"{problem.file}:{problem.line}:{problem.column}:"
    if not text.startswith(place):
        return text
    rest = text.removeprefix(place)
    if problem.severity == "warning":
        rest = rest.replace(" warning:", typer.style(" warning:", fg=typer.colors.YELLOW), 1)
    return typer.style(place, bold=True) + rest


def complain(lines: Iterable[str]) -> None:
    """Lines on standard error."""
    _write(lines, err=True)


def say(lines: Iterable[str]) -> None:
    """Lines on standard output."""
    _write(lines, err=False)


def _write(lines: Iterable[str], *, err: bool) -> None:
    wanted = False if os.environ.get("NO_COLOR") else None  # None: on a terminal (no-color.org)
    for line in lines:
        typer.echo(line, err=err, color=wanted)


def say_json(data: Any) -> None:
    """One JSON document on standard output."""
    typer.echo(json.dumps(data, indent=2, ensure_ascii=False))


def span(seconds: float) -> str:
    """A stretch of time at a glance: `8s`, `12m 5s`, `3h 20m`, `2d 4h`."""
    whole = int(seconds)
    units = (("d", 86_400), ("h", 3_600), ("m", 60), ("s", 1))
    for place, (name, worth) in enumerate(units):
        if whole >= worth:
            text = f"{whole // worth}{name}"
            if place + 1 < len(units):
                below, less = units[place + 1]
                more = whole % worth // less
                text += f" {more}{below}" if more else ""
            return text
    return "0s"


def count(number: int, noun: str) -> str:
    """`1 worker`, `2 workers`."""
    return f"{number} {noun}" if number == 1 else f"{number} {noun}s"
