"""The reference page: as the schema is now, and with every key."""

from portico.config.extensions import adapters
from portico.config.schema import build_schema, leaf_keys
from portico.stages import load_stages, stage_types
from tools.reference import PAGE, reference


def test_the_page_is_up_to_date() -> None:
    assert PAGE.read_text("utf-8") == reference(), "run: make docs"


def test_every_key_is_on_the_page_with_a_meaning() -> None:
    lines = {line.split("`")[1]: line for line in reference().splitlines() if line.startswith("| `")}
    keys = leaf_keys(build_schema(adapters(stage_types(load_stages()))))
    # The page describes defaults by the routes that they are for.
    assert {key.replace("defaults.", "routes[].") for key in keys} <= lines.keys()
    assert [key for key, line in lines.items() if line.endswith("|  |")] == []
