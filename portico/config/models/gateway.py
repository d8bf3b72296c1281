"""Settings of the gateway itself and of its logs."""

from __future__ import annotations

import re
from typing import Annotated, Any, Literal

from pydantic import BeforeValidator, Field, PlainValidator, Strict, WithJsonSchema, model_validator

from portico.config.models.listen import ListenEntries, ListenSettings
from portico.config.models.model import SettingsModel
from portico.config.models.rate_limits import RateLimitsSettings
from portico.config.models.store import StoreEntry, StoreSettings
from portico.config.problems import did_you_mean
from portico.config.references import ServiceName
from portico.config.substitution import typed
from portico.config.values import (
    Cidr,
    Distinct,
    Duration,
    Flag,
    Form,
    HeaderValue,
    Maybe,
    Name,
    OneOrMany,
    OrOff,
    Positive,
    PositiveDuration,
    PositiveSize,
    Template,
    Text,
    refuse,
)


class GatewayLimits(SettingsModel):
    """What a client may ask for, and what the gateway may hold."""

    connections: Positive = Field(
        default=10_000,
        description="Open client connections per worker; more are not accepted until some close.",
    )
    connections_per_client: OrOff[Positive] = Field(
        default=None,
        description="Of these, one address's (in IPv6 one /64's); trusted proxies may have any number.",
    )
    handshakes: Positive = Field(
        default=512,
        description="TLS handshakes under way per worker; with more, the oldest is broken off for the newest.",
    )
    header_bytes: PositiveSize = Field(
        default=32 << 10, description="Bytes of a request's header section on the wire; more is 431."
    )
    header_count: Positive = Field(default=100, description="Header fields of a request; more is 431.")
    target: PositiveSize = Field(default=8 << 10, description="Bytes of a request's target; more is 414.")
    body: PositiveSize = Field(
        default=10 << 20,
        description="Bytes of a request's body, unless the route says otherwise; more is 413.",
    )
    memory: PositiveSize = Field(
        default=256 << 20,
        description="Bytes of bodies that one worker may hold at a time; what waits for slow readers is at most half.",
    )


class GatewayTimeouts(SettingsModel):
    """How long a client may keep the gateway waiting."""

    handshake: PositiveDuration = Field(
        default=10.0, description="From an accepted connection to the end of its TLS handshake."
    )
    header: PositiveDuration = Field(
        default=10.0, description="From the first byte of a request to the end of its header section."
    )
    body: PositiveDuration = Field(default=30.0, description="Between two pieces of a request's body.")
    keep_alive: PositiveDuration = Field(default=75.0, description="Between two requests on one connection.")


class ShutdownSettings(SettingsModel):
    """How the gateway stops."""

    delay: Duration = Field(
        default=0.0, description="How long to go on accepting after /ready has begun to fail."
    )
    grace: Duration = Field(
        default=30.0, description="How long requests in flight may take before they are cut off."
    )


def _endpoint(value: object) -> object:
    if isinstance(value, str) and (not value.startswith("/") or any(sign in value for sign in "?#*{} ")):
        raise refuse("{written} is no path", value, "write a path such as /health, or off")
    return value


EndpointPath = Annotated[
    str,
    BeforeValidator(_endpoint),
    WithJsonSchema(
        {
            "anyOf": [
                {"type": "string", "pattern": "^/[^?#*{} ]*$", "examples": ["/health"]},
                {"enum": ["on", True]},
            ]
        }
    ),
]


class EndpointSettings(SettingsModel):
    """Where the gateway answers by itself; these paths win over any route."""

    live: OrOff[EndpointPath] = Field(default="/live", description="Says that the process runs.")
    health: OrOff[EndpointPath] = Field(
        default="/health", description="Says how the gateway is, always with 200."
    )
    detail: OrOff[EndpointPath] = Field(default="/health/detailed", description="Says how every service is.")
    ready: OrOff[EndpointPath] = Field(default="/ready", description="Says whether to send requests here.")
    metrics: OrOff[EndpointPath] = Field(
        default="/metrics", description="Figures of all workers for Prometheus."
    )

    @model_validator(mode="before")
    @classmethod
    def _where_usual(cls, value: Any) -> Any:
        """`on` and `true`, as switches in the environment have them, are the usual path."""
        if not isinstance(value, dict):
            return value
        usual = {name: field.default for name, field in cls.model_fields.items()}
        return {
            key: usual.get(key, path) if (meant := typed(path)) is True or meant == "on" else path
            for key, path in value.items()
        }


class HealthSettings(SettingsModel):
    """What /health answers."""

    body: Maybe[Template] = Field(
        default=None, description="A template of the answer; by default status, uptime, memory and breakers."
    )


class ReadySettings(SettingsModel):
    """What /ready depends on, beside the gateway's own state."""

    require: Annotated[OneOrMany[ServiceName], Distinct] = Field(
        default=(), description="Services whose breaker must not be open."
    )


PROBLEM_CONTENT_TYPE = "application/problem+json"


def _error_code(value: object) -> str:
    if isinstance(value, str) and re.fullmatch(r"[A-Z][A-Z0-9_]*", value):
        return value
    raise refuse("{written} is no error code", value, "write a code such as AUTH_REQUIRED")


ErrorCode = Annotated[
    str, PlainValidator(_error_code), WithJsonSchema({"type": "string", "pattern": "^[A-Z][A-Z0-9_]*$"})
]


