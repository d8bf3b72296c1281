"""Each test of a command has a folder of its own with a `portico.yaml` in it, and is in that folder."""

import sys
from pathlib import Path

import pytest

from tests.unit.cli.command import CONFIGURATION


@pytest.fixture(autouse=True)
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(sys, "path", list(sys.path))  # commands let modules be imported from their folder
    (tmp_path / "portico.yaml").write_text(CONFIGURATION)
    return tmp_path
