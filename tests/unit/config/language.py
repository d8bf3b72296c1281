"""A small language for tests: the real models with three stage keys such as real stages have."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated, Any

from pydantic import BeforeValidator, Field

from portico.config import ConfigurationError, Loaded, load_settings_text
from portico.config.models.model import SettingsModel
from portico.config.references import IdentityName, RoleName
from portico.config.values import Duration, Flag, OneOrMany, OrOff


class Authorize(SettingsModel):
    """Who may."""

    roles: OneOrMany[RoleName] = Field(default=(), description="Roles that may.")


class SecurityHeaders(SettingsModel):
    """Headers that browsers obey."""

    nosniff: Flag = Field(default=True, description="Whether types are not guessed.")
    max_age: Duration = Field(default=60.0, description="How long it holds.")


SecurityHeadersOrOff = OrOff[SecurityHeaders]


def _nobody(value: object) -> object:
    return () if value == "none" else value


STAGES: dict[str, Any] = {
    "authenticate": Annotated[OneOrMany[IdentityName], BeforeValidator(_nobody)],
    "authorize": Authorize,
    "security_headers": SecurityHeadersOrOff,
}

SECRET = "a-secret-of-thirty-two-bytes-or-more"

START = """\
version: 1
services:
  tickets: {url: "http://127.0.0.1:3003"}
"""


def load(text: str, env: Mapping[str, str] | None = None, **options: Any) -> Loaded:
    """Load a text that must be right."""
    return load_settings_text(text, STAGES, env, **options)


def problems(text: str, env: Mapping[str, str] | None = None, **options: Any) -> list[str]:
    """What is wrong with a text, as a person reads it."""
    try:
        loaded = load(text, env, **options)
    except ConfigurationError as error:
        return [str(problem) for problem in error.problems]
    return [str(warning) for warning in loaded.warnings]
