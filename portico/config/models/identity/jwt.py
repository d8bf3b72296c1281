"""Settings of JSON Web Tokens."""

from __future__ import annotations

from typing import Annotated

from pydantic import Field

from portico.config.models.model import SettingsModel
from portico.config.values import (
    AtLeastOne,
    Distinct,
    Duration,
    Flag,
    HeaderName,
    Maybe,
    OneOrMany,
    OrOff,
    PositiveDuration,
    Text,
)

from .dpop import Dpop
from .forms import Algorithm, Secret
from .issue import IssueSettings
from .remote import Discover, Jwks, KeySetSettings


class ClaimSettings(SettingsModel):
    """Which claim of a token says what; of several names the first that the token has is taken."""

    subject: AtLeastOne[Text] = Field(default=("sub",), description="Who the caller is.")
    tenant: OneOrMany[Text] = Field(default=("tenant_id",), description="Which tenant the caller belongs to.")
    role: OneOrMany[Text] = Field(default=("role",), description="The caller's role or roles.")
    email: OneOrMany[Text] = Field(default=("email",), description="The caller's e-mail address.")
    venue: OneOrMany[Text] = Field(
        default=("venue_id",), description="The venue that a request is for when it names none."
    )
    permissions: OneOrMany[Text] = Field(
        default=(), description="Permissions that the caller has beside those of its roles; none by default."
    )
    scope: OneOrMany[Text] = Field(
        default=(),
        description="Permissions that the token is limited to, whatever its roles; no limit by default.",
    )


class JwtSettings(SettingsModel):
    """JSON Web Tokens (RFC 7519) in a header. Exactly one says where keys come from: ``secret``, ``secrets``,
    ``public_key``, ``jwks`` or ``discover``."""

    secret: Maybe[Secret] = Field(default=None, description="The HMAC secret, at least 32 bytes.")
    secrets: Annotated[OneOrMany[Secret], Distinct] = Field(
        default=(), description="Several HMAC secrets while they are exchanged; any of them verifies."
    )
    public_key: Maybe[Text] = Field(
        default=None, description="A public key or certificate in PEM form, or the path of a file with it."
    )
    jwks: Maybe[Jwks] = Field(default=None, description="Where the issuer publishes its keys (RFC 7517).")
    discover: Maybe[Discover] = Field(
        default=None,
        description="The issuer, which publishes where its keys are; it is the only accepted one.",
    )
    key_set: KeySetSettings = Field(
        default_factory=KeySetSettings, description="How the issuer's published keys are kept."
    )
    algorithms: Annotated[OneOrMany[Algorithm], Distinct] = Field(
        default=(),
        description="Algorithms that are accepted; HS256 for secrets if left out, needed for anything else.",
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
    typ: Maybe[Text] = Field(
        default=None, description='What the header "typ" must be, such as at+jwt (RFC 9068).'
    )
    max_lifetime: Maybe[PositiveDuration] = Field(
        default=None, description="The longest time from iat to exp that is accepted; any by default."
    )
    raw_revocation: Flag = Field(
        default=False,
        description="Whether a token can also be revoked in the store by its own text, beside its digest.",
    )
    dpop: OrOff[Dpop] = Field(
        default=None,
        description="Whether callers prove that they own the key that their token is bound to (RFC 9449).",
        json_schema_extra={"default": "off"},
    )

    issue: Maybe[IssueSettings] = Field(
        default=None,
        description="Tokens of this identity that the gateway makes itself, on routes with tokens.",
    )

    @property
    def hmac_secrets(self) -> tuple[bytes, ...]:
        """Every HMAC secret, in the order in which to try them."""
        written = (self.secret, *self.secrets) if self.secret is not None else self.secrets
        return tuple(secret.get_secret_value().encode() for secret in written)

    @property
    def trusted_issuer(self) -> str | None:
        """The only accepted issuer, whichever way it was written."""
        return self.discover.issuer if self.discover is not None else self.issuer

    @property
    def is_remote(self) -> bool:
        """Whether the keys have to be fetched."""
        return self.jwks is not None or self.discover is not None

    @property
    def accepted(self) -> tuple[str, ...]:
        """The algorithms to accept: those stated, else HS256 where there is a secret."""
        return self.algorithms or (("HS256",) if self.hmac_secrets else ())
