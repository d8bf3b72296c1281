"""docs/plugins.md: every block of code on it runs, and what it says of the door is what the door has."""

from __future__ import annotations

import ast
import importlib
import re
import subprocess
import sys
import tomllib
from dataclasses import fields
from pathlib import Path

import pytest

import portico.plugin
from portico.plugin import Hooks, Phase, Stage
from portico.stages import load_stage
from tests.unit.cli.command import portico as command
from tests.unit.docs.pages import ROOT, page

PAGE = page("docs/plugins.md")
STAGES = ("beta", "needs_json", "at_once", "no_digits")


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A working folder that has every block of the page as the file that it says it is."""
    for block in PAGE.blocks:
        (tmp_path / block.name).write_text(block.text, encoding="utf-8")
    monkeypatch.chdir(tmp_path)
    monkeypatch.syspath_prepend(str(tmp_path))
    for name in STAGES:
        monkeypatch.delitem(sys.modules, name, raising=False)
    importlib.invalidate_caches()
    return tmp_path


def test_every_block_is_a_file_of_its_own() -> None:
    names = [block.name for block in PAGE.blocks]
    assert sorted(names) == sorted(
        [*(f"{stage}.py" for stage in STAGES), "portico.yaml", "pyproject.toml", "test_stages.py"]
    )


def test_the_tests_on_the_page_pass(folder: Path) -> None:
    done = subprocess.run(
        [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", "-W", "error"]
        + ["-o", "asyncio_mode=auto", "-o", "asyncio_default_fixture_loop_scope=function"]
        + ["-o", "pythonpath=.", "test_stages.py"],
        cwd=folder,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    assert re.search(r"^4 passed", done.stdout, re.MULTILINE), done.stdout


def test_the_file_on_the_page_is_good_and_shows_the_stages(folder: Path) -> None:
    checked = command("check", "portico.yaml")
    assert checked.code == 0, checked.err
    explained = command("explain", "POST", "/orders", "-c", "portico.yaml")
    assert explained.code == 0, explained.err
    for line in ("at most 8 at a time", "the body must have eventId, seats"):
        assert line in explained.out


def test_a_stage_reports_a_route_that_makes_no_sense(folder: Path) -> None:
    text = (folder / "portico.yaml").read_text(encoding="utf-8")
    (folder / "wrong.yaml").write_text(text.replace("POST /orders", "GET /orders"), encoding="utf-8")
    checked = command("check", "wrong.yaml")
    assert checked.code == 2
    assert "routes[0].needs_json: looks at bodies" in checked.err


def test_the_entry_points_are_stages(folder: Path) -> None:
    project = tomllib.loads((folder / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    own = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]["name"]
    assert project["dependencies"] == [own]
    points = project["entry-points"]["portico.stages"]
    assert {name: load_stage(reference).key for name, reference in points.items()} == {
        name: name for name in points
    }


def test_imports_only_what_is_promised() -> None:
    for block in PAGE.blocks:
        if block.language != "python" or block.name.startswith("test_"):
            continue
        for node in ast.walk(ast.parse(block.text)):
            if isinstance(node, ast.ImportFrom) and (node.module or "").startswith("portico"):
                assert node.module == "portico.plugin", block.name
                assert {alias.name for alias in node.names} <= set(portico.plugin.__all__)


def test_the_whole_door_is_described() -> None:
    """Members of a stage, hooks and phases: no more and no fewer than there are."""
    first_cells = [cells[0] for cells in PAGE.rows()]
    named = {re.sub(r"\(.*?\)", "", span) for cell in first_cells for span in re.findall(r"`([^`]+)`", cell)}
    members = {name for name in vars(Stage) if not name.startswith("_")} | set(Stage.__annotations__)
    assert members <= named
    assert {field.name for field in fields(Hooks)} <= named
    assert {phase.name for phase in Phase} <= named
    assert f"now `{portico.plugin.VERSION}`" in PAGE.text


def test_every_name_of_the_door_is_on_the_page() -> None:
    missing = [name for name in portico.plugin.__all__ if not re.search(rf"\b{name}\b", PAGE.text)]
    assert missing == []
