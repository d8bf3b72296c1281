"""Settings of tokens that the gateway makes itself."""

from __future__ import annotations

import re
from typing import Annotated

from pydantic import AfterValidator, Field, PlainValidator, WithJsonSchema

from portico.config.models.model import SettingsModel
from portico.config.references import ServiceName
from portico.config.values import Distinct, Duration, Maybe, OneOrMany, PositiveDuration, Text, refuse

from .forms import Secret

_SECRET_BYTES = 32
OWN_CLAIMS = frozenset({"iat", "exp", "nbf", "jti", "iss", "aud", "type", "fam", "gen", "said", "of"})
"""What each token says for itself, whatever an answer has."""


def _long(secret: Secret) -> Secret:
    length = len(secret.get_secret_value().encode())
    if length < _SECRET_BYTES:
        raise refuse(
            f"is too short: at least {_SECRET_BYTES} bytes are needed",
            f"{length} bytes",
            f"make one with: openssl rand -hex {_SECRET_BYTES}",
        )
    return secret


def _pointer(value: object) -> str:
    if isinstance(value, str) and re.fullmatch(r"(?:/(?:[^/~]|~[01])+)+", value):
        return value
    raise refuse("{written} is no JSON pointer", value, "write one such as /user/id (RFC 6901)")


JsonPointer = Annotated[
    str, PlainValidator(_pointer), WithJsonSchema({"type": "string", "pattern": "^(/([^/~]|~[01])+)+$"})
]


def _claim(name: str) -> str:
    if name in OWN_CLAIMS:
        raise refuse("{written} is a claim that the gateway makes itself", name, "leave it out")
    return name


ClaimName = Annotated[Text, AfterValidator(_claim)]


def _user_path(value: object) -> str:
    if isinstance(value, str) and value.startswith("/") and value.count("{id}") == 1:
        return value
    raise refuse("{written} is no path of a user", value, "write one such as /users/{id}")


UserPath = Annotated[
    str, PlainValidator(_user_path), WithJsonSchema({"type": "string", "pattern": "^/.*\\{id\\}"})
]


class UserSettings(SettingsModel):
    """Where a user is looked up again, so that a new token says what is true now."""

    service: ServiceName = Field(description="The service that knows users.")
    path: UserPath = Field(default="/users/{id}", description="The path of a user; {id} is the subject.")
    claims: dict[ClaimName, JsonPointer] = Field(
        default_factory=lambda: {"role": "/role", "email": "/email"},
        description="Which claim is read from where in the answer.",
    )


class AnswerSettings(SettingsModel):
    """What the members of an answer are called."""

    access: Text = Field(default="accessToken", description="The member with the access token.")
    refresh: Text = Field(default="refreshToken", description="The member with the refresh token.")


class IssueSettings(SettingsModel):
    """Tokens of this identity, made by the gateway: signed with the first secret or with ``private_key``."""

    private_key: Maybe[Secret] = Field(
        default=None,
        description="The private key (PEM) that belongs to the public key, or the path of a file.",
    )
    access: PositiveDuration = Field(default=86_400.0, description="How long an access token is good.")
    refresh: PositiveDuration = Field(
        default=604_800.0, description="How long a refresh token is good; each use gives a new one."
    )
    refresh_secret: Maybe[Annotated[Secret, AfterValidator(_long)]] = Field(
        default=None, description="What refresh tokens are signed with; not the secret of access tokens."
    )
    grace: Duration = Field(
        default=0.0,
        description="How long the refresh token before the last is forgiven, for clients that lost an answer.",
    )
    claims: dict[ClaimName, JsonPointer] = Field(
        default_factory=lambda: {
            "sub": "/user/id",
            "tenant_id": "/user/tenant_id",
            "role": "/user/role",
            "email": "/user/email",
        },
        description="Which claim is read from where in the answer of the service that knows passwords.",
    )
    answer: AnswerSettings = Field(
        default_factory=AnswerSettings, description="What the members of an answer are called."
    )
    user: Maybe[UserSettings] = Field(
        default=None, description="Where a user is looked up when a token is refreshed."
    )
    audiences: Annotated[OneOrMany[Text], Distinct] = Field(
        default=(), description="Whom tokens may be granted for that callers ask for (service tokens)."
    )
