"""Settings of clients' certificates."""

from __future__ import annotations

import re
from typing import Annotated, Literal

from pydantic import Field, PlainValidator, WithJsonSchema

from portico.config.models.model import SettingsModel
from portico.config.references import RoleName
from portico.config.values import AtLeastOne, Distinct, OneOrMany, refuse


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
