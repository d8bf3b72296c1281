"""Settings of tokens that only their issuer can read: it is asked about each (RFC 7662)."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field

from portico.config.models.model import SettingsModel
from portico.config.references import ServiceName
from portico.config.remotes import RemoteUrl
from portico.config.values import (
    AtLeastOne,
    Distinct,
    Duration,
    Flag,
    HeaderName,
    Maybe,
    OneOrMany,
    PemFile,
    PositiveDuration,
    Text,
)

from .forms import Secret
from .jwt import ClaimSettings
from .remote import RemotePath

AssertionAlgorithm = Literal[
    "RS256", "RS384", "RS512", "PS256", "PS384", "PS512", "ES256", "ES384", "ES512", "EdDSA"
]


class IntrospectionClientSettings(SettingsModel):
    """How the gateway proves itself to the issuer: by a ``secret``, or by a private ``key``."""

    id: Text = Field(description="The client's name at the issuer.")
    secret: Maybe[Secret] = Field(default=None, description="The client's secret.")
    by: Literal["basic", "post"] = Field(
        default="basic", description="Whether the secret is sent in the Authorization header or in the body."
    )
    key: Maybe[PemFile] = Field(
        default=None, description="File with the client's private key, for private_key_jwt (RFC 7523)."
    )
    algorithm: Maybe[AssertionAlgorithm] = Field(
        default=None, description="What the key signs with; by default what suits it, RS256 for an RSA key."
    )
    audience: Maybe[Text] = Field(
        default=None, description="Whom the signed assertion is for; by default the introspection URL."
    )


class IntrospectedClaimSettings(ClaimSettings):
    """Which member of the answer says what; of several names the first that is there is taken."""

    subject: AtLeastOne[Text] = Field(default=("sub", "client_id"), description="Who the caller is.")


class IntrospectionSettings(SettingsModel):
    """Tokens that the issuer is asked about. Where it is asked is a ``url``, or a ``path`` at a ``service``."""

    url: Maybe[RemoteUrl] = Field(default=None, description="The URL of the introspection endpoint.")
    service: Maybe[ServiceName] = Field(default=None, description="The service that has the endpoint.")
    path: Maybe[RemotePath] = Field(default=None, description="Where that service has it.")
    plain_http: Flag = Field(
        default=False,
        description="Whether it may be asked by http:// on another machine, where others can read tokens.",
    )
    client: IntrospectionClientSettings = Field(description="How the gateway proves itself to the issuer.")
    hint: Text = Field(
        default="access_token", description="What kind of token is asked about (token_type_hint)."
    )
    cache: Duration = Field(
        default=60.0, description="How long an active token is remembered at most; never beyond its end."
    )
    cache_refused: Duration = Field(default=5.0, description="How long any other token is remembered.")
    timeout: PositiveDuration = Field(default=5.0, description="Time for an answer.")
    issuer: Maybe[Text] = Field(default=None, description="The only accepted issuer (member iss).")
    audience: OneOrMany[Text] = Field(
        default=(),
        description="Accepted audiences (member aud); whatever the issuer says is active if left out.",
    )
    leeway: Duration = Field(default=60.0, description="How far clocks may differ when times are compared.")
    require: Annotated[OneOrMany[Text], Distinct] = Field(
        default=(), description="Further members that an answer must have."
    )
    header: HeaderName = Field(
        default="authorization", description="The header that carries the token after the word Bearer."
    )
    claims: IntrospectedClaimSettings = Field(
        default_factory=IntrospectedClaimSettings, description="Which member of the answer says what."
    )
    raw_revocation: Flag = Field(
        default=False,
        description="Whether a token can also be revoked in the store by its own text, beside its digest.",
    )
