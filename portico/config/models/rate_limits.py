"""Settings of what all rate limits have in common."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field

from portico.config.models.model import SettingsModel
from portico.config.values import Distinct, Flag, OneOrMany, OrOff, Positive

HeaderStyle = Literal["draft", "older", "x"]


class RateLimitsSettings(SettingsModel):
    """What all rate limits have in common."""

    enabled: Flag = Field(
        default=True, description="Whether any limit counts; false switches all of them off."
    )
    headers: OrOff[Annotated[OneOrMany[HeaderStyle], Distinct, Field(min_length=1)]] = Field(
        default=("draft",),
        description="How replies tell of limits: draft (RateLimit, RateLimit-Policy), older (RateLimit-Limit, "
        "-Remaining, -Reset), x (the same with X- before them), several of them, or off.",
        json_schema_extra={"default": "draft"},
    )
    keys: Positive = Field(
        default=1_000_000,
        description="Callers that one worker remembers, over all limits; when there are more, new ones replace "
        "each other.",
    )
