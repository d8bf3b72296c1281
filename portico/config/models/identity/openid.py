"""Settings of sessions that begin at an OpenID provider."""

from __future__ import annotations

import re
from typing import Annotated

from pydantic import Field, PlainValidator, WithJsonSchema

from portico.config.models.model import SettingsModel
from portico.config.references import ServiceName
from portico.config.remotes import RemoteUrl
from portico.config.values import (
    AtLeastOne,
    Distinct,
    Duration,
    Flag,
    Maybe,
    PositiveDuration,
    Text,
    refuse,
)

from .cookies import CookieName
from .introspection import AssertionAlgorithm, IntrospectionClientSettings
from .issue import JsonPointer
from .remote import IssuerUrl

_SCOPE = re.compile(r"[!#-\[\]-~]+")  # RFC 6749 section 3.3
_PATH = re.compile(r"/(?![/\\])[!-\[\]-~]*")


def _scope(value: object) -> str:
    if isinstance(value, str) and _SCOPE.fullmatch(value):
        return value
    raise refuse("{written} is no scope", value, "write one word, such as email")


def _path(value: object) -> str:
    if isinstance(value, str) and _PATH.fullmatch(value):
        return value
    raise refuse("{written} is no path of this site", value, "write one such as /start")


Scope = Annotated[str, PlainValidator(_scope), WithJsonSchema({"type": "string", "minLength": 1})]
LocalPath = Annotated[str, PlainValidator(_path), WithJsonSchema({"type": "string", "pattern": "^/"})]
"""A path of the gateway's own site, with its query if it has one."""


class OpenidClientSettings(IntrospectionClientSettings):
    """How the gateway proves itself to the provider: by a ``secret``, or by a private ``key``."""

    id: Text = Field(description="The client's name at the provider (client_id).")
    audience: Maybe[Text] = Field(
        default=None, description="Whom the signed assertion is for; by default the issuer."
    )


class OpenidSettings(SettingsModel):
    """An OpenID provider that callers sign in at (OpenID Connect Core 1.0, code flow with PKCE)."""

    issuer: IssuerUrl = Field(description="The provider's URL, exactly as its tokens say it (claim iss).")
    service: Maybe[ServiceName] = Field(
        default=None, description="The service to ask instead of the issuer's own host."
    )
    client: OpenidClientSettings = Field(description="Who the gateway is at the provider.")
    callback: RemoteUrl = Field(
        description="The URL of the route with callback, as registered at the provider (redirect_uri)."
    )
    scopes: Annotated[AtLeastOne[Scope], Distinct] = Field(
        default=("openid", "profile", "email"), description="What the provider is asked for."
    )
    claims: dict[Text, JsonPointer] = Field(
        default_factory=lambda: {
            "sub": "/sub",
            "tenant_id": "/tenant_id",
            "role": "/role",
            "email": "/email",
        },
        description="Which claim of the session is read from where in the ID token and userinfo.",
    )
    userinfo: Flag = Field(
        default=False,
        description="Whether userinfo is asked too; what the ID token says counts before it.",
    )
    algorithms: Annotated[AtLeastOne[AssertionAlgorithm], Distinct] = Field(
        default=("RS256",), description="What the provider may sign its tokens with."
    )
    leeway: Duration = Field(default=60.0, description="How far clocks may differ when times are compared.")
    patience: PositiveDuration = Field(
        default=600.0, description="How long somebody may take to sign in at the provider."
    )
    cookie: CookieName = Field(
        default="__Host-login",
        description="How the names of the cookies begin that bind a sign-in to the browser that began it.",
    )
    after_login: LocalPath = Field(
        default="/", description="Where browsers go after a sign-in that does not say where to."
    )
    after_logout: Maybe[RemoteUrl] = Field(
        default=None,
        description="Where browsers go after a sign-out, as registered (post_logout_redirect_uri); by default /.",
    )
    redirect: Maybe[LocalPath] = Field(
        default=None,
        description="The path of the route with start: browsers that ask for a page without a session are sent "
        "there instead of getting a 401.",
    )
    timeout: PositiveDuration = Field(default=5.0, description="Time for an answer of the provider.")
    plain_http: Flag = Field(
        default=False,
        description="Whether the provider may be asked by http:// on another machine, where others can sign in "
        "as anybody.",
    )
