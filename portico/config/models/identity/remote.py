"""Settings of what is asked of an issuer elsewhere: where its keys are, and how long they are kept."""

from __future__ import annotations

from typing import Annotated, Any

from pydantic import Field, PlainValidator, WithJsonSchema

from portico.config.models.model import SettingsModel
from portico.config.references import ServiceName
from portico.config.remotes import RemoteUrl, parse_remote
from portico.config.values import Duration, Flag, Form, Maybe, PositiveDuration, refuse


def _path(value: object) -> str:
    if isinstance(value, str) and value.startswith("/"):
        return parse_remote("http://localhost" + value).target
    raise refuse("{written} is no path", value, "begin it with /")


RemotePath = Annotated[
    str,
    PlainValidator(_path),
    WithJsonSchema({"type": "string", "pattern": "^/", "examples": ["/jwks.json"]}),
]
"""A path with its query, if it has one."""


def _issuer(value: object) -> str:
    if "?" in str(parse_remote(value)):
        raise refuse("an issuer has no query: {written}", value)
    return str(value)


IssuerUrl = Annotated[
    str,
    PlainValidator(_issuer),
    WithJsonSchema({"type": "string", "pattern": "^https?://", "examples": ["https://issuer.example/"]}),
]
"""An issuer as it spells itself: compared to the character, so nothing about it is normalised."""


class JwksSettings(SettingsModel):
    """Where an issuer's key set is: a ``url``, or a ``path`` at a declared ``service``."""

    url: Maybe[RemoteUrl] = Field(default=None, description="The URL of the key set.")
    service: Maybe[ServiceName] = Field(default=None, description="The service that has the key set.")
    path: Maybe[RemotePath] = Field(default=None, description="Where that service has it.")


def _at_url(value: object) -> object:
    return {"url": value} if isinstance(value, str) else value


def _url_schema(schema: dict[str, Any]) -> dict[str, Any]:
    return {"anyOf": [{"type": "string", "pattern": r"^https?://[^\s#]+$"}, schema]}


Jwks = Annotated[JwksSettings, Form(_at_url, _url_schema)]
"""The URL of a key set, or an object."""


class DiscoverSettings(SettingsModel):
    """An issuer that says itself where its keys are (OpenID Connect Discovery 1.0, RFC 8414)."""

    issuer: IssuerUrl = Field(description="The issuer's URL, exactly as its tokens say it (claim iss).")
    service: Maybe[ServiceName] = Field(
        default=None, description="The service to ask instead of the issuer's own host."
    )


def _of_issuer(value: object) -> object:
    return {"issuer": value} if isinstance(value, str) else value


Discover = Annotated[DiscoverSettings, Form(_of_issuer, _url_schema)]
"""An issuer's URL, or an object."""


class KeySetSettings(SettingsModel):
    """How the keys of ``jwks`` or ``discover`` are kept."""

    life: PositiveDuration = Field(
        default=600.0,
        description="How long keys are kept when the issuer does not say so itself by Cache-Control (1m to 24h); "
        "they are fetched again at 80 % of it.",
    )
    stale: Duration = Field(
        default=86_400.0, description="How long the last good keys are used when no newer ones can be had."
    )
    refetch: PositiveDuration = Field(
        default=30.0, description="The least time between two fetches because of keys that are not known."
    )
    timeout: PositiveDuration = Field(
        default=5.0, description="Time to fetch the keys, and for a request to wait for them."
    )
    plain_http: Flag = Field(
        default=False,
        description="Whether they may be fetched by http:// from another machine, where others can change them.",
    )
