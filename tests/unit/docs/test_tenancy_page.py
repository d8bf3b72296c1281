"""docs/tenancy.md: its configurations are good as they stand."""

from __future__ import annotations

import pytest

from portico.config import load_settings_text
from portico.gateway.check import compile_offline
from portico.stages import load_stages, stage_types
from tests.unit.docs.pages import page

BLOCKS = [block.text for block in page("docs/tenancy.md").blocks if block.language == "yaml"]


def test_there_are_two() -> None:
    assert len(BLOCKS) == 2


@pytest.mark.parametrize("text", BLOCKS, ids=range(len(BLOCKS)))
def test_a_configuration_of_the_page_is_good(text: str) -> None:
    loaded = load_settings_text(text, stage_types(load_stages()), env={"JWT_SECRET": "s" * 32})
    assert loaded.warnings == ()
    compile_offline(loaded)
