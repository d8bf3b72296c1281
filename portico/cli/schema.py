"""`portico schema`: the JSON Schema of the configuration language, for editors."""

from __future__ import annotations

import typer

from portico.cli.text import say_json
from portico.cli.trouble import Trouble


def schema(
    stage: list[str] = typer.Option(
        [], "--stage", metavar="MODULE:CLASS", help="A plug-in stage that is not installed; may be repeated."
    ),
) -> None:
    """Print the JSON Schema of the configuration.

    It has the keys of all installed stages.
    """
    from portico.config.extensions import adapters
    from portico.config.schema import build_schema
    from portico.services.child import import_from_here
    from portico.stages import StageError, load_stages, stage_types

    import_from_here()
    try:
        stages = load_stages(stage)
    except StageError as error:
        raise Trouble(*str(error).splitlines()) from None
    say_json(build_schema(adapters(stage_types(stages))))
