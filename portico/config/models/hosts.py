"""Settings of host names that stand for a brand and its tenant."""

from __future__ import annotations

from pydantic import Field

from portico.config.models.model import SettingsModel
from portico.config.models.route import HostPattern
from portico.config.values import HeaderValue, Maybe


class HostSettings(SettingsModel):
    """Whom one host name is for."""

    tenant: HeaderValue = Field(
        description="The tenant of everybody who calls here; callers of others are refused."
    )
    brand: Maybe[HeaderValue] = Field(default=None, description="What services are told as X-Gateway-Brand.")


Hosts = dict[HostPattern, HostSettings]
