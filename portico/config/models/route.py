"""Settings of a route: what it matches, where it goes, and what its stages are told.

A route's stage keys are not fields: stages come from other packages, and models made at run time cannot be pickled.
They are in ``stages``, checked by the stages' own types; ``validate`` fills it.
"""

from __future__ import annotations

import re
from typing import Annotated, Any

from pydantic import Field, PlainValidator, WithJsonSchema, model_validator

from portico.config.models.model import SettingsModel
from portico.config.problems import did_you_mean
from portico.config.references import ServiceName
from portico.config.values import (
    Distinct,
    HeaderName,
    HeaderPattern,
    Host,
    Maybe,
    Name,
    OneOrMany,
    OrOff,
    PositiveDuration,
    PositiveSize,
    Text,
    Whole,
    refuse,
)

# Those that llhttp parses, without CONNECT and TRACE, which the gateway refuses.
METHODS = frozenset(
    {
        "GET",
        "HEAD",
        "POST",
        "PUT",
        "PATCH",
        "DELETE",
        "OPTIONS",
        "QUERY",
        "ACL",
        "BIND",
        "CHECKOUT",
        "COPY",
        "LINK",
        "LOCK",
        "M-SEARCH",
        "MERGE",
        "MKACTIVITY",
        "MKCALENDAR",
        "MKCOL",
        "MOVE",
        "NOTIFY",
        "PROPFIND",
        "PROPPATCH",
        "PURGE",
        "REBIND",
        "REPORT",
        "SEARCH",
        "SOURCE",
        "SUBSCRIBE",
        "UNBIND",
        "UNLINK",
        "UNLOCK",
        "UNSUBSCRIBE",
    }
)


def method(value: object) -> str:
    """A request method that a route may have. Raises a ``refuse`` error for anything else."""
    if isinstance(value, str):
        if value in METHODS:
            return value
        if value in ("CONNECT", "TRACE"):
            raise refuse("{written} is never forwarded", value)
        if value.upper() in METHODS:
            raise refuse("{written} is no method", value, f"write {value.upper()}")
    raise refuse("{written} is no method", value, did_you_mean(value, METHODS) or "write GET, POST, …")


Method = Annotated[str, PlainValidator(method), WithJsonSchema({"enum": sorted(METHODS)})]

_HOST = re.compile(r"(?:\*\.)?[A-Za-z0-9_](?:[A-Za-z0-9_.-]*[A-Za-z0-9_])?\Z|\[[0-9A-Fa-f:.]+\]\Z", re.ASCII)


def _host(value: object) -> str:
    if isinstance(value, str) and _HOST.match(value) and ".." not in value:
        return value.lower()
    if isinstance(value, str) and re.fullmatch(r"[^:]+:[0-9]+", value):
        raise refuse("{written} has a port", value, f"write {value.partition(':')[0]}; every port fits")
    raise refuse("{written} is no host", value, "write a name such as api.example.com or *.example.com")


HostPattern = Annotated[
    str,
    PlainValidator(_host),
    WithJsonSchema({"type": "string", "examples": ["api.example.com", "*.example.com"]}),
]


def _path(value: object) -> str:
    if not isinstance(value, str) or not value.startswith("/"):
        raise refuse("{written} is no path", value, "a path begins with /")
    if "?" in value or "#" in value:
        raise refuse("{written} has a query or a fragment", value, "match the query with query:")
    if any(sign <= " " or sign == "\x7f" for sign in value):
        raise refuse("{written} has a space or a control character in it", value, "write it percent-encoded")
    return value


PathPattern = Annotated[
    str,
    PlainValidator(_path),
    WithJsonSchema(
        {"type": "string", "pattern": r"^/[^?#\s]*$", "examples": ["/api/v1/tickets/**", "/tickets/{id}"]}
    ),
]

_SHORT_PATTERN = r"^([A-Z-]+(\s*,\s*[A-Z-]+)*\s+)?[^\s/]*/[^\s?#]*$"


def _is_host(text: str) -> bool:
    return any(sign in text for sign in ".:[") or text.lower() == "localhost"


def _short_match(text: str) -> dict[str, Any]:
    words = text.replace(", ", ",").split()
    if not words or len(words) > 2:
        raise refuse("{written} is no match", text, 'write "[METHOD[,METHOD]] [host]/path"')
    host, slash, path = words[-1].partition("/")
    if not slash:
        remedy = f"write {text} /path" if words[-1].upper() in METHODS else "a path begins with /"
        raise refuse("{written} has no path", text, remedy)
    match: dict[str, Any] = {"path": _path(slash + path)}
    if host and not _is_host(host):
        # "api/v1" is a path without its slash far more often than a host called api.
        raise refuse(
            "{written} begins with neither / nor a host",
            text,
            f"write /{host}{slash}{path}, or hosts: [{host}]",
        )
    if host:
        match["hosts"] = [_host(host)]
    if len(words) == 2:
        match["methods"] = [method(word) for word in words[0].split(",")]
    return match


