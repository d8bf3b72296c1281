"""Settings of the store: where revocations, records and shared counts are, and what holds while it is away."""

from __future__ import annotations

from dataclasses import replace
from typing import Annotated, Any, Literal

from pydantic import BeforeValidator, Field, PlainValidator, WithJsonSchema

from portico.config.models.model import SettingsModel
from portico.config.values import Form, Positive, PositiveDuration, refuse
from portico.config.values.stores import MEMORY, STORE_URL_SCHEMA, StoreAddress, StoreUrl


def _prefix(value: object) -> object:
    if isinstance(value, str) and (len(value) > 64 or any(sign in value for sign in "{}*?[]\\ \t\r\n")):
        raise refuse("{written} is no prefix", value, "write letters, digits and signs such as portico:")
    return value


Prefix = Annotated[
    str,
    BeforeValidator(_prefix),
    WithJsonSchema({"type": "string", "pattern": r"^[^{}*?\[\]\\\s]{0,64}$", "examples": ["portico:"]}),
]


def _secret(value: object) -> str:
    if not isinstance(value, str):
        raise refuse("must be text", None, "write it in quotes")
    return str(value)


Secret = Annotated[str, PlainValidator(_secret), WithJsonSchema({"type": "string"})]
"""Text, or none."""


class AwaySettings(SettingsModel):
    """What holds while the store cannot be asked. Revocation: see ``revocation`` on routes."""

    limits: Literal["local", "open", "closed"] = Field(
        default="local",
        description="local: each worker counts for itself and admits its part of each limit; open: limits refuse "
        "nobody; closed: what has limits is refused with 503.",
    )
    gateways: Positive = Field(
        default=1,
        description="How many gateways share the store: with local, a worker's part of a limit is one by this times "
        "gateway.workers.",
    )


class StoreSettings(SettingsModel):
    """Where revocations, records and shared counts are. ``url`` is None for memory."""

    url: StoreUrl = Field(
        default=None,
        description="memory: in the gateway's own processes, facts also in SQLite in gateway.data; or Redis, for "
        "several gateways: redis://, rediss://, unix://, redis+sentinel:// or redis+cluster://.",
        json_schema_extra={"default": MEMORY},
    )
    username: Secret = Field(default="", description="Who comes to Redis, where its URL does not say it.")
    password: Secret = Field(
        default="",
        repr=False,
        description="With what, where the URL does not say it: it need not be escaped here.",
    )
    timeout: PositiveDuration = Field(
        default=0.25, description="How long a question may take; then the store counts as away for it."
    )
    prefix: Prefix = Field(
        default="",
        description="What stands before every key in Redis, for gateways that share it with others.",
    )
    away: AwaySettings = Field(
        default_factory=AwaySettings, description="What holds while the store cannot be asked."
    )

    @property
    def address(self) -> StoreAddress | None:
        """Where it is and who comes; None for memory."""
        if self.url is None:
            return None
        username, password = self.username or self.url.username, self.password or self.url.password
        return replace(self.url, username=username, password=password)


def _short(value: object) -> object:
    return {"url": value} if isinstance(value, str) else value


def _short_schema(schema: dict[str, Any]) -> dict[str, Any]:
    return {"anyOf": [STORE_URL_SCHEMA, schema]}


StoreEntry = Annotated[StoreSettings, Form(_short, _short_schema)]
