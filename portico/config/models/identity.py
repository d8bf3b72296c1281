"""Settings of who may be proven, and of what a role may do."""

from __future__ import annotations

import re
from typing import Annotated, Literal

from pydantic import BeforeValidator, Field, PlainSerializer, PlainValidator, SecretStr, WithJsonSchema

from portico.config.models.model import SettingsModel
from portico.config.references import RoleName
from portico.config.values import AtLeastOne, Distinct, Duration, HeaderName, Maybe, OneOrMany, Text, refuse


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


class ClaimSettings(SettingsModel):
    """Which claim of a token says what; of several names the first that the token has is taken."""

    subject: AtLeastOne[Text] = Field(default=("sub",), description="Who the caller is.")
    tenant: OneOrMany[Text] = Field(default=("tenant_id",), description="Which tenant the caller belongs to.")
    role: OneOrMany[Text] = Field(default=("role",), description="The caller's role or roles.")
    email: OneOrMany[Text] = Field(default=("email",), description="The caller's e-mail address.")


class JwtSettings(SettingsModel):
    """JSON Web Tokens (RFC 7519) in a header. Exactly one of ``secret``, ``secrets`` and ``public_key`` is set."""

    secret: Maybe[Secret] = Field(default=None, description="The HMAC secret, at least 32 bytes.")
    secrets: Annotated[OneOrMany[Secret], Distinct] = Field(
        default=(), description="Several HMAC secrets while they are exchanged; any of them verifies."
    )
    public_key: Maybe[Text] = Field(
        default=None, description="A public key or certificate in PEM form, or the path of a file with it."
    )
    algorithms: Annotated[OneOrMany[Algorithm], Distinct] = Field(
        default=(),
        description="Algorithms that are accepted; HS256 for secrets if left out, needed for a public key.",
    )
    issuer: Maybe[Text] = Field(default=None, description="The only accepted issuer (claim iss).")
    audience: OneOrMany[Text] = Field(default=(), description="Accepted audiences (claim aud).")
    leeway: Duration = Field(default=60.0, description="How far clocks may differ when times are compared.")
    require: Annotated[OneOrMany[Text], Distinct] = Field(
        default=(), description="Further claims that a token must have."
    )
    header: HeaderName = Field(
        default="authorization", description="The header that carries the token after the word Bearer."
    )
    claims: ClaimSettings = Field(default_factory=ClaimSettings, description="Which claim says what.")
    type: Maybe[Text] = Field(default=None, description='What the claim "type" must be, such as access.')

    @property
    def hmac_secrets(self) -> tuple[bytes, ...]:
        """Every HMAC secret, in the order in which to try them."""
        written = (self.secret, *self.secrets) if self.secret is not None else self.secrets
        return tuple(secret.get_secret_value().encode() for secret in written)

    @property
    def accepted(self) -> tuple[str, ...]:
        """The algorithms to accept: those stated, else HS256 where there is a secret."""
        return self.algorithms or (("HS256",) if self.hmac_secrets else ())


class IdentitySettings(SettingsModel):
    """One way to prove who is calling."""

    jwt: JwtSettings = Field(description="JSON Web Tokens.")


_PERMISSION = re.compile(r"(?:\*|[A-Za-z0-9_.*-]+:(?:\*|[A-Za-z0-9_.*-]+))\Z", re.ASCII)


def permission(value: object) -> str:
    """``resource:action`` with ``*`` at any place, or ``*``. Raises a ``refuse`` error for anything else."""
    if isinstance(value, str) and _PERMISSION.match(value):
        return value
    raise refuse(
        "{written} is no permission",
        value,
        'write resource:action such as "tickets:view", "tickets:*" or "*"',
    )


Permission = Annotated[
    str,
    PlainValidator(permission),
    WithJsonSchema(
        {
            "type": "string",
            "pattern": r"^(\*|[A-Za-z0-9_.*-]+:[A-Za-z0-9_.*-]+)$",
            "examples": ["tickets:view", "*:read"],
        }
    ),
]


class RoleSettings(SettingsModel):
    """What a role may do."""

    permissions: Annotated[OneOrMany[Permission], Distinct] = Field(
        default=(), description="Permissions of the form resource:action; * stands for any."
    )
    inherits: Annotated[OneOrMany[RoleName], Distinct] = Field(
        default=(), description="Roles whose permissions this one has too."
    )
