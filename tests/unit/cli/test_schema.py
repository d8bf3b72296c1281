"""`portico schema`."""

from pathlib import Path

from tests.unit.cli.command import portico

STAGE = """
from portico.plugin import Phase, Stage

class Greet(Stage[str]):
    key = "greet"
    phase = Phase.ANSWER
    settings = str
"""


def test_the_schema_has_the_stages_keys() -> None:
    done = portico("schema")
    assert done.code == 0
    assert done.data["$schema"] == "https://json-schema.org/draft/2020-12/schema"
    assert {"authenticate", "authorize", "match"} <= done.data["$defs"]["RouteSettings"]["properties"].keys()


def test_a_stage_that_is_not_installed_can_be_named(here: Path) -> None:
    (here / "cli_schema_stage.py").write_text(STAGE)
    done = portico("schema", "--stage", "cli_schema_stage:Greet")
    assert "greet" in done.data["$defs"]["RouteSettings"]["properties"]
    gone = portico("schema", "--stage", "cli_schema_stage:Gone")
    assert (gone.code, gone.out) == (1, "")
    assert "cli_schema_stage has no Gone" in gone.err
