"""Settings of the services behind the gateway: where they are, how long they may take, when to leave them alone."""

from __future__ import annotations

from typing import Annotated

from pydantic import Field

from portico.config.addresses import Address, ServiceAddress
from portico.config.models.model import SettingsModel
from portico.config.models.signing import SignSettings
from portico.config.values import (
    Count,
    Distinct,
    Flag,
    Host,
    Maybe,
    OneOrMany,
    OrOff,
    PemFile,
    Percentage,
    Positive,
    PositiveDuration,
    StatusRanges,
    Text,
)


class PoolSettings(SettingsModel):
    """Kept-alive connections to one instance, per worker."""

    connections: Positive = Field(default=256, description="Open connections to one instance, per worker.")
    idle: PositiveDuration = Field(default=4.0, description="How long an unused connection is kept.")
    queue: Count = Field(default=256, description="Requests that may wait for a connection; more are 503.")


class BreakerSettings(SettingsModel):
    """When to stop calling a service that fails, and when to try again."""

    errors: OrOff[Percentage] = Field(
        default=0.5, description="Share of failed calls within the window that opens the breaker."
    )
    volume: Positive = Field(default=10, description="Calls within the window before the share counts.")
    window: PositiveDuration = Field(
        default=10.0, description="The stretch of time over which calls are counted."
    )
    reset: PositiveDuration = Field(
        default=30.0, description="How long the breaker stays open before it lets probes through."
    )
    consecutive: OrOff[Positive] = Field(
        default=None,
        description="Failures in a row that open the breaker whatever the share.",
        json_schema_extra={"default": "off"},
    )
    probes: Positive = Field(
        default=1, description="Calls that are let through at a time to see whether it works again."
    )
    statuses: StatusRanges = Field(
        default=frozenset(range(500, 600)),
        description="Reply statuses that count as failures.",
        json_schema_extra={"default": ["500-599"]},
    )


class TlsSettings(SettingsModel):
    """How a service's certificate is checked, and which one the gateway shows."""

    verify: Flag = Field(
        default=True, description="Whether the service's certificate is checked. Switch off only for a test."
    )
    ca: Maybe[PemFile] = Field(
        default=None, description="File with the authorities to trust, in PEM form; by default the system's."
    )
    server_name: Maybe[Text] = Field(
        default=None, description="The name to ask for (SNI) and to check; by default the URL's host."
    )
    cert: Maybe[PemFile] = Field(
        default=None, description="File with the gateway's own certificate, for services that ask for one."
    )
    key: Maybe[PemFile] = Field(default=None, description="File with the key of that certificate.")


class ServiceSettings(SettingsModel):
    """Something that requests are forwarded to. Exactly one of ``url`` and ``instances`` is set."""

    url: Maybe[ServiceAddress] = Field(
        default=None,
        description="Where the service is: http://, https://, unix:/path or asgi://package.module:app; services with "
        "one asgi:// application, each with a path of its own behind it, and one env share its process.",
    )
    instances: Annotated[OneOrMany[ServiceAddress], Distinct] = Field(
        default=(), description="Where the service's instances are, if it has several."
    )
    env: Annotated[dict[str, Text], Field(repr=False)] = Field(
        default_factory=dict, description="Environment variables of an asgi:// application."
    )
    timeout: Maybe[PositiveDuration] = Field(
        default=None,
        description="Time to the reply's headers, over all attempts; 10s if nothing else says.",
    )
    idle: Maybe[PositiveDuration] = Field(
        default=None,
        description="Time between two pieces of the reply afterwards; 30s if nothing else says.",
    )
    total: OrOff[PositiveDuration] = Field(
        default=None,
        description="Time for the whole reply; no bound by default.",
        json_schema_extra={"default": "off"},
    )
    connect: PositiveDuration = Field(default=2.0, description="Time to open a connection, with TLS.")
    host: Host = Field(
        default="service",
        description="Whether the service sees its own host name or the one that the client asked for.",
    )
    pool: PoolSettings = Field(default_factory=PoolSettings, description="Kept-alive connections.")
    breaker: OrOff[BreakerSettings] = Field(
        default_factory=BreakerSettings, description="When to stop calling a failing service."
    )
    tls: Maybe[TlsSettings] = Field(
        default=None, description="TLS to an https:// service, if the usual is not right."
    )

    sign: Maybe[SignSettings] = Field(default=None, description="Signatures on requests to this service.")

    @property
    def addresses(self) -> tuple[Address, ...]:
        """Every instance, whichever way it was written."""
        return (self.url,) if self.url is not None else self.instances
