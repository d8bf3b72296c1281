"""Tables, times and problems as people read them."""

import re

import pytest

from portico.cli.text import Cell, count, problem_line, span, table
from portico.config import Problem

_COLOUR = re.compile(r"\x1b\[[0-9;]*m")


def test_columns_are_aligned_whatever_their_colour() -> None:
    lines = table(("NAME", "STATE", ""), [("a", Cell("ready", "green"), "x y"), ("longer", "no", "")], "  ")
    assert [_COLOUR.sub("", line) for line in lines] == [
        "  NAME    STATE",
        "  a       ready  x y",
        "  longer  no",
    ]
    assert "\x1b[32mready\x1b[0m" in lines[1]


def test_a_table_without_a_head() -> None:
    assert table(("", ""), [("a", "b")]) == ["a  b"]
    assert table(("", ""), []) == []


@pytest.mark.parametrize(
    ("seconds", "text"),
    [
        (0.4, "0s"),
        (8, "8s"),
        (60, "1m"),
        (725, "12m 5s"),
        (12_000, "3h 20m"),
        (187_200, "2d 4h"),
        (86_400, "1d"),
    ],
)
def test_a_stretch_of_time(seconds: float, text: str) -> None:
    assert span(seconds) == text


def test_one_and_many() -> None:
    assert [count(number, "worker") for number in (0, 1, 2)] == ["0 workers", "1 worker", "2 workers"]


def test_the_place_of_a_problem_stands_out() -> None:
    problem = Problem("a.yaml", 2, 3, "routes", "is wrong", "mend it")
    assert problem_line(problem) == "\x1b[1ma.yaml:2:3:\x1b[0m routes: is wrong – mend it"
    warning = Problem("a.yaml", 2, 3, "", "is old", severity="warning")
    assert problem_line(warning) == "\x1b[1ma.yaml:2:3:\x1b[0m\x1b[33m warning:\x1b[0m is old"
