"""Everything compiled from one configuration, immutable: requests hold the one that they began with."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from portico.config.models.settings import Settings
from portico.routing.table import RouteTable
from portico.services.service import Service

from .chain import Chain
from .errors import ErrorForm
from .site import Make


@dataclass(frozen=True, slots=True)
class Runtime:
    """`unrouted` is the chain of requests that no route takes, `asterisk` that of `OPTIONS *`."""

    settings: Settings
    table: RouteTable
    chains: tuple[Chain, ...]
    unrouted: Chain
    asterisk: Chain
    services: Mapping[str, Service]
    errors: ErrorForm
    background: Mapping[str, Make]
    generation: int

    def __repr__(self) -> str:
        return f"<Runtime {self.generation}: {len(self.chains)} routes, {len(self.services)} services>"
