"""Settings of JSON Web Tokens."""

from __future__ import annotations

from typing import Annotated

from pydantic import Field

from portico.config.models.model import SettingsModel
from portico.config.values import AtLeastOne, Distinct, Duration, HeaderName, Maybe, OneOrMany, Text

from .forms import Algorithm, Secret


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
