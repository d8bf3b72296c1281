"""The reader of matrix tables: what it takes, and what it says of a table that cannot be meant."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.integration.matrix.table import bearer, nobody, read, untouched


def table(folder: Path, text: str) -> Path:
    path = folder / "some.md"
    path.write_text(text, "utf-8")
    return path


def test_several_tables_with_text_between(tmp_path: Path) -> None:
    rows = read(
        table(
            tmp_path,
            "# Title\n\n| request | none | admin |\n| --- | :-: | --- |\n"
            '| `POST /a {"x": {"y": "{thing}"}}` | 401 | 201 |\n| GET /b?c=1 | - | 200 |\n'
            "text\n\n| request | key |\n|---|---|\n| GET /c | 403 |\n",
        )
    )
    assert [(row.line, str(row), dict(row.statuses)) for row in rows] == [
        (5, 'POST /a {"x": {"y": "{thing}"}}', {"none": 401, "admin": 201}),
        (6, "GET /b?c=1", {"admin": 200}),
        (11, "GET /c", {"key": 403}),
    ]


@pytest.mark.parametrize(
    ("row", "problem"),
    [
        ("| get /a | 200 |", "some.md:3: 'get /a' is no request"),
        ("| GET /a | 200 | 200 |", "some.md:3: 2 statuses for 1 callers"),
        ("| GET /a | ok |", "some.md:3: 'ok' is no status"),
        ("", "some.md has no table"),
    ],
)
def test_a_table_that_cannot_be_meant(tmp_path: Path, row: str, problem: str) -> None:
    with pytest.raises(ValueError, match=problem):
        read(table(tmp_path, f"| request | none |\n| --- | --- |\n{row}\n"))


def test_routes_that_no_row_is_about(tmp_path: Path) -> None:
    rows = read(table(tmp_path, "| request | none |\n| --- | --- |\n| GET /a/{thing}?q=1 | 401 |\n"))
    assert untouched(rows, ["/a/x", "/b"], lambda method, path: path) == ["/b"]


def test_credentials() -> None:
    assert bearer("t")("GET", "/", b"") == {"authorization": "Bearer t"}
    assert nobody("GET", "/", b"") == {}
