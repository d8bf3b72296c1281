"""Forms that several kinds of identity share: algorithms and secrets."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import BeforeValidator, PlainSerializer, PlainValidator, SecretStr, WithJsonSchema

from portico.config.values import refuse


def _algorithm(value: object) -> object:
    if isinstance(value, str) and value.lower() == "none":
        raise refuse("the algorithm {written} would accept tokens that anybody can make", value)
    return value


Algorithm = Annotated[
    Literal[
        "HS256",
        "HS384",
        "HS512",
        "RS256",
        "RS384",
        "RS512",
        "PS256",
        "PS384",
        "PS512",
        "ES256",
        "ES384",
        "ES512",
        "EdDSA",
    ],
    BeforeValidator(_algorithm),
]


def _secret(value: object) -> SecretStr:
    if isinstance(value, str) and value:
        return SecretStr(value)
    if isinstance(value, int | float):
        # Not shown: it is a secret, even in the wrong form.
        raise refuse("must be text", "a number", "put it in quotes")
    raise refuse("must be text with something in it", "nothing")


Secret = Annotated[
    SecretStr,
    PlainValidator(_secret),
    PlainSerializer(str),
    WithJsonSchema({"type": "string", "minLength": 1, "writeOnly": True}),
]
"""Text that no representation of the settings shows; ``get_secret_value()`` gives it."""
