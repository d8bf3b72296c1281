"""What the supervisor itself must know of a checked configuration: where to listen, what to run, how long to wait.

The rest of the settings only passes through to the workers. This is the one place of the supervisor that knows the
shape of the settings.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from portico.config import Loaded, Settings
from portico.config.addresses import Listen
from portico.process.children import App

Load = Callable[[str], Loaded]
"""Path of the main file → the checked configuration, or `ConfigurationError` with everything that is wrong."""


@dataclass(frozen=True, slots=True)
class Plan:
    """A checked configuration, as the supervisor needs it. Times are seconds."""

    settings: Settings
    listen: tuple[Listen, ...]
    secure: frozenset[int]  # of `listen`, those with TLS
    workers: int
    data: str
    delay_s: float
    grace_s: float
    drain_s: float
    shares_store: bool  # workers that need a process to have one store together
    limit_keys: int
    apps: tuple[App, ...]

    @classmethod
    def of(cls, settings: Settings) -> Plan:
        """The plan that these settings amount to."""
        gateway = settings.gateway
        apps = tuple(
            App(name, address.app, tuple(sorted(service.env.items())), shared=bool(address.base))
            for name, service in settings.services.items()
            for address in service.addresses
            if address.scheme == "asgi"
        )
        return cls(
            settings,
            tuple(entry.where for entry in gateway.listen),
            frozenset(number for number, entry in enumerate(gateway.listen) if entry.tls is not None),
            gateway.workers,
            gateway.data,
            gateway.shutdown.delay,
            gateway.shutdown.grace,
            gateway.drain_timeout,
            gateway.workers > 1 and gateway.store.url is None,
            gateway.rate_limits.keys,
            apps,
        )
