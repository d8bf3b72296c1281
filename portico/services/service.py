"""A service as compiled from the configuration, around its live state: breaker, pools, balance.

State is kept by name in `LiveServices` and survives reloads; what a reload changes is the compiled `Service` around
it. A breaker whose rule has changed begins anew, since its counts answered another question.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from portico.http.pool import Pool
from portico.rules.balancer import RoundRobin
from portico.rules.breaker import Breaker, BreakerRule

from .instance import Instance


class Service:
    """What the road needs to call a service.

    Times in seconds, None where the service does not say; `failing[status]` is true for a breaker's failures.
    """

    __slots__ = (
        "balancer",
        "breaker",
        "calls_s",
        "failing",
        "idle_s",
        "instances",
        "name",
        "own_host",
        "timeout_s",
        "total_s",
    )

    def __init__(
        self,
        name: str,
        instances: tuple[Instance, ...],
        breaker: Breaker | None,
        failing: bytes,
        *,
        own_host: bool,
        timeout_s: float | None,
        idle_s: float | None,
        total_s: float | None,
    ) -> None:
        self.name = name
        self.instances = instances
        self.balancer = RoundRobin()
        self.breaker = breaker
        self.failing = failing
        self.own_host = own_host
        self.timeout_s = timeout_s
        self.idle_s = idle_s
        self.total_s = total_s

    def __repr__(self) -> str:
        return f"<Service {self.name} {len(self.instances)} instances {self.breaker!r}>"


class LiveServices:
    """What survives a reload: breakers by service name, pools by where their instance is.

    `commit` drops what the new configuration does not name; connections in use end with their exchange.
    """

    def __init__(self) -> None:
        self._breakers: dict[str, tuple[BreakerRule, Breaker]] = {}
        self._pools: dict[tuple[Any, ...], Pool] = {}

    def breaker(self, name: str, rule: BreakerRule, build: Callable[[], Breaker]) -> Breaker:
        """The breaker of this service, kept if its rule is the same."""
        known = self._breakers.get(name)
        if known is not None and known[0] == rule:
            return known[1]
        return build()

    def pool(self, key: tuple[Any, ...], build: Callable[[], Pool]) -> Pool:
        """The pool at this place with these settings."""
        return self._pools.get(key) or build()

    def commit(
        self, breakers: dict[str, tuple[BreakerRule, Breaker]], pools: dict[tuple[Any, ...], Pool]
    ) -> None:
        """These are live from now on; the pools that are not among them are retired."""
        for key, pool in self._pools.items():
            if key not in pools:
                pool.retire()
        self._breakers = breakers
        self._pools = pools

    def breakers(self) -> dict[str, Breaker]:
        """Name → live breaker."""
        return {name: breaker for name, (_, breaker) in self._breakers.items()}

    def pools(self) -> list[Pool]:
        """All live pools."""
        return list(self._pools.values())
