"""A service as compiled from the configuration, around its live state: breaker, pools, balance.

State is kept by name and by place in `LiveServices` and survives reloads; what a reload changes is the compiled
`Service` around it (design decision 5).
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from portico.http.pool import Pool
from portico.rules import Breaker, BreakerRule, RoundRobin

from .instance import Instance
from .signing import Signer


class Service:
    """What the road needs to call a service.

    Times in seconds, None where the service does not say; `failing[status]` is true for a breaker's failures.
    """

    __slots__ = (
        "breaker",
        "failing",
        "idle_s",
        "instances",
        "name",
        "own_host",
        "pick",
        "signer",
        "timeout_s",
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
        signer: Signer | None = None,
    ) -> None:
        self.name = name
        self.signer = signer
        self.instances = instances
        balancer: RoundRobin[Instance] = RoundRobin()
        self.pick = balancer.pick
        self.breaker = breaker
        self.failing = failing
        self.own_host = own_host
        self.timeout_s = timeout_s
        self.idle_s = idle_s

    def __repr__(self) -> str:
        return f"<Service {self.name} {len(self.instances)} instances {self.breaker!r}>"


class LiveServices:
    """What survives a reload: breakers by service name, pools by where their instance is.

    `commit` drops what the new configuration does not name; connections in use end with their exchange.
    """

    def __init__(self) -> None:
        self.breakers: dict[str, Breaker] = {}
        self._pools: dict[tuple[Any, ...], Pool] = {}

    def pool(self, key: tuple[Any, ...], build: Callable[[], Pool]) -> Pool:
        """The pool at this place with these settings."""
        return self._pools.get(key) or build()

    def breaker(self, name: str, rule: BreakerRule, build: Callable[[], Breaker]) -> Breaker:
        """The breaker of this service. Under another rule it begins anew: its counts answered another question."""
        known = self.breakers.get(name)
        return known if known is not None and known.rule == rule else build()

    def commit(self, breakers: dict[str, Breaker], pools: dict[tuple[Any, ...], Pool]) -> None:
        """These are live from now on; pools that are not among them are retired."""
        self.breakers = breakers
        for key, pool in self._pools.items():
            if key not in pools:
                pool.retire()
        self._pools = pools

    def pools(self) -> list[Pool]:
        """All live pools."""
        return list(self._pools.values())
