"""Values that commands are given, read as the configuration reads them."""

from __future__ import annotations

import typer


def duration(text: str, option: str) -> float:
    """`90d` in seconds. Raises BadParameter, which names the option, for anything else."""
    from pydantic import TypeAdapter, ValidationError

    from portico.config.values import PositiveDuration

    try:
        seconds: float = TypeAdapter(PositiveDuration).validate_python(text)
    except ValidationError:
        raise typer.BadParameter(f"{text} is no time: write 30s, 15m, 1h or 7d", param_hint=option) from None
    return seconds
