"""Access as a table that a person can read: a row for each request, a column for each caller, and their status.

Tables stand in a Markdown file, which may hold several with other columns, and text between them. A request is written
`METHOD /path {"json": "body"}`; `{name}` stands for something that is made for it (a ticket, say), and made anew once
somebody may have changed it. `-` in a cell: not asked.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path

import httpx

NOT_ASKED = "-"
_REQUEST = re.compile(r"(?P<method>[A-Z]+) (?P<path>/\S*)(?: (?P<body>\{.*\}))?\Z")
_THING = re.compile(r"\{([a-z][a-z-]*)\}")
_SAFE = ("GET", "HEAD", "OPTIONS")

Headers = Mapping[str, str]
Caller = Callable[[str, str, bytes], Headers]
"""The headers of a caller's credential for a method, a target and a body: signatures differ by them."""

Maker = Callable[[str], str]
"""Makes something for the caller of a column, and gives its id."""


@dataclass(frozen=True)
class Row:
    """One request, and the status that each caller is to get. `line` is its place in the file."""

    line: int
    method: str
    path: str
    body: str
    statuses: Mapping[str, int]

    def __str__(self) -> str:
        return f"{self.method} {self.path}{' ' + self.body if self.body else ''}"


def bearer(token: str) -> Caller:
    """A caller with a token."""
    return lambda method, target, body: {"authorization": f"Bearer {token}"}


def nobody(method: str, target: str, body: bytes) -> Headers:
    """A caller without any credential."""
    return {}


def read(path: Path) -> list[Row]:
    """The rows of all tables of a file. Raises ValueError for a line that cannot be meant."""
    rows: list[Row] = []
    columns: list[str] = []
    for number, line in enumerate(path.read_text("utf-8").splitlines(), 1):
        cells = [cell.strip().strip("`") for cell in line.strip().strip("|").split("|")]
        if not line.startswith("|"):
            columns = []
        elif not columns:
            columns = cells[1:]
        elif not set(line) <= set("|-: "):
            rows.append(_row(f"{path.name}:{number}", number, cells, columns))
    if not rows:
        raise ValueError(f"{path.name} has no table")
    return rows


def _row(where: str, number: int, cells: list[str], columns: list[str]) -> Row:
    request = _REQUEST.match(cells[0])
    if request is None:
        raise ValueError(f"{where}: {cells[0]!r} is no request")
    if len(cells) - 1 != len(columns):
        raise ValueError(f"{where}: {len(cells) - 1} statuses for {len(columns)} callers")
    statuses = {}
    for column, cell in zip(columns, cells[1:], strict=True):
        if cell != NOT_ASKED:
            if not re.fullmatch("[1-5][0-9][0-9]", cell):
                raise ValueError(f"{where}: {cell!r} is no status")
            statuses[column] = int(cell)
    return Row(number, request["method"], request["path"], request["body"] or "", statuses)


def differences(
    row: Row, address: str, callers: Mapping[str, Caller], things: Mapping[str, Maker]
) -> list[str]:
    """What the gateway at an address answers otherwise than the row says, a line for each."""
    found = []
    made: dict[str, str] = {}
    with httpx.Client(base_url=address, timeout=60) as client:
        for column, status in row.statuses.items():
            target = _filled(row.path, column, made, things)
            body = _filled(row.body, column, made, things).encode()
            headers = {**callers[column](row.method, target, body)}
            if body:
                headers["content-type"] = "application/json"
            reply = client.request(row.method, target, content=body, headers=headers)
            if reply.status_code != status:
                found.append(
                    f"line {row.line}, {row}: {column} got {reply.status_code}, not {status}: {reply.text[:200]}"
                )
            if reply.status_code < 400 and row.method not in _SAFE:
                made.clear()
            for name in [name for name in made if name.startswith("own-")]:
                del made[name]
    return found


def _filled(text: str, column: str, made: dict[str, str], things: Mapping[str, Maker]) -> str:
    def thing(found: re.Match[str]) -> str:
        name = found[1]
        if name not in made:
            made[name] = things[name](column)
        return made[name]

    return _THING.sub(thing, text)


def untouched(rows: Iterable[Row], routes: Iterable[str], route_of: Callable[[str, str], str]) -> list[str]:
    """The routes that no row of a table is about. `route_of` finds the route of a method and a path."""
    touched = {route_of(row.method, _THING.sub("x", row.path).partition("?")[0]) for row in rows}
    return [route for route in routes if route not in touched]
