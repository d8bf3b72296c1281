"""The whole of a configuration."""

from __future__ import annotations

from typing import Literal

from pydantic import Field

from portico.config.models.gateway import GatewaySettings, LogSettings
from portico.config.models.hosts import Hosts
from portico.config.models.identity import IdentitySettings, RoleSettings
from portico.config.models.model import SettingsModel
from portico.config.models.route import DefaultSettings, RouteSettings
from portico.config.models.service import ServiceSettings
from portico.config.models.venues import VenuesSettings
from portico.config.references import IdentityName
from portico.config.values import Maybe, Name, OneOrMany, PositiveDuration, Template, Text


class TokenSettings(SettingsModel):
    """A token for a person who tries the gateway."""

    identity: IdentityName = Field(description="The identity whose secret signs it.")
    claims: dict[str, Template] = Field(default_factory=dict, description="What the token says.")
    expires: PositiveDuration = Field(default=86_400.0, description="How long it is valid.")


class DevelopmentSettings(SettingsModel):
    """What ``portico run`` prints for a person who tries the gateway. Has no effect on requests."""

    user: dict[str, Template] = Field(
        default_factory=dict, repr=False, description="A demonstration user, printed as it is."
    )
    token: Maybe[TokenSettings] = Field(default=None, description="A token to make and print.")
    try_: OneOrMany[Text] = Field(
        default=(), alias="try", description='Requests to print as curl lines, such as "GET /health".'
    )


Includes = tuple[Text, ...]
Plugins = OneOrMany[Text]


class Settings(SettingsModel):
    """A configuration file of Portico."""

    version: Literal[1] = Field(description="The version of this language: 1.")
    include: Includes = Field(
        default=(), description="Further files, relative to this one; * and ** stand for names."
    )
    gateway: GatewaySettings = Field(default_factory=GatewaySettings, description="The gateway itself.")
    logs: LogSettings = Field(default_factory=LogSettings, description="What is logged, where and how.")
    identity: dict[Name, IdentitySettings] = Field(
        default_factory=dict, description="Ways to prove who is calling, by name."
    )
    roles: dict[Name, RoleSettings] = Field(default_factory=dict, description="What roles may do, by name.")
    hosts: Hosts = Field(
        default_factory=dict,
        description="Host names that stand for a brand, and the tenant that each is for.",
    )
    venues: Maybe[VenuesSettings] = Field(
        default=None, description="Who belongs to which venue, for routes that ask for it."
    )
    services: dict[Name, ServiceSettings] = Field(
        default_factory=dict, description="What requests are forwarded to, by name."
    )
    defaults: DefaultSettings = Field(
        default_factory=DefaultSettings, description="What every route does unless it states otherwise."
    )
    routes: tuple[RouteSettings, ...] = Field(default=(), description="Which requests go where.")
    stages: Plugins = Field(
        default=(), description="Plug-in stages beside the installed ones, as package.module:Class."
    )
    development: DevelopmentSettings = Field(
        default_factory=DevelopmentSettings,
        description="What portico run prints for a person who tries the gateway.",
    )