class MatchSettings(SettingsModel):
    """Which requests a route takes."""

    path: PathPattern = Field(description="The path: segments, {name}, * for one segment, ** for the rest.")
    methods: Annotated[OneOrMany[Method], Distinct] = Field(
        default=(), description="The methods; any if left out."
    )
    hosts: Annotated[OneOrMany[HostPattern], Distinct] = Field(
        default=(), description="The host names, also *.example.com; any if left out."
    )
    headers: dict[HeaderName, Text] = Field(
        default_factory=dict,
        description='Headers with the value that they must have, "*" for any, "!" for absent.',
    )
    query: dict[str, Text] = Field(
        default_factory=dict, description='Query parameters with the value that they must have, "*" for any.'
    )

    @model_validator(mode="before")
    @classmethod
    def _from_text(cls, value: Any) -> Any:
        return _short_match(value) if isinstance(value, str) else value

    @classmethod
    def __get_pydantic_json_schema__(cls, core_schema: Any, handler: Any) -> dict[str, Any]:
        schema: dict[str, Any] = handler.resolve_ref_schema(handler(core_schema))
        short = {"type": "string", "pattern": _SHORT_PATTERN, "examples": ["POST /api/v1/tickets/**"]}
        return {"anyOf": [short, schema]}

    def __str__(self) -> str:
        """The short form, with conditions on headers and query behind it."""
        methods = ",".join(self.methods)
        hosts = ",".join(self.hosts)
        text = f"{methods} {hosts}{self.path}" if methods else f"{hosts}{self.path}"
        conditions = [f"{name}: {value}" for name, value in self.headers.items()]
        conditions += [f"?{name}={value}" for name, value in self.query.items()]
        return f"{text} [{', '.join(conditions)}]" if conditions else text


class RouteLimits(SettingsModel):
    """What a request on this route may have."""

    body: Maybe[PositiveSize] = Field(default=None, description="Bytes of a request's body; more is 413.")


class RouteHeaders(SettingsModel):
    """Which headers pass between client and service."""

    allow: Maybe[OneOrMany[HeaderPattern]] = Field(
        default=None,
        description="Only these request headers pass; the word standard stands for the usual ones.",
    )
    pass_: OneOrMany[HeaderPattern] = Field(
        default=(), alias="pass", description="Request headers that pass in addition."
    )
    drop: OneOrMany[HeaderPattern] = Field(default=(), description="Request headers that never pass.")
    drop_reply: OneOrMany[HeaderPattern] = Field(default=(), description="Reply headers that never pass.")
    host: Maybe[Host] = Field(
        default=None,
        description="Whether the service sees its own host name or the client's; by default what the service says.",
    )


def _prefix(value: object) -> object:
    text = _path(value)
    assert isinstance(text, str)
    if text.endswith("/") or any(sign in text for sign in "{}*"):
        raise refuse(
            "{written} is no prefix",
            value,
            "write whole segments without a slash at their end, such as /api/v1",
        )
    return text


Prefix = Annotated[
    str,
    PlainValidator(_prefix),
    WithJsonSchema({"type": "string", "pattern": r"^(/[^/?#*{}\s]+)+$", "examples": ["/api/v1"]}),
]


class RewriteSettings(SettingsModel):
    """Another path towards the service: what is stripped of the request's, and what is put before the rest."""

    strip: Maybe[Prefix] = Field(
        default=None, description="The beginning of the route's path that the service does not see."
    )
    add: Maybe[Prefix] = Field(default=None, description="What stands before the path instead.")

    @model_validator(mode="after")
    def _something(self) -> RewriteSettings:
        if self.strip is None and self.add is None:
            raise refuse("says not what to rewrite", None, "write strip, add or both")
        return self


class Inherited(SettingsModel):
    """What both a route and ``defaults`` may state."""

    timeout: Maybe[PositiveDuration] = Field(
        default=None, description="Time to the reply's headers, over all attempts."
    )
    idle: Maybe[PositiveDuration] = Field(
        default=None, description="Time between two pieces of the reply afterwards."
    )
    total: OrOff[PositiveDuration] = Field(default=None, description="Time for the whole reply, or off.")
    limits: RouteLimits = Field(default_factory=RouteLimits, description="Sizes that are refused beyond.")
    headers: RouteHeaders = Field(default_factory=RouteHeaders, description="Which headers pass.")
    stages: dict[str, Any] = Field(
        default_factory=dict,
        description="The settings of stages by their key; None for off. Filled by the loader.",
    )


class DefaultSettings(Inherited):
    """What every route does unless it states otherwise."""


class RouteSettings(Inherited):
    """Requests that match it go to its service, through the stages that it states."""

    match: MatchSettings = Field(description='Which requests: "[METHOD[,METHOD]] [host]/path", or a mapping.')
    service: ServiceName = Field(description="Where they go: the name of an entry under services.")
    name: Maybe[Name] = Field(default=None, description="A name for logs and explain; by default the match.")
    rewrite: Maybe[RewriteSettings] = Field(
        default=None, description="Another path towards the service than the client's."
    )
    order: Whole = Field(default=0, description="A lower number wins over the documented order of routes.")

    @property
    def label(self) -> str:
        """How people call this route: its name, or else what it matches."""
        return self.name or str(self.match)
