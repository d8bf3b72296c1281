"""What the resource service reads from its environment:

RESOURCE_<NAME>         one service, as a JSON object (`ServiceSettings`): RESOURCE_EVENT is the service `event`
RESOURCE_TENANT         the tenant that the seed data belongs to, default demo
RESOURCE_DATABASE_URL   where the data is; DATABASE_URL otherwise, else a SQLite file under ./var
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Annotated, Any, Literal

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, ValidationError

from samples.platform.settings import SettingsError, read_database_url

_PREFIX = "RESOURCE_"
_OTHERS = frozenset({"RESOURCE_TENANT", "RESOURCE_DATABASE_URL"})


def _milliseconds(written: object) -> object:
    found = re.fullmatch(r"([0-9]{1,6})(ms|s)", written) if isinstance(written, str) else None
    return int(found[1]) / (1000 if found[2] == "ms" else 1) if found else written


def _share(written: object) -> object:
    found = re.fullmatch(r"([0-9]{1,3})%", written) if isinstance(written, str) else None
    return int(found[1]) / 100 if found else written


Latency = Annotated[float, BeforeValidator(_milliseconds), Field(ge=0, le=600)]
Share = Annotated[float, BeforeValidator(_share), Field(ge=0, le=1)]
FieldType = Literal["text", "number", "flag", "any", "text!", "number!", "flag!", "any!"]
"""What a member of an object holds; `!`: it must be there."""


class Behaviour(BaseModel):
    """How a service does its work: how long it takes, and how often it fails with which status."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    latency: Latency = 0.0
    failing: Share = 0.0
    status: int = Field(default=500, ge=500, le=599)


class ServiceSettings(Behaviour):
    """One service. Everything that it has to offer is under `/api/v1/<a name in serves>`."""

    serves: tuple[str, ...] = Field(min_length=1)
    """Names of its only collection: the first is what it is called, the others are as good."""
    fields: dict[str, FieldType] = {}
    """Members of its objects; others are refused."""
    actions: dict[str, str] = {}
    """`POST /<collection>/<action>` makes an object with this status."""
    raw: tuple[str, ...] = ()
    """Prefixes below which any request is answered with a digest of its body."""
    seed: tuple[dict[str, Any], ...] = ()
    """Objects that are there from the beginning, each with an `id`."""


@dataclass(frozen=True, slots=True)
class ResourceSettings:
    """The services of this process, by name."""

    database_url: str
    tenant_id: str
    services: Mapping[str, ServiceSettings]


def read_resource_settings(name: str, environ: Mapping[str, str]) -> ResourceSettings:
    """The settings, or `SettingsError`."""
    services = {}
    for variable, written in environ.items():
        if not variable.startswith(_PREFIX) or variable in _OTHERS:
            continue
        try:
            services[variable.removeprefix(_PREFIX).lower()] = ServiceSettings.model_validate_json(written)
        except ValidationError as problem:
            first = problem.errors(include_url=False, include_input=False)[0]
            at = ".".join(str(step) for step in first["loc"]) or "the whole"
            raise SettingsError(f"{variable}: {at}: {first['msg']}") from None
    if not services:
        raise SettingsError("no service is described: give RESOURCE_EVENT or another, as a JSON object")
    return ResourceSettings(
        read_database_url(name, environ), environ.get("RESOURCE_TENANT") or "demo", services
    )
