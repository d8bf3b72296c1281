"""Settings of tokens that are bound to their bearer's key (RFC 9449)."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field
from pydantic.json_schema import JsonSchemaValue

from portico.config.models.model import SettingsModel
from portico.config.values import AtLeastOne, Distinct, Flag, Form, PositiveDuration

MODES = ("allowed", "required")

ProofAlgorithm = Literal[
    "ES256", "ES384", "ES512", "EdDSA", "PS256", "PS384", "PS512", "RS256", "RS384", "RS512"
]
"""Asymmetric ones: with another the proof's own key would be the secret (RFC 9449 section 11.6)."""


class DpopSettings(SettingsModel):
    """What a caller with a bound token must show; ``allowed`` and ``required`` stand for the mode alone."""

    mode: Literal["allowed", "required"] = Field(
        default="required", description="Whether tokens that are not bound to a key are taken besides."
    )
    algorithms: Annotated[AtLeastOne[ProofAlgorithm], Distinct] = Field(
        default=("ES256", "EdDSA", "PS256", "RS256"), description="Algorithms of proofs that are accepted."
    )
    window: PositiveDuration = Field(
        default=60.0, description="How far a proof's time (claim iat) may lie in the past or in the future."
    )
    nonce: Flag = Field(
        default=False,
        description="Whether a proof must have a nonce that the gateway has given within the last five minutes.",
    )


def _mode(value: object) -> object:
    return {"mode": value} if isinstance(value, str) else value


def _mode_schema(schema: JsonSchemaValue) -> JsonSchemaValue:
    return {"anyOf": [{"enum": list(MODES)}, schema]}


Dpop = Annotated[DpopSettings, Form(_mode, _mode_schema)]
"""``required``, ``allowed``, or an object."""
