"""docs/features.md, the ledger: every requirement has a row, and whatever a row names exists."""

from __future__ import annotations

import ast
import re
from functools import cache

import pytest

from portico.config.extensions import adapters
from portico.config.schema import build_schema, leaf_keys
from portico.stages import load_stages, stage_types
from tests.unit.docs.pages import ROOT, page
from tests.wired.table import ROWS as WIRED

# How many requirements each section has.
SECTIONS = {
    1: 14, 2: 11, 3: 7, 4: 6, 5: 7, 6: 6, 7: 5, 8: 3, 9: 3,
    10: 2, 11: 3, 12: 5, 13: 2, 14: 1, 15: 6, 16: 2, 17: 2, 18: 3,
}  # fmt: skip
NUMBERS = [f"{section}.{number + 1}" for section, count in SECTIONS.items() for number in range(count)]
STATES = ("works", "partial", "absent")

PAGE = page("docs/features.md")
ROWS = [cells for cells in PAGE.rows() if re.fullmatch(r"\d+\.\d+", cells[0])]


def spans(cell: str) -> list[str]:
    """What stands in backticks in a cell."""
    return re.findall(r"`([^`]+)`", cell)


@cache
def functions(path: str) -> frozenset[str]:
    """The names of the tests in a file; a state machine of Hypothesis is one by its assignment."""
    names: set[str] = set()
    for node in ast.parse((ROOT / path).read_text(encoding="utf-8")).body:
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef):
            names.add(node.name)
        elif isinstance(node, ast.Assign):
            names |= {target.id for target in node.targets if isinstance(target, ast.Name)}
    return frozenset(names)


@cache
def keys() -> frozenset[str]:
    """Every key of the language, and every group of keys."""
    leaves = leaf_keys(build_schema(adapters(stage_types(load_stages()))))
    found: set[str] = set()
    for leaf in leaves:
        parts = leaf.split(".")
        found |= {".".join(parts[: length + 1]) for length in range(len(parts))}
    return frozenset(
        found | {key.removesuffix("[]") for key in found} | {key.removesuffix(".*") for key in found}
    )


def test_every_requirement_has_one_row_in_order() -> None:
    assert [cells[0] for cells in ROWS] == NUMBERS


def test_the_state_is_one_of_three_words_and_their_sum_is_told() -> None:
    counts = dict.fromkeys(STATES, 0)
    for cells in ROWS:
        counts[cells[5]] += 1
    told = "Of {} requirements {works} work, {partial} are partial, {absent} are absent."
    assert told.format(len(ROWS), **counts) in PAGE.text


@pytest.mark.parametrize("cells", ROWS, ids=[cells[0] for cells in ROWS])
def test_what_a_row_names_exists(cells: list[str]) -> None:
    assert len(cells) == 7
    _, what, written, files, tests, state, note = cells
    assert what
    for key in spans(written):
        assert key in keys(), key
    for file in spans(files):
        assert (ROOT / file).is_file(), file
    named = spans(tests) + [span for span in spans(note) if "::" in span]
    for test in named:
        if test.startswith("wired: "):
            assert test.removeprefix("wired: ") in {row.key for row in WIRED}, test
        else:
            path, _, name = test.partition("::")
            assert name in functions(path), test
    if state == "absent":
        assert not files
        assert not tests
    else:
        assert spans(files)
        assert named
    if state == "partial":
        assert note, "what is missing?"
