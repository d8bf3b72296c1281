"""What all settings have in common: unknown keys are errors, and nobody changes what was checked."""

from __future__ import annotations

from pydantic import BaseModel, ConfigDict


class SettingsModel(BaseModel):
    """What a person wrote, checked. Also for the settings of plug-in stages."""

    model_config = ConfigDict(
        extra="forbid", frozen=True, hide_input_in_errors=True, arbitrary_types_allowed=False
    )