class ErrorSettings(SettingsModel):
    """The form of the gateway's own error replies. ``body`` is None for problem details (RFC 9457)."""

    body: Maybe[Template] = Field(
        default=None, description="A template of the reply's body; problem details (RFC 9457) if left out."
    )
    content_type: HeaderValue = Field(default="application/json", description="The reply's content type.")
    texts: dict[ErrorCode, Text] = Field(
        default_factory=dict, description="Other texts for error codes, such as AUTH_REQUIRED."
    )


_PROBLEM_DETAILS = ErrorSettings(content_type=PROBLEM_CONTENT_TYPE)


def _errors(value: object) -> object:
    if value == "problem":
        return _PROBLEM_DETAILS
    if isinstance(value, str):
        raise refuse(
            "must be problem or a mapping with a body, not {written}", value, did_you_mean(value, ["problem"])
        )
    if isinstance(value, dict) and not value.keys() & {"body", "texts"}:
        raise refuse("has no body", None, "write a template as body, or problem for problem details")
    if isinstance(value, dict) and "body" not in value:
        return {"content_type": PROBLEM_CONTENT_TYPE, **value}
    return value


def _errors_schema(schema: dict[str, Any]) -> dict[str, Any]:
    return {"anyOf": [{"const": "problem"}, schema]}


Workers = Annotated[int, Strict(), Field(ge=1, le=256), BeforeValidator(typed)]


class GatewaySettings(SettingsModel):
    """The gateway itself."""

    name: Name = Field(
        default="portico",
        description="The gateway's name in Via, in /health/detailed and in templates of health.body.",
    )
    listen: ListenEntries = Field(
        default=(ListenSettings.model_validate({"address": ":3000"}),),
        description="Where to accept connections: host:port, :port or unix:/path, or an object, for TLS.",
        json_schema_extra={"default": [":3000"]},
    )
    rate_limits: RateLimitsSettings = Field(
        default_factory=RateLimitsSettings, description="What all rate limits have in common."
    )
    workers: Workers = Field(default=1, description="Processes that serve requests, about one per core.")
    data: Text = Field(
        default="./var",
        description="Folder for the control socket and databases, relative to the working directory.",
    )
    store: StoreEntry = Field(
        default_factory=StoreSettings,
        description="Where revocations, records and shared counts are: memory, a URL of Redis, or an object.",
        json_schema_extra={"default": "memory"},
    )
    errors: Annotated[ErrorSettings, Form(_errors, _errors_schema)] = Field(
        default=_PROBLEM_DETAILS,
        json_schema_extra={"default": "problem"},
        description="The form of error replies: problem (RFC 9457) or a template.",
    )
    trusted_proxies: OneOrMany[Cidr] = Field(
        default=(), description="Networks whose X-Forwarded-* and Forwarded fields are believed."
    )
    limits: GatewayLimits = Field(
        default_factory=GatewayLimits, description="Sizes and counts that are refused beyond."
    )
    timeouts: GatewayTimeouts = Field(
        default_factory=GatewayTimeouts, description="Patience with slow clients."
    )
    shutdown: ShutdownSettings = Field(default_factory=ShutdownSettings, description="How the gateway stops.")
    drain_timeout: Duration = Field(
        default=300.0,
        description="How long a tunnel may keep the configuration it began with after a reload.",
    )
    endpoints: EndpointSettings = Field(
        default_factory=EndpointSettings, description="Paths that the gateway answers itself."
    )
    health: HealthSettings = Field(default_factory=HealthSettings, description="What /health answers.")
    ready: ReadySettings = Field(default_factory=ReadySettings, description="What /ready depends on.")
    stall: OrOff[PositiveDuration] = Field(
        default=0.25,
        description="A turn of the event loop longer than this, from 200ms, is logged with the stage that blocked it.",
    )


Level = Literal["fatal", "error", "warn", "info", "debug", "trace"]


def _target(value: object) -> object:
    if value in ("stdout", "stderr") or (isinstance(value, str) and "/" in value and not value.endswith("/")):
        return value
    raise refuse(
        "{written} is nowhere to log to",
        value,
        "write stdout, stderr, off or the path of a file such as ./access.log",
    )


LogTarget = Annotated[
    str,
    PlainValidator(_target),
    WithJsonSchema(
        {
            "type": "string",
            "pattern": "^(stdout|stderr|.*/[^/]+)$",
            "examples": ["stdout", "/var/log/access.log"],
        }
    ),
]


class LogSettings(SettingsModel):
    """What is logged, where and how."""

    level: Level = Field(default="info", description="The least severe messages that are logged.")
    format: Literal["json", "color", "pretty", "auto"] = Field(
        default="auto",
        description="One JSON object a line, or coloured text (color or pretty); auto: coloured on a terminal.",
    )
    access: OrOff[LogTarget] = Field(
        default="stdout", description="Where a line per request goes: stdout, stderr, a file, or off."
    )
    audit: OrOff[LogTarget] = Field(
        default="stderr", description="Where audit lines go, one by one: stdout, stderr, a file, or off."
    )
    requests: Flag = Field(default=False, description="Also log a line when a request begins.")
    headers: Flag = Field(default=False, description="Put request and reply headers in the lines, redacted.")
    slow: OrOff[PositiveDuration] = Field(
        default=1.0, description="A request that takes longer is logged as slow."
    )
    redact: OneOrMany[Text] = Field(
        default=(), description="Further names of fields whose values are never logged."
    )
