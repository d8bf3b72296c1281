"""A file with mistakes above, what a person is told below: every `cases/*.yaml` has a `*.problems` beside it.

`PORTICO_WRITE_GOLDEN=1` writes what is said now; read the difference before committing it.
"""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from portico.config import ConfigurationError, load_settings
from portico.stages.rate_limit import RateLimitStage
from tests.unit.config.language import SECRET, STAGES

# Cases about a stage itself need the real one.
REAL = {"rate-limits.yaml": {RateLimitStage.key: RateLimitStage.settings}}
CASES = Path(__file__).parent / "cases"
ENV = {
    "JWT_SECRET": SECRET,
    "SHORT_SECRET": "hush-hush",
    "PORT": "3000",
    "NOT_A_NUMBER": "three-thousand",
    "SERVICE": "tikets",
    "EMPTY": "",
}


def plugin(name: str) -> tuple[str, object]:
    if name == "shop.stages:Greet":
        return "greet", str
    raise ModuleNotFoundError(f"No module named {name.partition('.')[0]!r}")


def said_of(name: str) -> str:
    try:
        loaded = load_settings(name, STAGES | REAL.get(name, {}), ENV, plugin=plugin)
    except ConfigurationError as error:
        return f"{error}\n"
    return "".join(f"{warning}\n" for warning in loaded.warnings)


@pytest.mark.parametrize("name", sorted(case.name for case in CASES.glob("*.yaml")))
def test_what_is_said(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(CASES)
    expected = CASES / name.replace(".yaml", ".problems")
    said = said_of(name)
    if os.environ.get("PORTICO_WRITE_GOLDEN"):
        expected.write_text(said)
    assert said.splitlines() == expected.read_text().splitlines()
