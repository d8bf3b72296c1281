"""Settings of API keys."""

from __future__ import annotations

import re
from typing import Annotated

from pydantic import Field, PlainValidator, WithJsonSchema

from portico.config.models.model import SettingsModel
from portico.config.references import RoleName
from portico.config.values import (
    AtLeastOne,
    Cidr,
    Distinct,
    HeaderName,
    HeaderValue,
    Maybe,
    Name,
    OneOrMany,
    PositiveDuration,
    refuse,
)
from portico.config.values.rates import Rate

from .roles import Permission


def _prefix(value: object) -> str:
    if isinstance(value, str) and re.fullmatch(r"[a-z][a-z0-9]{1,15}", value):
        return value
    raise refuse("{written} is no prefix", value, "write 2 to 16 letters and digits, such as shop")


Prefix = Annotated[
    str, PlainValidator(_prefix), WithJsonSchema({"type": "string", "pattern": "^[a-z][a-z0-9]{1,15}$"})
]


def _hash(value: object) -> str:
    if isinstance(value, str) and re.fullmatch(r"sha256:[0-9a-f]{64}", value):
        return value.removeprefix("sha256:")
    raise refuse("must be the hash of a key's secret", "something else", "print one with: portico key hash")


SecretHash = Annotated[
    str,
    PlainValidator(_hash),
    WithJsonSchema({"type": "string", "pattern": "^sha256:[0-9a-f]{64}$", "writeOnly": True}),
]
"""``sha256:`` and 64 hexadecimal digits → the digits."""


class WrittenKeySettings(SettingsModel):
    """A key that is written here, and not made by ``portico key create``. Only the hash of its secret is."""

    secret: Annotated[AtLeastOne[SecretHash], Distinct, Field(max_length=2)] = Field(
        description="The hash of the key's secret, as portico key hash prints it; two while it is exchanged."
    )
    subject: Maybe[HeaderValue] = Field(
        default=None, description="Who the caller is, as services are told; by default the key's id."
    )
    tenant: Maybe[HeaderValue] = Field(default=None, description="Which tenant the caller belongs to.")
    roles: Annotated[OneOrMany[RoleName], Distinct] = Field(
        default=(), description="What the caller is, for authorize."
    )
    scopes: Annotated[OneOrMany[Permission], Distinct] = Field(
        default=(), description="What the key may do; with scopes it has these permissions and no role's."
    )
    venues: Annotated[OneOrMany[HeaderValue], Distinct] = Field(
        default=(), description="The only venues that it may act at."
    )
    addresses: Annotated[OneOrMany[Cidr], Distinct] = Field(
        default=(), description="The only networks that it may be used from."
    )
    limit: Maybe[Rate] = Field(
        default=None,
        description="How often it may be used on all routes together, such as 100/min, beside their own limits.",
    )


class ApiKeySettings(SettingsModel):
    """Keys for programs: ``PREFIX_ID.SECRET`` in a header, of which the gateway holds only hashes."""

    header: HeaderName = Field(default="x-api-key", description="The header that carries the key.")
    prefix: Prefix = Field(
        default="ptk", description="How every key begins, so that scanners find those that leaked."
    )
    cache: PositiveDuration = Field(
        default=60.0,
        description="How long a worker trusts what it knows of a key; a revocation counts at once all the same.",
    )
    keys: dict[Name, WrittenKeySettings] = Field(
        default_factory=dict,
        description="Keys that are written here, by their ids; all others are in the store.",
    )
