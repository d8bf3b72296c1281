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


def _fingerprint(value: object) -> str:
    text = value.replace(":", "").lower() if isinstance(value, str) else ""
    if re.fullmatch(r"[0-9a-f]{64}", text):
        return text
    raise refuse(
        "{written} is no SHA-256 fingerprint",
        value,
        "print it with: openssl x509 -noout -fingerprint -sha256 -in FILE",
    )


Fingerprint = Annotated[
    str,
    PlainValidator(_fingerprint),
    WithJsonSchema({"type": "string", "pattern": "^[0-9A-Fa-f:]{64,95}$"}),
]
"""64 hexadecimal digits, with or without colons → without, in lower case."""


def _distinguished(value: object) -> str:
    """The name in the order and spelling of RFC 4514, so that names can be compared as text."""
    from cryptography.x509 import Name  # slow to import, and seldom needed

    try:
        if isinstance(value, str) and value:
            return Name.from_rfc4514_string(value).rfc4514_string()
    except ValueError:
        pass
    raise refuse(
        "{written} is no distinguished name",
        value,
        "print it with: openssl x509 -noout -issuer -nameopt RFC2253 -in FILE",
    )


DistinguishedName = Annotated[
    str,
    PlainValidator(_distinguished),
    WithJsonSchema({"type": "string", "minLength": 3, "examples": ["CN=Machines,O=Shop"]}),
]


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


CertificateField = Literal["cn", "o", "ou", "dns", "email", "uri", "serial"]
"""Where a certificate says something: its subject's CN, O, OU and serialNumber, or its subject alternative names."""


class CertificateFieldSettings(SettingsModel):
    """Which field of a certificate says what; of several fields the first that the certificate has is taken."""

    subject: Annotated[AtLeastOne[CertificateField], Distinct] = Field(
        default=("uri", "dns", "email", "cn"), description="Who the caller is."
    )
    tenant: Annotated[OneOrMany[CertificateField], Distinct] = Field(
        default=(), description="Which tenant the caller belongs to; none by default."
    )
    role: Annotated[OneOrMany[CertificateField], Distinct] = Field(
        default=(), description="The caller's roles, all values of the field; none by default."
    )


class MtlsSettings(SettingsModel):
    """Certificates of clients (RFC 8446 section 4.4.2), verified by a listener with ``tls.client``."""

    fields: CertificateFieldSettings = Field(
        default_factory=CertificateFieldSettings, description="Which field of a certificate says what."
    )
    issuers: Annotated[OneOrMany[DistinguishedName], Distinct] = Field(
        default=(),
        description="The only accepted issuers, as distinguished names (RFC 4514) such as CN=Machines,O=Shop.",
    )
    fingerprints: Annotated[OneOrMany[Fingerprint], Distinct] = Field(
        default=(), description="The only accepted certificates, by SHA-256 fingerprint."
    )
    roles: Annotated[OneOrMany[RoleName], Distinct] = Field(
        default=(), description="Roles that every caller of this kind has."
    )


class IdentitySettings(SettingsModel):
    """One way to prove who is calling. Exactly one of ``jwt`` and ``mtls`` is set."""

    jwt: Maybe[JwtSettings] = Field(default=None, description="JSON Web Tokens.")
    mtls: Maybe[MtlsSettings] = Field(default=None, description="Certificates of clients.")


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
